"""One tick, as a function: every outage is a sequence of answers and silences."""

from __future__ import annotations

import json
from dataclasses import replace

from meshportal.mesh.health import Limits, Memory
from meshportal.mesh.inventory import Inventory, read_namespace, read_pod, read_service
from meshportal.mesh.observation import Last, Metrics, Moment, observe
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.mesh.rows import ControlPlane, LatencyRow, TrafficRow, VersionRow
from meshportal.mesh.snapshot import ServiceNow, Snapshot, State, Why
from meshportal.mesh.survey import Survey, survey, surveyed_from
from tests.mesh.objects import destination, destination_rule, namespace, pod, service, virtual_service

CART = ServiceRef("shop", "cart")
PERIOD = 5
ENVOYS = frozenset({("shop", "cart-v1-a"), ("shop", "cart-v2-a")})
ROUTE: tuple[Manifest, Manifest] = (
    virtual_service("cart", [destination("cart", "stable", 90), destination("cart", "canary", 10)]),
    destination_rule("cart", {"stable": {"version": "v1"}, "canary": {"version": "v2"}}),
)


def mesh(*services: Manifest, pods: tuple[Manifest, ...] | None = None) -> Survey:
    """The shop with its cart, both versions ready, and a split route."""
    found = [read_service(manifest) for manifest in services or (service("cart"),)]
    some = (pod("cart-v1-a"), pod("cart-v2-a")) if pods is None else pods
    shop = read_namespace(namespace("shop", owner="team-shop", injected=True))
    inventory = Inventory({"shop": shop}, {s.ref: s for s in found}, tuple(map(read_pod, some)), (ROUTE[0],), (ROUTE[1],))
    return survey(inventory)


