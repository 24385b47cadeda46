"""Workloads and traffic of a demo mesh, on any Kubernetes API, and the Prometheus that measures them."""
