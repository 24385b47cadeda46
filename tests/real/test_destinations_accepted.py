"""What the form for a destination lets through, a real API server with Istio's webhook takes; and what the webhook would say, the
portal says first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import ClusterPort, Rejected
from meshportal.mesh.destinations.fields import CHOICES, DETAILS, LEAVES, What, put
from meshportal.mesh.destinations.live import destination_live
from meshportal.mesh.destinations.reading import read
from meshportal.mesh.destinations.remarks import analyse
from meshportal.mesh.destinations.rendering import DestinationIntent, render
from meshportal.mesh.destinations.typed import typed
from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Severity
from meshportal.mesh.refs import DESTINATION_RULE, NAMESPACE, Manifest, ResourceRef, version_of
from meshportal.mesh.rules import analyse_plan
from tests.mesh.destinations.manifests import REVIEWS, odd, plain, rule
from tests.processes import real_mesh

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

EXAMPLES, TAKEN = 300, 60
ANNOUNCED = {"deprecated": "MP0250", "outlier detection policy must be provided": "MP0256"}
"""What the webhook warns of, by words of its warnings, and the code by which the portal has said it."""

DURATIONS = ("1ms", "300ms", "1.5s", "30s", "1h30m", "2562047h", "1000us", ".5s")
WHOLES = ("0", "1", "007", "2147483647")
VALUES: dict[What, tuple[tuple[str, ...], tuple[str, ...]]] = {
    What.WHOLE: (WHOLES, ("-1", "2147483648", "4294967295", "4294967296", "1e3", "x")),
    What.PERCENT: (("0", "1", "50", "100"), ("101", "-1", "1.5")),
    What.SHARE: (("0", "12.5", "100", "0.000001"), ("100.1", "-1", "NaN")),
    What.POSITIVE: (("1", "0.1", "2.5"), ("0", "-1", "0.0")),
    What.DURATION: (DURATIONS, ("0s", "1.5ms", "1us", "5", "1d", "2562048h", "-1s", "1 s")),
    What.OFF_OR_DURATION: ((*DURATIONS, "0s"), ("1.5ms", "5", "-1s")),
}
"""Good and bad ones of each sort of value. Which is which the test does not say: the portal has to know."""
DETAIL_VALUES = {
    "header": ("x-user", ":path", "X_User.1", "a b", "é"),
    "query_parameter": ("user", "u[0]", "a&b", "é"),
    "cookie_name": ("user", "a.b", "a;b"),
    "cookie_path": ("/", "/a/b", "a", "/ä"),
    "cookie_ttl": ("0s", "1h", "30", "1ms"),
}
NAMES = ("v1", "V2", "a-b", "9", "x" * 63, "x" * 64, "-a", "a.b", "ä")
LABELS = (
    "version=v1",
    "",
    "app.kubernetes.io/name=a_b.c",
    "version=",
    "a=b, c=d",
    "-=x",
    "a/b/c=d",
    "a=" + "x" * 63,
    "a=ä",
    "x" * 64 + "=a",
)
REGIONS = ("eu", "us", "asia", "eu-west-1", "eu/a", "*", "ä")
LOCALITIES = ("eu", "us", "eu/*", "eu/a", "us/a/b", "us/a/*", "*", "eu*", "e*u", "eu//a", "eu/a/b/c")


def _mostly(good: tuple[str, ...], bad: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Nine good ones for each bad one, or few destinations of many fields would be good as a whole."""
    return st.sampled_from([value for value in good for _ in range(9 * len(bad))] + [value for value in bad for _ in good])


@st.composite
def asked(draw: st.DrawFn) -> dict[str, Any]:
    """A destination as somebody may ask for it, right or wrong."""
    raw: dict[str, Any] = {}
    for leaf in draw(st.lists(st.sampled_from(LEAVES), max_size=8, unique=True)):
        put(raw, leaf.path, draw(_mostly(*VALUES[leaf.what])))
    if draw(st.booleans()):
        how = draw(st.sampled_from(CHOICES))
        put(raw, "load_balancer.how", how)
        for detail in (name for name in DETAILS if name.startswith(how or "-")):
            put(raw, f"load_balancer.{detail}", draw(st.sampled_from(DETAIL_VALUES[detail])))
    if draw(st.booleans()):
        row = st.fixed_dictionaries({"name": _mostly(NAMES[:5], NAMES[5:]), "labels": _mostly(LABELS[:5], LABELS[5:])})
        raw["subsets"] = draw(st.lists(row, max_size=3))
    region = _mostly(REGIONS[:4], REGIONS[4:])
    match draw(st.sampled_from(("", "enabled", "failover", "distribute", "both"))):
        case "enabled":
            put(raw, "locality.enabled", draw(st.sampled_from(("true", "false"))))
        case "failover":
            put(
                raw,
                "locality.failover",
                draw(st.lists(st.fixed_dictionaries({"from": region, "to": region}), min_size=1, max_size=2)),
            )
        case "distribute":
            put(raw, "locality.distribute", draw(_distribution()))
        case "both":
            put(raw, "locality.failover", [{"from": "eu", "to": "us"}])
            put(raw, "locality.distribute", draw(_distribution()))
    if draw(st.booleans()):
        put(raw, "outlier_detection.on", draw(st.booleans()))
    return raw


