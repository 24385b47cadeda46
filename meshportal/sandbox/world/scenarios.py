"""What can be made to go wrong, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshportal.mesh.refs import ServiceRef


@dataclass(frozen=True)
class Fault:
    """How a version misbehaves: codes it answers with instead of 200 (share 0–1) and how many times slower it is."""

    codes: tuple[tuple[str, float], ...] = ()
    slowness: float = 1.0


@dataclass(frozen=True)
class Scenario:
    """`traffic` multiplies all rates. `silent` is the share of proxies that have stopped reporting. The proxies of the version
    `refusing` refuse what istiod sends. The youngest pod of the version `sick` answers every request with 503."""

    name: str
    sentence: str
    traffic: float = 1.0
    faults: Mapping[tuple[ServiceRef, str], Fault] = field(default_factory=dict)
    silent: float = 0.0
    prometheus_down: bool = False
    refusing: tuple[ServiceRef, str] | None = None
    sick: tuple[ServiceRef, str] | None = None

    def fault(self, service: ServiceRef, version: str) -> Fault:
        return self.faults.get((service, version), Fault())


_CANARY = (ServiceRef("bookinfo", "reviews"), "v2")

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("healthy", "Everything answers as it should."),
        Scenario(
            "failing-canary",
            "Version v2 of reviews fails 30 % of its requests (20 % 503, 10 % 500).",
            faults={_CANARY: Fault((("503", 0.2), ("500", 0.1)))},
        ),
        Scenario(
            "slow-canary", "Version v2 of reviews takes 40 times as long, about 0.7 s.", faults={_CANARY: Fault(slowness=40.0)}
        ),
        Scenario(
            "sick-pod",
            "One of the two pods of catalog in shop answers 503 to everything and stays ready.",
            sick=(ServiceRef("shop", "catalog"), "v1"),
        ),
        Scenario("no-traffic", "Nobody sends a request. Counters stand still.", traffic=0.0),
        Scenario("prometheus-down", "Prometheus answers 503 to everything.", prometheus_down=True),
        Scenario("refused-configuration", "The proxies of version v2 of reviews refuse their listeners.", refusing=_CANARY),
        Scenario("stale-proxies", "A third of the proxies has stopped reporting and has lost istiod.", silent=1 / 3),
    )
}
