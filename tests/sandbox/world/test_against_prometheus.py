"""The world's Prometheus against the real one: the same samples, the same questions, the same answers."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from meshportal.mesh import promql
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world import prometheus as api
from meshportal.sandbox.world.demo import GATEWAY
from meshportal.sandbox.world.engine import World
from meshportal.sandbox.world.httpd import Request
from meshportal.sandbox.world.routing import Objects
from meshportal.sandbox.world.tsdb import STALE, Labels, Store, labels_of
from tests.prometheus_process import Prometheus, prometheus
from tests.sandbox.world.builders import destination, destination_rule, pod, service, virtual_service

pytestmark = pytest.mark.prometheus

REVIEWS = ServiceRef("bookinfo", "reviews")
SPAN_SECONDS = 20 * 60

PORTAL = [
    promql.traffic(60),
    promql.versions([REVIEWS, ServiceRef("bookinfo", "ratings")], 60),
    promql.latency(60),
    promql.latency(60, 0.5),
    promql.mesh_latency(60),
    promql.proxies(30),
    promql.control_plane(),
    promql.canary_counts([REVIEWS, ServiceRef("bookinfo", "ratings")]),
    promql.canary_rest([REVIEWS], []),
    promql.canary_rest([REVIEWS], [250.0, 500.0]),
    promql.service_requests(REVIEWS, 60),
    promql.service_buckets(REVIEWS, 60),
    promql.service_requests_by_version(REVIEWS, 90),
    promql.service_buckets_by_version(REVIEWS, 90),
]
LANGUAGE = [
    "odd", "rate(odd[1m])", "increase(odd[100s])", "sum(odd)", "count(odd)", "avg by (kind) (odd)", "max(odd)",
    "min without (n) (odd)", "timestamp(odd)", "timestamp(sum(odd))", "time()", "time() - timestamp(odd)", "odd offset 37s",
    "rate(odd[2m] offset 1m)", "odd > 5", "5 < odd", "odd == bool 3", "odd != 3", "odd >= 4", "odd <= 4", "1 + 2 * 3",
    "1 > bool 2", "-odd", "odd * 2", "1 / odd", "odd % 3", "odd ^ 2", "odd and odd > 5", "odd or vector(0)",
    "sum(nothing) or vector(0)", "vector(1)", "odd unless odd > 5", "odd and on (kind) other", "odd or on (kind) other",
    "odd unless ignoring (n, kind) other", "nothing", "rate(nothing[1m])", "sum by (kind) (odd) / sum by (kind) (other)",
    "sum by (kind) (odd) > sum by (kind) (other)", "histogram_quantile(0.9, odd_bucket)", "histogram_quantile(2, odd_bucket)",
    "histogram_quantile(-1, odd_bucket)", "histogram_quantile(0.5, rate(odd_bucket[1m]))", '{__name__=~"od.|oth.*"}',
    '{kind!~"b|", __name__!~"odd_.*|istio.*"}', 'odd{kind=~"a|c"}', 'odd{kind!~"a"}', 'odd{kind!="a"}', 'odd{missing=""}',
    "sum by (__name__) ({__name__=~'odd|other'})", "NaN", "Inf", "odd / 0", "0 / (odd * 0)",
    "100 * (sum(rate(odd[1m])) or vector(0)) / sum(rate(odd[1m]))", "odd + on (n) odd", "odd == odd", "odd + other",
]  # fmt: skip
WRONG = [
    "sum(", "odd{", "unknown_function(odd)", "rate(odd)", "1 > 2", "{}", 'odd{kind=~"["}', "{__name__=~'twin_.*'} + 1",
    "rate({__name__=~'twin_.*'}[1m])", "timestamp({__name__=~'twin_.*'})", "odd + on (kind) odd", "sum(odd) + on (m) odd",
    "odd + on (m) sum(odd)",
]  # fmt: skip


@pytest.fixture(scope="module")
def start() -> float:
    return float(int(time.time() - SPAN_SECONDS - 300))


@pytest.fixture(scope="module")
def store(start: float) -> Store:
    """Twenty minutes of the world's own metrics with all that happens to it, and of odd series."""
    store = Store()
    play(World(store, seed=3), start)
    for scrape, samples in enumerate(odd_samples(random.Random(5))):
        store.scrape("odd", round((start + 7.3 * scrape) * 1000), samples)
    return store


