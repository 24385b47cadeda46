"""A mesh in a box: a small Kubernetes API (api) and workloads with traffic (world), as processes of their own."""
