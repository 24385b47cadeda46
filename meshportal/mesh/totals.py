"""The mesh in numbers, summed from its services and namespaces: somebody who sees only some of them gets only their sum."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import replace

from meshportal.mesh.snapshot import MeshNow, NamespaceNow, ServiceNow, Snapshot


def mesh_of(services: Collection[ServiceNow], namespaces: Sequence[NamespaceNow]) -> MeshNow:
    """Rates summed, shares weighted by the requests they are shares of. Latency cannot be had from services' quantiles: None."""
    rates = [service.per_second for service in services if service.per_second is not None]
    return MeshNow(
        per_second=sum(rates) if rates else None,
        success_percent=_weighted(services, lambda s: s.success_percent, lambda s: s.per_second),
        mtls_percent=_weighted(services, lambda s: s.mtls_percent, lambda s: s.served_per_second),
        envoys_ready=_summed([namespace.envoys_ready for namespace in namespaces]),
        envoys_total=_summed([namespace.envoys_total for namespace in namespaces]),
        proxies_in_sync=_summed([namespace.proxies_in_sync for namespace in namespaces]),
        proxies_out_of_sync=_summed([namespace.proxies_out_of_sync for namespace in namespaces]),
    )


def visible(snapshot: Snapshot, names: Container[str]) -> Snapshot:
    """`snapshot` for somebody who sees only the namespaces in `names`: nothing in it comes from another.

    The p95 of some namespaces is not known (quantiles do not add), and connected proxies are counted for the whole mesh: None.
    """
    services = tuple(service for service in snapshot.services if service.namespace in names)
    namespaces = tuple(namespace for namespace in snapshot.namespaces if namespace.name in names)
    return replace(snapshot, services=services, namespaces=namespaces, mesh=mesh_of(services, namespaces))


def _weighted(
    services: Collection[ServiceNow],
    share: Callable[[ServiceNow], float | None],
    weight: Callable[[ServiceNow], float | None],
) -> float | None:
    pairs = [(s, w) for s, w in ((share(service), weight(service)) for service in services) if s is not None and w]
    total = sum(w for _, w in pairs)
    if not total:
        return None
    # rounding must not make 99.99999 % of shares that are all 100 %
    shares = [s for s, _ in pairs]
    return min(max(sum(s * w for s, w in pairs) / total, min(shares)), max(shares))


def _summed(counts: Sequence[int | None]) -> int | None:
    """None as soon as one is unknown, and for nothing at all."""
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
