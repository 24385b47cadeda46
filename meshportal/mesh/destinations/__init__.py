"""How requests reach one service: its DestinationRule as a form and a pipeline take it, and back, without loss.

Fields and rules: DestinationRule (networking.istio.io/v1), and `ValidateDestinationRule` of Istio's pkg/config/validation.
"""
