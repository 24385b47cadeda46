"""The rights that an installation gives the portal, given to the users of a real mesh: the roles of deploy/, and nothing else."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Mapping
from typing import Any

import yaml
from django.conf import settings

from meshportal.mesh.refs import Manifest

GROUP = "rbac.authorization.k8s.io"
USERS = {"observer": "observer", "portal": "worker"}
"""Who carries which role of deploy/rbac: the users are those of tools.realmesh and of the sandbox."""


def shipped() -> dict[str, Manifest]:
    """The ClusterRole of each user, as deploy/rbac has it."""
    folder = settings.BASE_DIR / "deploy" / "rbac"
    return {user: yaml.safe_load((folder / f"{role}.yaml").read_text()) for user, role in USERS.items()}


def grant(info: Mapping[str, Any], roles: Mapping[str, Manifest]) -> None:
    """Give each user of a new API server its ClusterRole. `info` is what its process printed: server, certificate_authority,
    tokens. Raises OSError, of which urllib's errors are kinds."""
    for user, role in roles.items():
        name = role["metadata"]["name"]
        binding = {
            "apiVersion": f"{GROUP}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}],
        }
        for plural, body in (("clusterroles", role), ("clusterrolebindings", binding)):
            post(info, f"/apis/{GROUP}/v1/{plural}", body)


def post(info: Mapping[str, Any], path: str, body: object) -> None:
    """POST as admin. Raises OSError."""
    context = ssl.create_default_context(cafile=info["certificate_authority"])
    # never through a proxy of the environment: this is loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    headers = {"Authorization": f"Bearer {info['tokens']['admin']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{info['server']}{path}", json.dumps(body).encode(), headers, method="POST")  # noqa: S310
    with opener.open(request, timeout=10):
        pass
