"""What runs in the data plane: a table. A pod of each exists in the API; what it says it does is a real process here."""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "bookinfo"
PORT = 9080
"""Of every Service and every workload, on the workload's own address."""


@dataclass(frozen=True)
class Workload:
    """One Deployment with one pod. `app` is also its service account.

    `serves`: an HTTP app answers for it, behind its sidecar or, without one, on its address itself. `calls`: its sidecar has a
    listener through which requests can be sent. Without a `sidecar` it speaks plain text, as workloads outside of the mesh do.
    """

    app: str
    version: str
    serves: bool = False
    calls: bool = False
    sidecar: bool = True

    @property
    def name(self) -> str:
        return f"{self.app}-{self.version}"

    @property
    def labels(self) -> dict[str, str]:
        return {"app": self.app, "version": self.version}


WORKLOADS = (
    Workload("productpage", "v1", calls=True),
    Workload("reviews", "v1", serves=True),
    Workload("reviews", "v2", serves=True),
    Workload("legacy", "v1", sidecar=False),
)


def addresses(network: str, workloads: tuple[Workload, ...] = WORKLOADS) -> dict[str, str]:
    """Name -> address in the /24 `network` ("127.20.7"): the first address of a /30 each, for a node's range of pods is one."""
    return {workload.name: f"{network}.{4 * number + 5}" for number, workload in enumerate(workloads)}


def pod_range(address: str) -> str:
    """The /30 of which `address` is the first one that can be used."""
    network, _, last = address.rpartition(".")
    return f"{network}.{int(last) - 1}/30"
