"""What stands in the way of more weight: the world around one canary as the catalog knows it, and the holds that follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from meshportal.catalog import queries as catalog
from meshportal.catalog.models import LiveObject
from meshportal.clusters.freezing import Frozen, frozen
from meshportal.clusters.models import Cluster, Stop
from meshportal.clusters.stopping import stopped
from meshportal.mesh.facts import Facts
from meshportal.mesh.hosts import rules_service
from meshportal.mesh.observation import KUBERNETES
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ServiceRef
from meshportal.mesh.rollouts.phases import Hold, Phase, Reason, State
from meshportal.mesh.rollouts.spec import Spec
from meshportal.mesh.rollouts.verdict import Pods
from meshportal.mesh.snapshot import ServiceNow, Snapshot
from meshportal.mesh.stock import Stock
from meshportal.mesh.traffic import VERSION_LABEL

SILENT_PERIODS = 4
"""So many periods without a snapshot, and nobody can say what the cluster looks like."""
ENOUGH_PODS = 0.8
"""Share of the pods that the baseline would need for as many requests. A rule of thumb: what scales itself needs some time."""


class World:
    """One mesh in the catalog at one moment: each part is read when it is first asked for, for all canaries of a sweep."""

    def __init__(self, cluster: Cluster, now: datetime) -> None:
        self.cluster, self.now = cluster, now
        self._frozen: dict[str, Frozen | None] = {}

    @cached_property
    def snapshot(self) -> Snapshot | None:
        return catalog.latest(self.cluster)

    @cached_property
    def stock(self) -> Stock | None:
        """What runs; None where that is not known, or not any more."""
        return catalog.stock(self.cluster) if self.observed else None

    @cached_property
    def observed(self) -> bool:
        """Whether the catalog tells of now: an observer is at it, and Kubernetes answers it."""
        if self.snapshot is None:
            return False
        age = self.now.timestamp() - self.snapshot.taken_at
        source = self.snapshot.source(KUBERNETES)
        return age <= SILENT_PERIODS * self.snapshot.period_seconds and (source is None or source.ok)

    @cached_property
    def rules(self) -> list[Manifest]:
        rows = LiveObject.objects.filter(cluster=self.cluster, kind=DESTINATION_RULE.kind).order_by("namespace", "name")
        return list(rows.values_list("manifest", flat=True))

    @cached_property
    def routes(self) -> Mapping[tuple[str, str], Manifest]:
        rows = LiveObject.objects.filter(cluster=self.cluster, kind=VIRTUAL_SERVICE.kind)
        return {(namespace, name): manifest for namespace, name, manifest in rows.values_list("namespace", "name", "manifest")}

    @cached_property
    def stop(self) -> Stop | None:
        return stopped(self.cluster)

    def frozen(self, namespace: str) -> Frozen | None:
        if namespace not in self._frozen:
            self._frozen[namespace] = frozen(self.cluster, namespace, self.now)
        return self._frozen[namespace]


@dataclass(frozen=True)
class Around:
    """The world around one canary. `labels` are those of its two subsets, an absent subset has none here; `pods` count those
    behind each, None where Kubernetes does not say; `service` is it in the snapshot."""

    observed: bool
    service_there: bool
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ready: Mapping[str, int] = field(default_factory=dict)
    crashing: bool = False
    service: ServiceNow | None = None
    frozen: Frozen | None = None
    stop: Stop | None = None

    def version(self, subset: str) -> str:
        """The version label by which metrics tell the subset, "" where it has none."""
        return self.labels.get(subset, {}).get(VERSION_LABEL, "")

    def pods_of(self, subset: str) -> Pods:
        return Pods(self.ready.get(subset), self.crashing)


def around(world: World, spec: Spec) -> Around:
    """What the catalog knows around a canary."""
    labels = _labels(world.rules, spec)
    stock = world.stock
    ready: dict[str, int] = {}
    crashing = False
    there = True
    if stock is not None:
        facts = Facts(services=stock.services, pods=stock.pods)
        service = facts.service(spec.service)
        there = service is not None
        for subset, its in labels.items():
            if service is not None:
                groups = facts.pods_behind(service, its)
                ready[subset] = sum(group.ready for group in groups)
                crashing = crashing or (subset == spec.canary and any(group.crashing for group in groups))
    return Around(
        observed=world.observed,
        service_there=there,
        labels=labels,
        ready=ready,
        crashing=crashing,
        service=_service_now(world.snapshot, spec.service) if world.observed else None,
        frozen=world.frozen(spec.service.namespace),
        stop=world.stop,
    )


def guards(spec: Spec, state: State, there: Around) -> tuple[Reason, ...]:
    """The holds that are seen right now. None of them stops a rollback."""
    found: list[Reason] = []
    if there.frozen:
        found.append(Reason(Hold.FREEZE, {"until": str(there.frozen)}))
    if there.stop:
        found.append(Reason(Hold.STOPPED, {"by": there.stop.by.username}))
    if not there.service_there:
        found.append(Reason(Hold.GONE, {"what": "service"}))
    elif {spec.baseline, spec.canary} - set(there.labels):
        found.append(Reason(Hold.GONE, {"what": "subset"}))
    if not there.observed:
        found.append(Reason(Hold.SYNC, {"out_of_sync": None, "reason": "observer"}))
    elif there.service and there.service.out_of_sync:
        found.append(Reason(Hold.SYNC, {"out_of_sync": there.service.out_of_sync, "reason": there.service.sync_reason}))
    if state.phase is Phase.BAKING:
        # nothing rises any more
        return tuple(reason for reason in found if reason.hold is Hold.GONE)
    if (lacking := _capacity(spec, state, there)) is not None:
        found.append(lacking)
    return tuple(found)


def settled(state: State, there: Around, spec: Spec, now: float, seconds: float) -> bool:
    """Whether what is measured from now on is of this weight alone: `seconds`, two scrapes, after it was verified."""
    in_sync = not (there.service and there.service.out_of_sync)
    ready = there.ready.get(spec.canary)
    return now - (state.shifted_at or now) >= seconds and in_sync and (ready is None or ready > 0)


def _capacity(spec: Spec, state: State, there: Around) -> Reason | None:
    following = state.step if state.phase in {Phase.PREFLIGHT, Phase.SHIFTING, Phase.PROMOTING} else state.step + 1
    if following >= len(spec.steps):
        return None
    baseline, canary = there.ready.get(spec.baseline), there.ready.get(spec.canary)
    if baseline is None or canary is None:
        return Reason(Hold.CAPACITY, {"ready": canary, "needed": None})
    needed = max(1, math.floor(spec.steps[following].weight / 100 * baseline * ENOUGH_PODS))
    return Reason(Hold.CAPACITY, {"ready": canary, "needed": needed}) if canary < needed else None


def _labels(rules: list[Manifest], spec: Spec) -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for rule in rules:
        if rules_service(rule, spec.service):
            for subset in rule.get("spec", {}).get("subsets") or []:
                if subset.get("name") in {spec.baseline, spec.canary}:
                    found[subset["name"]] = subset.get("labels") or {}
    return found


def _service_now(snapshot: Snapshot | None, service: ServiceRef) -> ServiceNow | None:
    rows = snapshot.services if snapshot else ()
    return next((row for row in rows if (row.namespace, row.name) == (service.namespace, service.name)), None)
