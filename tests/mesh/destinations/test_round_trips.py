"""What a form reads it writes back unchanged, whatever else is in the object; and an edit changes exactly what was edited."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshportal.mesh.destinations.fields import LEAVES, What, put
from meshportal.mesh.destinations.reading import kept, own_policies, read
from meshportal.mesh.destinations.rendering import DestinationIntent, render
from meshportal.mesh.destinations.typed import typed
from meshportal.mesh.plans import ABSENT, same_fields
from meshportal.mesh.refs import Manifest
from tests.mesh.destinations.manifests import LIVE, REVIEWS, after, around, changed, plain, rich, rule

EVERY = pytest.mark.parametrize("live", LIVE.values(), ids=LIVE)

_json = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("abcZ", min_size=1, max_size=4), inner, max_size=2),
    max_leaves=5,
)
_strange_key = st.text("qxyzQ", min_size=3, max_size=6)


@st.composite
def strange(draw: st.DrawFn) -> Manifest:
    """A live object with fields from a future Istio at places of its own."""
    live = copy.deepcopy(draw(st.sampled_from(list(LIVE.values()))))

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            for value in list(node.values()):
                visit(value)
            if draw(st.booleans()):
                node[draw(_strange_key)] = draw(_json)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(live["spec"])
    return live


@EVERY
def test_what_is_read_and_sent_back_changes_nothing(live: Manifest) -> None:
    assert changed(read(live), live) == []
    assert changed({}, live) == []


@given(strange())
def test_nothing_unknown_is_lost_or_moved(live: Manifest) -> None:
    raw = typed(read(live), live)
    assert isinstance(raw, dict), raw
    made = render(DestinationIntent(REVIEWS, raw), around(live)).items[0]
    assert made.after == live
    assert not made.changes_anything


_GOOD = {
    What.WHOLE: ("17", 17),
    What.PERCENT: ("37", 37),
    What.SHARE: ("33.5", 33.5),
    What.POSITIVE: ("2.5", 2.5),
    What.DURATION: ("1500ms", "1500ms"),
    What.OFF_OR_DURATION: ("90s", "90s"),
}


@EVERY
@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.path)
def test_one_edit_changes_exactly_one_field(live: Manifest, leaf: Any) -> None:
    text, value = _GOOD[leaf.what]
    asked: dict[str, Any] = {}
    put(asked, leaf.path, text)
    if leaf.path.startswith("warmup.") and not read(live)["warmup"]["duration"]:
        return  # it cannot be without its duration, and comes with it: see the next test
    found = changed(asked, live)
    here = [change for change in found if change.path == leaf.address]
    if here:
        assert [change.after for change in found] == [value]
    else:
        # a section that was not there comes with this one value
        [whole] = found
        steps = leaf.address.removeprefix(whole.path).strip(".").split(".")
        for step in steps:
            assert set(whole.after if whole.before is ABSENT else {step}) == {step}
            whole = type(whole)(whole.path, ABSENT, whole.after[step])
        assert whole.after == value


def test_a_warm_up_comes_as_one_block() -> None:
    [found] = changed({"warmup": {"duration": "30s", "minimum_percent": "20"}}, plain())
    assert found.after == {"loadBalancer": {"warmup": {"duration": "30s", "minimumPercent": 20}}}


@EVERY
def test_clearing_every_field_of_a_section_removes_it_and_what_it_leaves_empty(live: Manifest) -> None:
    spec = after({"connection_pool": None, "warmup": "", "outlier_detection": None, "locality": {}, "load_balancer": ""}, live)
    policy = spec.get("trafficPolicy", {"nothing": "left"})
    assert policy
    assert "outlierDetection" not in policy
    assert all(policy.values())


def test_the_rest_of_a_section_survives_the_removal_of_a_field() -> None:
    policy = after({"connection_pool": {"tcp": None}, "outlier_detection": {"interval": ""}}, rich())["trafficPolicy"]
    assert policy["connectionPool"]["tcp"] == {"tcpKeepalive": {"time": "7200s"}}
    assert policy["outlierDetection"]["splitExternalLocalOriginErrors"] is True
    assert "interval" not in policy["outlierDetection"]


def test_a_rendered_object_reads_as_what_was_asked() -> None:
    asked = read(rich())
    asked["locality"]["distribute"][0]["origin"] = ""
    for row in asked["subsets"]:
        row["origin"] = ""
    asked["outlier_detection"]["consecutive_errors"] = ""  # nobody writes that field anew
    raw = typed(asked, None)
    assert isinstance(raw, dict), raw
    made = read(render(DestinationIntent(REVIEWS, raw), around()).items[0].after)
    for row in (*made["subsets"], *made["locality"]["distribute"]):
        row["origin"] = ""
    assert made == raw


def test_what_the_form_cannot_show_is_named() -> None:
    assert kept(rich()) == [
        "spec.exportTo",
        "spec.workloadSelector",
        "spec.subsets[0].trafficPolicy",
        "spec.trafficPolicy.tls",
        "spec.trafficPolicy.portLevelSettings",
        "spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes",
        "spec.trafficPolicy.loadBalancer.consistentHash.ringHash",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].because",
        "spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority",
        "spec.trafficPolicy.connectionPool.tcp.tcpKeepalive",
        "spec.trafficPolicy.connectionPool.http.h2UpgradePolicy",
        "spec.trafficPolicy.outlierDetection.splitExternalLocalOriginErrors",
    ]
    assert kept(plain()) == kept(None) == []


def test_policies_of_subsets_and_ports_are_listed_with_the_sections_they_replace() -> None:
    assert own_policies(rich()) == {("subset", "v1"): ["loadBalancer", "tls"], ("port", "9080"): ["connectionPool"]}


def test_a_service_without_a_destination_rule_gets_one_with_its_full_name() -> None:
    raw = typed({"load_balancer": {"how": "random"}}, None)
    assert isinstance(raw, dict)
    item = render(DestinationIntent(REVIEWS, raw), around()).items[0]
    assert item.before is None
    assert item.after == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "reviews", "namespace": "bookinfo"},
        "spec": {
            "host": "reviews.bookinfo.svc.cluster.local",
            "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}},
        },
    }


def test_the_object_is_edited_where_it_lives() -> None:
    elsewhere = rule(name="books", namespace="mesh-config", host="reviews.bookinfo.svc.cluster.local")
    raw = typed({"load_balancer": {"how": "random"}}, elsewhere)
    assert isinstance(raw, dict)
    item = render(DestinationIntent(REVIEWS, raw), around(elsewhere)).items[0]
    assert str(item.ref) == "DestinationRule mesh-config/books"
    assert item.after is not None
    assert item.after["spec"]["host"] == "reviews.bookinfo.svc.cluster.local"
    assert not same_fields(item.before, item.after, item.fields)