class Watch:
    """Ticks every five seconds. What answers is asked anew each tick; what is silent fails each tick."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.kubernetes = Last(mesh())
        self.metrics = Metrics()
        self.memory: dict[ServiceRef, Memory] = {}
        self.prometheus_answers = self.kubernetes_answers = True
        self.snapshot = Snapshot("prod", 0, 0.0, PERIOD, 60)
        self.rows: tuple[TrafficRow, ...] = (
            TrafficRow("source", CART, "200", "unknown", 10.0),
            TrafficRow("destination", CART, "200", "mutual_tls", 10.0),
        )

    def tick(self, times: int = 1) -> Snapshot:
        for _ in range(times):
            self.now += PERIOD
            self._ask()
            before = self.snapshot.source("prometheus")
            moment = Moment("prod", self.snapshot.version + 1, self.now, PERIOD, 60, before.observed_at if before else None)
            self.snapshot, self.memory = observe(moment, self.kubernetes, self.metrics, self.memory, Limits())
        return self.snapshot

    def _ask(self) -> None:
        old, now = self.metrics, self.now
        if self.prometheus_answers:
            shares = (VersionRow("source", CART, "v1", "200", 9.0), VersionRow("source", CART, "v2", "500", 1.0))
            self.metrics = Metrics(
                traffic=old.traffic.answered(self.rows, now),
                versions=old.versions.answered(shares, now),
                latency=old.latency.answered((LatencyRow("source", CART, 84.0), LatencyRow("destination", CART, 80.0)), now),
                mesh_latency=old.mesh_latency.answered({"source": 84.0}, now),
                proxies=old.proxies.answered(ENVOYS, now),
                control_plane=old.control_plane.answered(ControlPlane(3600.0, 2.0, 0.0), now),
                istiod_at=now,
            )
        else:
            self.metrics = replace(
                old,
                traffic=old.traffic.failed("connection refused"),
                versions=old.versions.failed("connection refused"),
                proxies=old.proxies.failed("connection refused"),
                control_plane=old.control_plane.failed("connection refused"),
            )
        if self.kubernetes_answers:
            self.kubernetes = self.kubernetes.answered(self.kubernetes.value, now)
        else:
            self.kubernetes = replace(self.kubernetes, failures=1, error="no route to host")

    @property
    def cart(self) -> ServiceNow:
        found = self.snapshot.service("shop", "cart")
        assert found is not None
        return found


def test_a_healthy_service_in_all_its_numbers() -> None:
    watch = Watch()
    snapshot = watch.tick()
    cart = watch.cart
    assert (cart.state, cart.why, cart.since, cart.owner) == (State.OK, Why.WITHIN_LIMITS, watch.now, "team-shop")
    assert (cart.per_second, cart.success_percent, cart.p95_ms, cart.mtls_percent, cart.reporter) == (10, 100, 84, 100, "source")
    assert (cart.pods_ready, cart.pods_total, cart.envoys_ready, cart.envoys_total) == (2, 2, 2, 2)
    assert [(v.version, v.configured_percent, v.measured_percent, v.error_percent) for v in cart.versions] == [
        ("v1", 90, 90, 0),
        ("v2", 10, 10, 100),
    ]
    assert (snapshot.mesh.p95_ms, snapshot.mesh.envoys_ready, snapshot.mesh.proxies_connected) == (84, 2, 2)
    assert all(source.ok and source.observed_at == watch.now for source in snapshot.sources)


def test_a_snapshot_survives_its_journey_through_json() -> None:
    snapshot = Watch().tick()
    assert Snapshot.from_json(json.loads(json.dumps(snapshot.to_json()))) == snapshot


def test_one_silent_tick_of_prometheus_changes_nothing_and_two_make_unknown() -> None:
    watch = Watch()
    watch.tick()
    watch.prometheus_answers = False
    watch.tick()
    assert (watch.cart.state, watch.cart.per_second) == (State.OK, 10)
    snapshot = watch.tick()
    assert (watch.cart.state, watch.cart.why) == (State.UNKNOWN, Why.METRICS_GONE)
    source = snapshot.source("prometheus")
    assert source is not None and not source.ok and source.error == "connection refused" and source.observed_at == watch.now - 10
    assert snapshot.mesh.envoys_ready is None and snapshot.mesh.envoys_total == 2


def test_no_old_number_stands_beside_unknown() -> None:
    watch = Watch()
    watch.tick()
    watch.prometheus_answers = False
    snapshot = watch.tick()
    assert (watch.cart.state, watch.cart.per_second, snapshot.mesh.per_second) == (State.OK, 10, 10)
    snapshot = watch.tick()
    source = snapshot.source("prometheus")
    assert source is not None and source.observed_at == 1005.0, "the age of the last answer is still told"
    assert (watch.cart.per_second, watch.cart.p95_ms, watch.cart.success_percent, watch.cart.mtls_percent) == (None,) * 4
    assert [(version.measured_percent, version.configured_percent) for version in watch.cart.versions] == [(None, 90), (None, 10)]
    assert snapshot.mesh.per_second is snapshot.mesh.success_percent is snapshot.mesh.p95_ms is None
    assert watch.cart.state is State.UNKNOWN


def test_prometheus_back_is_believed_at_once() -> None:
    watch = Watch()
    watch.tick()
    watch.prometheus_answers = False
    watch.tick(20)
    watch.prometheus_answers = True
    snapshot = watch.tick()
    assert (watch.cart.state, watch.cart.per_second) == (State.OK, 10)
    assert all(source.ok for source in snapshot.sources)


def test_without_kubernetes_pods_are_not_shown_as_of_now() -> None:
    watch = Watch()
    watch.tick()
    watch.kubernetes_answers = False
    watch.tick(2)
    assert watch.cart.state is State.OK
    snapshot = watch.tick()
    assert (watch.cart.state, watch.cart.why) == (State.UNKNOWN, Why.INVENTORY_GONE)
    assert (watch.cart.per_second, watch.cart.envoys_ready) == (10, None)
    assert (watch.cart.pods_ready, watch.cart.pods_total, watch.cart.versions[0].configured_percent) == (None, None, None)
    assert snapshot.mesh.envoys_total is None
    assert watch.cart.per_second == 10
    watch.kubernetes_answers = True
    watch.tick()
    assert (watch.cart.state, watch.cart.pods_ready) == (State.OK, 2)


def test_an_observer_that_starts_without_kubernetes_knows_the_services_of_the_last_snapshot() -> None:
    watch = Watch()
    last = watch.tick()
    later = Watch()
    later.kubernetes = Last(surveyed_from(last), at=1005.0, failures=2, error="no route to host")
    later.kubernetes_answers, later.now = False, 5000.0
    later.tick()
    assert (later.cart.state, later.cart.why, later.cart.owner) == (State.UNKNOWN, Why.INVENTORY_GONE, "team-shop")
    assert (later.cart.per_second, later.cart.pods_total) == (10, None)
    assert later.cart.versions[0].measured_percent == 90


def test_without_istiods_series_its_source_says_so_and_the_rest_lives() -> None:
    watch = Watch()
    watch.tick()
    watch.metrics = replace(watch.metrics, control_plane=Last(ControlPlane(None, None, None), at=watch.now + PERIOD))
    moment = Moment("prod", 2, watch.now + PERIOD, PERIOD, 60)
    snapshot, _ = observe(moment, watch.kubernetes, watch.metrics, watch.memory, Limits())
    istiod = snapshot.source("istiod")
    assert istiod is not None and not istiod.ok
    assert (istiod.error, istiod.observed_at) == ("Prometheus has no series of istiod", 1005.0)
    assert snapshot.mesh.proxies_connected is None
    assert snapshot.services[0].state is State.OK


def test_when_nobody_scrapes_envoys_none_is_called_unwell() -> None:
    watch = Watch()
    watch.tick()
    watch.metrics = replace(watch.metrics, proxies=watch.metrics.proxies.answered(frozenset(), watch.now))
    snapshot, _ = observe(Moment("prod", 2, watch.now, PERIOD, 60), watch.kubernetes, watch.metrics, watch.memory, Limits())
    assert snapshot.mesh.envoys_ready is None and snapshot.services[0].state is State.OK


def test_problems_come_first_and_what_is_not_in_the_mesh_does_not_come() -> None:
    watch = Watch()
    pods = (pod("cart-v1-a"), pod("apple-v1-a"), pod("legacy-v1-a", "default", proxy=False))
    watch.kubernetes = Last(mesh(service("apple"), service("cart"), service("legacy", "default"), pods=pods))
    watch.rows = (*watch.rows, TrafficRow("source", CART, "500", "unknown", 10.0))
    assert [s.key for s in watch.tick().services] == ["shop/cart", "shop/apple"]
    watch.rows = (*watch.rows, TrafficRow("source", ServiceRef("default", "legacy"), "200", "unknown", 1.0))
    assert "default/legacy" in [s.key for s in watch.tick().services]
    watch.rows = watch.rows[:-1]
    watch.tick(3)
    legacy = watch.snapshot.service("default", "legacy")
    assert legacy is not None and legacy.why is Why.NOT_MEASURED


def test_a_service_that_is_deleted_leaves() -> None:
    watch = Watch()
    watch.tick()
    watch.kubernetes = watch.kubernetes.answered(mesh(service("apple"), pods=()), watch.now)
    assert [s.key for s in watch.tick().services] == ["shop/apple"]
    assert CART not in watch.memory


def test_a_version_with_pods_and_no_requests_got_nothing_of_a_split_route() -> None:
    watch = Watch()
    watch.kubernetes = Last(mesh(pods=(pod("cart-v1-a"), pod("cart-v2-a"), pod("cart-v3-a"))))
    watch.tick()
    third = watch.cart.versions[2]
    assert (third.version, third.configured_percent, third.measured_percent, third.per_second) == ("v3", 0, 0, 0)
