"""Reading the meshes that the portal looks after."""

from __future__ import annotations

import re

from meshportal.clusters.models import Cluster

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def cluster_named(name: str) -> Cluster | None:
    """The cluster of that name. What can be no name is not even asked for: PostgreSQL raises an error on NUL."""
    return Cluster.objects.filter(name=name).first() if NAME.fullmatch(name) else None
