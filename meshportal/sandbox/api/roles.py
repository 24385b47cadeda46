"""Who may do what: a small table in roles.json, and 401 and 403 in Kubernetes' words.

https://kubernetes.io/docs/reference/access-authn-authz/authorization/
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshportal.sandbox.api.status import ApiError, Target

ANONYMOUS = "system:anonymous"
EVERYTHING = "*"
READ = ["get", "list", "watch"]
WRITE = ["create", "update", "patch", "delete"]
ISTIO = ["networking.istio.io", "security.istio.io", "telemetry.istio.io"]

_MESH = {"verbs": READ, "groups": [*ISTIO, "apps", "discovery.k8s.io", "apiextensions.k8s.io", "monitoring.coreos.com"]}
_CORE = {
    "verbs": READ,
    "groups": [""],
    "resources": ["namespaces", "nodes", "services", "pods", "configmaps", "events"],
}

DEFAULT: dict[str, list[dict[str, list[str]]]] = {
    "admin": [{"verbs": [EVERYTHING], "groups": [EVERYTHING]}],
    "portal": [_MESH, _CORE, {"verbs": WRITE, "groups": ISTIO}],
    "observer": [_MESH, _CORE],
    "nobody": [],
}
"""user → rules in the shape of RBAC: verbs, groups, and optionally resources and namespaces; a missing list means all."""

# what system:public-info-viewer and system:discovery allow in a fresh cluster
PUBLIC = ("/version", "/healthz", "/livez", "/readyz")
DISCOVERY = ("/api", "/apis")


@dataclass(frozen=True)
class Access:
    """What a request asks for, in RBAC's terms."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class Roles:
    """The tokens and the table of one data folder."""

    def __init__(self, tokens: dict[str, str], rules: dict[str, list[dict[str, list[str]]]]) -> None:
        self._tokens, self._rules = tokens, rules

    @classmethod
    def load(cls, folder: Path, tokens: dict[str, str]) -> Roles:
        """roles.json of `folder`, written with sane defaults the first time."""
        path = folder / "roles.json"
        if not path.exists():
            path.write_text(json.dumps(DEFAULT, indent=2) + "\n")
        return cls(tokens, json.loads(path.read_text()))

    def user(self, authorization: str) -> str:
        """The user of an Authorization header, anonymous where there is none. Raises 401 for a token nobody has."""
        scheme, _, token = authorization.partition(" ")
        if not authorization or scheme.lower() != "bearer":
            return ANONYMOUS
        for user, known in self._tokens.items():
            if hmac.compare_digest(known.encode(), token.strip().encode()):
                return user
        raise ApiError(401, "Unauthorized", "Unauthorized")

    def require(self, user: str, access: Access) -> None:
        """Raises 403 unless a rule of `user` allows `access`."""
        if access.path:
            open_to_all = access.path.startswith(PUBLIC)
            known = user != ANONYMOUS and access.path.startswith(DISCOVERY)
            if not (open_to_all or known or self._allowed(user, access)):
                raise _forbidden_path(user, access)
        elif not self._allowed(user, access):
            raise _forbidden(user, access)

    def _allowed(self, user: str, access: Access) -> bool:
        return any(_allows(rule, access) for rule in self._rules.get(user, []))


def _allows(rule: dict[str, list[str]], access: Access) -> bool:
    if access.path:
        return EVERYTHING in rule.get("groups", [])
    resource = f"{access.resource}/{access.subresource}" if access.subresource else access.resource
    return (
        _has(rule["verbs"], access.verb)
        and _has(rule["groups"], access.group)
        # a right to "pods" is no right to "pods/status", but a rule without resources means everything in the group
        and _has(rule.get("resources", [EVERYTHING]), resource)
        and _has(rule.get("namespaces", [EVERYTHING]), access.namespace)
    )


def _has(allowed: Sequence[str], asked: str) -> bool:
    return EVERYTHING in allowed or asked in allowed


def _forbidden(user: str, access: Access) -> ApiError:
    target = Target(access.group, access.resource, access.name)
    name = f' "{access.name}"' if access.name else ""
    resource = f"{access.resource}/{access.subresource}" if access.subresource else access.resource
    where = f'in the namespace "{access.namespace}"' if access.namespace else "at the cluster scope"
    message = (
        f'{target.resource}{name} is forbidden: User "{user}" cannot {access.verb} resource "{resource}" '
        f'in API group "{access.group}" {where}'
    )
    return ApiError(403, "Forbidden", message, target)


def _forbidden_path(user: str, access: Access) -> ApiError:
    message = f'forbidden: User "{user}" cannot {access.verb} path "{access.path}"'
    return ApiError(403, "Forbidden", message, Target())


def cluster_roles() -> list[dict[str, Any]]:
    """The default table as ClusterRole objects, so that a real API server can be given the same rights."""
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": f"meshportal-{user}"},
            "rules": [
                {"verbs": r["verbs"], "apiGroups": r["groups"], "resources": r.get("resources", [EVERYTHING])} for r in rules
            ],
        }
        for user, rules in DEFAULT.items()
        if user != "admin" and rules
    ]
