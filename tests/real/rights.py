"""An API server whose users have exactly the roles of deploy/, less a right that a test takes away."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.demo.rights import GROUP, shipped
from meshportal.mesh.refs import Manifest, ResourceRef, version_of
from tests.contracts.kube import Kube
from tests.dataplane.plane import eventually
from tests.processes import real_mesh, sandbox_api

NAMESPACE = "bookinfo"


@dataclass(frozen=True)
class Right:
    """One verb on one resource, given to a user by the role that deploy/ has for it."""

    user: str
    verb: str
    group: str
    resource: str

    def __str__(self) -> str:
        """As the portal names it: "list pods", "get virtualservices.networking.istio.io"."""
        return f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")


def rights(user: str) -> list[Right]:
    """Every right of `user`, one by one."""
    return [
        Right(user, verb, group, resource)
        for rule in shipped()[user]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def role(user: str, held: list[Right]) -> Manifest:
    """The ClusterRole of `user` with the rights `held` only."""
    rules = [{"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]} for right in held]
    return {**deepcopy(shipped()[user]), "rules": rules}


@dataclass(frozen=True)
class Server:
    """`info` is what its process printed."""

    info: Mapping[str, Any]

    def cluster(self, user: str) -> KubernetesCluster:
        return KubernetesCluster.from_kubeconfig(self.info["kubeconfig"][user])

    def kube(self, user: str) -> Kube:
        context = ssl.create_default_context(cafile=self.info["certificate_authority"])
        return Kube(dict(self.info), NAMESPACE, user, context)

    def put(self, *manifests: Manifest) -> None:
        admin = self.cluster("admin")
        for manifest in manifests:
            admin.create(manifest)
        admin.close()

    def remove(self, *refs: ResourceRef) -> None:
        """Delete what is there."""
        admin = self.cluster("admin")
        for ref in refs:
            if live := admin.get(ref):
                admin.delete(ref, expect=version_of(live))
        admin.close()

    @contextmanager
    def without(self, taken: Right) -> Iterator[None]:
        """A user of a real API server lacks one right while the block runs."""
        try:
            self._give(role(taken.user, [right for right in rights(taken.user) if right != taken]))
            eventually(f"no right to {taken}", lambda: not self.allows(taken))
            yield
        finally:
            self._give(shipped()[taken.user])
            eventually(f"right to {taken}", lambda: self.allows(taken))

    def allows(self, right: Right) -> bool:
        """What the API server itself says of it."""
        asked = {"verb": right.verb, "group": right.group, "resource": right.resource, "namespace": NAMESPACE}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": asked}}
        answer = self.kube(right.user).ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
        return bool(answer.body["status"]["allowed"])

    def _give(self, role: Manifest) -> None:
        answer = self.kube("admin").ask("PUT", f"/apis/{GROUP}/v1/clusterroles/{role['metadata']['name']}", role)
        assert answer.status == 200, answer.message


@contextmanager
def sandbox_server(folder: Path) -> Iterator[Server]:
    table: dict[str, list[dict[str, list[str]]]] = {"admin": [{"verbs": ["*"], "groups": ["*"]}], "nobody": []}
    for user, cluster_role in shipped().items():
        rules = cluster_role["rules"]
        table[user] = [{"verbs": r["verbs"], "groups": r["apiGroups"], "resources": r["resources"]} for r in rules]
    (folder / "roles.json").write_text(json.dumps(table))
    with sandbox_api(folder) as info:
        yield with_a_namespace(Server(info))


@contextmanager
def real_server() -> Iterator[Server]:
    with real_mesh(roles=shipped()) as info:
        yield with_a_namespace(Server(info))


def with_a_namespace(server: Server) -> Server:
    server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    return server
