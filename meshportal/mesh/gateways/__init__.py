"""Services exposed on ingress gateways: from what is live to a form, and back, without loss.

Fields and rules: Gateway `servers[]`, VirtualService `gateways[]`, `hosts[]`, `http[]` (networking.istio.io/v1).
"""
