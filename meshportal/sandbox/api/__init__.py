"""A small fake Kubernetes API server: objects in a SQLite file behind HTTPS with bearer tokens.

It answers as a measured Kubernetes 1.36 with Istio 1.31 does; where the two differ, this one is wrong (tests/contracts).
"""

from __future__ import annotations