@st.composite
def _distribution(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = []
    for _ in range(draw(st.integers(1, 2))):
        places = draw(st.lists(st.sampled_from(LOCALITIES), min_size=1, max_size=2, unique=True))
        first = draw(st.sampled_from((100, 50, 30))) if len(places) > 1 else draw(st.sampled_from((100, 100, 100, 99)))
        shares = dict(zip(places, (first, 100 - first), strict=False))
        rows.append({"from": draw(st.sampled_from(LOCALITIES)), "to": shares})
    return rows


def lives() -> list[Manifest | None]:
    """Where an edit may start: nothing, little, and what Istio takes but calls deprecated."""
    old = rule(
        trafficPolicy={
            "tls": {"mode": "ISTIO_MUTUAL"},
            "outlierDetection": {"consecutiveErrors": 7},
            "loadBalancer": {"consistentHash": {"httpHeaderName": "x-user", "minimumRingSize": 1024}},
        }
    )
    priority = rule(
        trafficPolicy={
            "outlierDetection": {},
            "loadBalancer": {"simple": "RANDOM", "localityLbSetting": {"failoverPriority": ["topology.kubernetes.io/region"]}},
        }
    )
    return [None, plain(), odd(), old, priority]


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterPort]:
    with real_mesh() as info, _client(info["kubeconfig"]["admin"]) as admin:
        namespace: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": REVIEWS.namespace}}
        made = admin.create(namespace).manifest
        yield admin
        admin.delete(ResourceRef(NAMESPACE, "", REVIEWS.namespace), expect=version_of(made))


@contextmanager
def _client(kubeconfig: str) -> Iterator[KubernetesCluster]:
    client = KubernetesCluster.from_kubeconfig(kubeconfig)
    try:
        yield client
    finally:
        client.close()


def test_what_the_form_lets_through_the_server_takes(cluster: ClusterPort) -> None:
    taken: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(asked(), st.sampled_from(lives()))
    def each(raw: dict[str, Any], live: Manifest | None) -> None:
        wanted = typed(raw, live)
        if isinstance(wanted, list):
            return
        around = destination_live(REVIEWS, Facts(objects=(live,) if live else (), whole=False))
        plan = render(DestinationIntent(REVIEWS, wanted), around)
        findings = [*analyse(around, plan), *analyse_plan(around.facts, plan)]
        if any(finding.severity is Severity.ERROR for finding in findings):
            return
        after = plan.items[0].after
        assert after is not None
        written = cluster.create(after, dry_run=True)
        codes = {finding.code for finding in findings}
        for warning in written.warnings:
            assert any(words in warning and code in codes for words, code in ANNOUNCED.items()), (warning, codes)
        stored = written.manifest["spec"]
        assert read({**after, "spec": stored}) == read(after)
        taken.append(1)

    each()
    assert len(taken) >= TAKEN, "too few destinations were good enough to be asked for"


@pytest.mark.parametrize(
    "spec",
    [
        {"subsets": [{"name": "v1"}, {"name": "v1"}]},
        {"subsets": [{"name": "-a"}]},
        {"subsets": [{"name": "v1", "labels": {"-": "x"}}]},
        {"trafficPolicy": {"loadBalancer": {"consistentHash": {"httpCookie": {"name": ""}}}}},
        {"trafficPolicy": {"loadBalancer": {"warmup": {"duration": "0s"}}}},
        {"trafficPolicy": {"loadBalancer": {"warmup": {"duration": "1s", "aggression": 0}}}},
        {"trafficPolicy": {"connectionPool": {}}},
        {"trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": -1}}}},
        {"trafficPolicy": {"connectionPool": {"tcp": {"connectTimeout": "1.5ms"}}}},
        {"trafficPolicy": {"outlierDetection": {"maxEjectionPercent": 101}}},
        {"trafficPolicy": {"loadBalancer": {"localityLbSetting": {"distribute": [{"from": "eu", "to": {"us": 50}}]}}}},
        {"trafficPolicy": {"loadBalancer": {"localityLbSetting": {"failover": [{"from": "eu", "to": "eu"}]}}}},
        {"trafficPolicy": {"loadBalancer": {"localityLbSetting": {"failover": [{"from": "eu/a", "to": "us"}]}}}},
    ],
)
def test_what_the_server_refuses_the_form_refuses_too(cluster: ClusterPort, spec: dict[str, Any]) -> None:
    """The messages of the form are no fiction: the server really refuses these."""
    manifest = rule(**spec)
    with pytest.raises(Rejected):
        cluster.create(manifest, dry_run=True)
    asked_for = read(manifest)
    for rows in (asked_for["subsets"], asked_for["locality"]["failover"], asked_for["locality"]["distribute"]):
        for row in rows:
            row["origin"] = ""
    wanted = typed(asked_for, None)
    if isinstance(wanted, dict):
        # the form has no way to ask for it: what it renders is something that the server takes
        around = destination_live(REVIEWS, Facts(whole=False))
        after = render(DestinationIntent(REVIEWS, wanted), around).items[0].after
        assert after is not None
        assert after["spec"].get("trafficPolicy") != spec.get("trafficPolicy")
        assert cluster.create(after, dry_run=True).manifest["kind"] == DESTINATION_RULE.kind