@pytest.fixture(scope="module")
def real(store: Store) -> Iterator[Prometheus]:
    with prometheus() as server:
        server.write((one.labels, zip(one.times, one.values, strict=True)) for one in store.series())
        yield server


def objects(weight: int, *, generation: int = 1) -> Objects:
    pods = [
        pod("istio-ingress", GATEWAY, ""), pod("bookinfo", "productpage"), pod("bookinfo", "ratings"),
        pod("bookinfo", "reviews", "v1"), pod("bookinfo", "reviews", "v2", generation),
    ]  # fmt: skip
    services = tuple(service("bookinfo", name) for name in ("productpage", "reviews", "ratings"))
    entries: list[Manifest] = [destination("reviews", "v1", 100 - weight), destination("reviews", "v2", weight)]
    routes = (virtual_service("bookinfo", "reviews", {"route": entries}),)
    return Objects(services, tuple(pods), routes, (destination_rule("bookinfo", "reviews", "v1", "v2"),))


def play(world: World, start: float) -> None:
    """A rollout, a failing canary, a pause, a replaced pod, proxies that go silent and a Prometheus that was down."""
    acts: dict[int, Callable[[float], object]] = {
        0: lambda now: world.set_objects(objects(0), now),
        40: lambda now: world.set_objects(objects(25), now),
        70: lambda now: world.set_scenario("failing-canary", now),
        90: lambda now: world.set_scenario("prometheus-down", now),
        100: lambda now: world.set_scenario("stale-proxies", now),
        120: lambda now: world.set_objects(objects(50, generation=2), now),
        150: lambda now: world.set_scenario("no-traffic", now),
        200: lambda now: world.set_scenario("slow-canary", now),
    }
    for scrape in range(240):
        now = start + 5 * scrape
        if scrape in acts:
            acts[scrape](now)
        # scrapes are never exactly on time
        world.scrape(now + 0.013 * (scrape % 7))


