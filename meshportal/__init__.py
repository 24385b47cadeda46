"""MeshPortal: a web portal for Istio service meshes."""
