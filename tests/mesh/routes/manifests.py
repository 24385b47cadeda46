"""VirtualServices as teams write them, and as a generator makes them up: with fields that no form knows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.mesh.routes.live import RoutesLive
from meshportal.mesh.traffic import Pods

REVIEWS = ServiceRef("bookinfo", "reviews")
FQDN = "reviews.bookinfo.svc.cluster.local"


def virtual_service(*routes: dict[str, Any], **spec: Any) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews-routes", "namespace": "bookinfo", "labels": {"team": "books"}},
        "spec": {"hosts": ["reviews"], "exportTo": ["*"], "http": list(routes), **spec},
    }


def destination_rule(*subsets: str) -> Manifest:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "reviews", "namespace": "bookinfo"},
        "spec": {"host": "reviews", "subsets": [{"name": name, "labels": {"version": name}} for name in subsets]},
    }


def to(subset: str, weight: int | None = None, **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"destination": {"host": "reviews", "subset": subset}, **more}
    return entry if weight is None else entry | {"weight": weight}


def live(*routes: dict[str, Any], subsets: tuple[str, ...] = ("v1", "v2"), **spec: Any) -> RoutesLive:
    """reviews with these routes, and pods of v1, v2 and v3."""
    pods = {"v1": Pods(3, 3), "v2": Pods(2, 2), "v3": Pods(2, 2)}
    rules = (destination_rule(*subsets),) if subsets else ()
    return RoutesLive(REVIEWS, (virtual_service(*routes, **spec),), rules, pods)


TEAM_ROUTES: list[dict[str, Any]] = [
    {
        "name": "testers",
        "match": [
            {
                "uri": {"prefix": "/v1"},
                "ignoreUriCase": True,
                "headers": {"end-user": {"exact": "jason"}, "x-beta": {}},
                "port": 9080,
            },
            {"method": {"regex": "GET|HEAD"}, "queryParams": {"debug": {"exact": "1"}}, "withoutHeaders": {"x-bot": {}}},
        ],
        "route": [to("v2", 100, headers={"response": {"set": {"x-served-by": "v2"}}})],
        "corsPolicy": {"allowOrigins": [{"exact": "https://books.example"}], "maxAge": "24h"},
    },
    {
        "match": [{"uri": {"exact": "/old"}, "sourceLabels": {"app": "productpage"}}],
        "redirect": {"uri": "/new", "scheme": "https", "redirectCode": 302},
    },
    {
        "match": [{"uri": {"prefix": "/api/"}, "authority": {"exact": "reviews.example"}}],
        "rewrite": {"uri": "/", "authority": "reviews.internal"},
        "route": [to("v1", 3), to("v2", 1), {"destination": {"host": "ratings", "port": {"number": 9080}}, "weight": 0}],
        "timeout": "1m30s",
        "retries": {
            "attempts": 3,
            "perTryTimeout": "2s",
            "retryOn": "5xx,reset",
            "retryRemoteLocalities": True,
            "backoff": "25ms",
        },
        "fault": {
            "abort": {"httpStatus": 503, "percentage": {"value": 0.5}},
            "delay": {"fixedDelay": "5s", "percent": 10},
        },
        "mirror": {"host": "reviews", "subset": "v3"},
        "mirrorPercentage": {"value": 12.5},
        "headers": {
            "request": {"set": {"x-env": "prod", "x-of": "%HOSTNAME%"}, "add": {"x-hop": "1"}, "remove": ["x-secret"]},
            "response": {"remove": ["server", "via"]},
        },
    },
    {"match": [{"uri": {"prefix": "/healthz"}}], "directResponse": {"status": 200, "body": {"string": "ok"}}},
    {"match": [{"uri": {"regex": "/(a|b)+"}}], "delegate": {"name": "other", "namespace": "books"}},
    {
        "route": [{"destination": {"host": FQDN}}],
        "mirrors": [
            {"destination": {"host": "reviews", "subset": "v3"}, "percentage": {"value": 100}},
            {"destination": {"host": "shadow.lab.svc.cluster.local", "port": {"number": 80}}},
        ],
        "rewrite": {"uriRegexRewrite": {"match": "^/x/(.*)", "rewrite": "/\\1"}},
    },
]

json_values = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(["x-a", "x-b", "end-user", "cookie"])
string_matches: st.SearchStrategy[dict[str, str]] = st.sampled_from(["exact", "prefix", "regex"]).flatmap(
    lambda how: st.fixed_dictionaries({how: st.sampled_from(["/v1", "/v2", "beta"])})
) | st.just({})
targets = st.fixed_dictionaries(
    {"host": st.sampled_from(["reviews", FQDN, "ratings", "reviews.other"])},
    optional={
        "subset": st.sampled_from(["v1", "v2", "v9"]),
        "port": st.fixed_dictionaries({"number": st.integers(1, 65535)}),
        "unknown": json_values,
    },
)
percentages = st.fixed_dictionaries({}, optional={"value": st.sampled_from([0, 0.5, 10, 33.3, 100])})
matches = st.fixed_dictionaries(
    {},
    optional={
        "uri": string_matches,
        "ignoreUriCase": st.booleans(),
        "method": string_matches,
        "headers": st.dictionaries(names, string_matches, max_size=2),
        "queryParams": st.dictionaries(names, string_matches, max_size=2),
        "withoutHeaders": st.dictionaries(names, string_matches, max_size=1),
        "unknown": json_values,
    },
)
operations = st.fixed_dictionaries(
    {},
    optional={
        "set": st.dictionaries(names, st.text(max_size=3), max_size=2),
        "add": st.dictionaries(names, st.text(max_size=3), max_size=2),
        "remove": st.lists(names, max_size=2),
    },
)
routes = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=3),
        "match": st.lists(matches, max_size=2),
        "route": st.lists(
            st.fixed_dictionaries(
                {"destination": targets}, optional={"weight": st.integers(0, 100), "headers": json_values, "unknown": json_values}
            ),
            max_size=3,
        ),
        "redirect": st.fixed_dictionaries(
            {},
            optional={
                "uri": st.just("/x"),
                "authority": st.just("a.b"),
                "redirectCode": st.just(302),
                "scheme": st.just("https"),
            },
        ),
        "rewrite": st.fixed_dictionaries({}, optional={"uri": st.just("/"), "authority": st.just("a"), "unknown": json_values}),
        "timeout": st.sampled_from(["3s", "1m30s", "0.5s"]),
        "retries": st.fixed_dictionaries(
            {},
            optional={
                "attempts": st.integers(0, 5),
                "perTryTimeout": st.just("2s"),
                "retryOn": st.just("5xx"),
                "backoff": st.just("25ms"),
            },
        ),
        "fault": st.fixed_dictionaries(
            {},
            optional={
                "abort": st.fixed_dictionaries({}, optional={"httpStatus": st.just(503), "percentage": percentages}),
                "delay": st.fixed_dictionaries({}, optional={"fixedDelay": st.just("5s"), "percent": st.integers(0, 100)}),
            },
        ),
        "mirror": targets,
        "mirrorPercentage": percentages,
        "mirrorPercent": st.integers(0, 100),
        "mirrors": st.lists(st.fixed_dictionaries({"destination": targets}, optional={"percentage": percentages}), max_size=2),
        "headers": st.fixed_dictionaries({}, optional={"request": operations, "response": operations}),
        "corsPolicy": json_values,
        "directResponse": json_values,
        "unknown": json_values,
    },
)
