"""A real Kubernetes, a real Istio and real Envoys on one machine, on loopback, without containers and without root.

`python -m tools.realmesh build|up|dataplane|kubectl|istioctl`. Standard library only; docs/testing.md tells what it proves.
"""