def odd_samples(chance: random.Random) -> Iterator[list[tuple[Labels, float]]]:
    """Counters that reset, gauges that are negative or no number, series that come and go, buckets that are torn."""
    values = [0.0] * 12
    for scrape in range(SPAN_SECONDS * 10 // 73):
        found = []
        for number, kind in enumerate("aabbccaabbcc"):
            reset = chance.random() < 0.05
            values[number] = chance.choice([values[number], 0.0, 1.5]) if reset else values[number] + chance.random() * 9
            value = {3: -values[3], 4: math.nan, 5: math.inf, 6: float(scrape == 30)}.get(number, values[number])
            # series of odd number are not always there; long holes outlast the lookback
            if number % 2 == 0 or (chance.random() < 0.7 and not 60 < scrape < 130):
                name = "odd" if number < 8 else "other"
                found.append((labels_of(name, {"kind": kind, "n": str(number)} if number != 8 else {}), value))
        found += [(labels_of(name, {"kind": "t"}), float(scrape)) for name in ("twin_one", "twin_two")]
        for bound in ("0.1", "1", "5", "+Inf", "x"):
            found.append((labels_of("odd_bucket", {"le": bound, "kind": "h"}), values[0] * chance.choice([1.0, 1.2])))
        yield found


def answers(store: Store, path: str, **params: str) -> tuple[int, Any]:
    response = api.application(store, time.time, lambda: "", lambda: False)(Request("GET", path, params))
    return response.status, json.loads(response.body)


def rows(data: Any) -> dict[str, list[tuple[float, float]]]:
    """Samples by metric, whatever the type of the result."""
    if data["resultType"] == "scalar":
        return {"scalar": [(float(data["result"][0]), float(data["result"][1]))]}
    lists = [(row["metric"], row.get("values") or [row["value"]]) for row in data["result"]]
    return {json.dumps(metric, sort_keys=True): [(float(at), float(value)) for at, value in pairs] for metric, pairs in lists}


def same(ours: Any, theirs: Any) -> None:
    assert ours["resultType"] == theirs["resultType"]
    mine, real = rows(ours), rows(theirs)
    assert mine.keys() == real.keys()
    for metric, samples in real.items():
        assert [at for at, _ in mine[metric]] == [at for at, _ in samples]
        expected = pytest.approx([value for _, value in samples], rel=1e-9, abs=1e-12, nan_ok=True)
        assert [value for _, value in mine[metric]] == expected


@pytest.mark.parametrize("query", PORTAL + LANGUAGE)
def test_instant_queries_are_answered_alike(store: Store, real: Prometheus, start: float, query: str) -> None:
    for after in (-10, 0, 3.2, 61, 203.5, 360.02, 455.123, 480, 505, 620, 777.7, 1195, 1200, 1260, 1500, 1510):
        when = f"{start + after:.3f}"
        status, theirs = real.get("/api/v1/query", query=query, time=when)
        assert status == 200, theirs
        _, ours = answers(store, "/api/v1/query", query=query, time=when)
        assert ours["status"] == "success", ours
        same(ours["data"], theirs["data"])


@pytest.mark.parametrize("query", PORTAL + LANGUAGE)
def test_range_queries_are_answered_alike(store: Store, real: Prometheus, start: float, query: str) -> None:
    params = {"query": query, "start": f"{start - 20:.3f}", "end": f"{start + SPAN_SECONDS + 400:.3f}", "step": "21.7"}
    status, theirs = real.get("/api/v1/query_range", **params)
    assert status == 200, theirs
    _, ours = answers(store, "/api/v1/query_range", **params)
    assert ours["status"] == "success", ours
    same(ours["data"], theirs["data"])


@pytest.mark.parametrize("query", WRONG)
def test_what_prometheus_refuses_is_refused_alike(store: Store, real: Prometheus, start: float, query: str) -> None:
    when = f"{start + 300:.3f}"
    status, theirs = real.get("/api/v1/query", query=query, time=when)
    assert status in (400, 422), theirs
    our_status, ours = answers(store, "/api/v1/query", query=query, time=when)
    assert (our_status, ours["status"], ours["errorType"]) == (status, "error", theirs["errorType"])
    assert ours["error"]


@pytest.mark.parametrize("params", [
    {"query": "1", "start": "10", "end": "5", "step": "1"},
    {"query": "1", "start": "10", "end": "20", "step": "0"},
    {"query": "1", "start": "10", "end": "20", "step": "nonsense"},
    {"query": "1", "start": "10", "end": "1000000", "step": "1"},
    {"query": "1", "start": "10", "step": "1"},
    {"query": "1", "start": "yesterday", "end": "5", "step": "1"},
])  # fmt: skip
def test_bad_ranges_are_refused_alike(store: Store, real: Prometheus, params: dict[str, str]) -> None:
    status, theirs = real.get("/api/v1/query_range", **params)
    our_status, ours = answers(store, "/api/v1/query_range", **params)
    assert (our_status, ours["errorType"], ours["error"]) == (status, theirs["errorType"], theirs["error"])


def test_stale_markers_and_resets_are_in_the_samples(store: Store) -> None:
    """Or the comparison would show less than it says."""
    lists = [one.values.tolist() for one in store.series()]
    assert any(value != value for values in lists for value in values)
    assert any(after < before for values in lists for before, after in pairwise(values))
    assert STALE != STALE
