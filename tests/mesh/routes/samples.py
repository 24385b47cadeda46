"""Rules as somebody may send them: what is wrong with each, or what Istio reads in it."""

from __future__ import annotations

from typing import Any

from tests.mesh.routes.manifests import FQDN

V1 = [{"subset": "v1"}]

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"name": "x" * 121}, "name", "too-long"),
    ({"name": "a\x00b"}, "name", "control-character"),
    ({"name": {"a": 1}}, "name", "not-text"),
    ({"match": [{"path_how": "prefix", "path": "v1"}]}, "match[0].path", "path-start"),
    ({"match": [{"path_how": "exact", "path": "/a?b=1"}]}, "match[0].path", "path-characters"),
    ({"match": [{"path_how": "exact", "path": ""}]}, "match[0].path", "path-missing"),
    ({"match": [{"path": "/v1"}]}, "match[0].path_how", "path-how-missing"),
    ({"match": [{"path_how": "like", "path": "/v1"}]}, "match[0].path_how", "not-a-choice"),
    ({"match": [{"path_how": "regex", "path": "/(a"}]}, "match[0].path", "not-a-regex"),
    ({"match": [{"path_how": "regex", "path": "/(?=a)"}]}, "match[0].path", "not-a-regex"),
    ({"match": [{"path_how": "regex", "path": "/" + "a" * 1024}]}, "match[0].path", "regex-too-long"),
    ({"match": [{"path_how": "regex", "path": "/a", "ignore_case": True}]}, "match[0].ignore_case", "ignore-case-regex"),
    ({"match": [{"method": "GET", "ignore_case": "true"}]}, "match[0].ignore_case", "ignore-case-path"),
    ({"match": [{"path_how": "prefix", "path": "/", "ignore_case": "yes"}]}, "match[0].ignore_case", "not-a-choice"),
    ({"match": [{"method": "get"}]}, "match[0].method", "not-a-method"),
    ({"match": [{}]}, "match[0]", "empty-match"),
    ({"match": [{"headers": [{"name": "", "value": "x"}]}]}, "match[0].headers[0].name", "name-missing"),
    ({"match": [{"headers": [{"name": "a b", "value": "x"}]}]}, "match[0].headers[0].name", "not-a-header"),
    ({"match": [{"headers": [{"name": "a", "value": ""}]}]}, "match[0].headers[0].value", "value-missing"),
    ({"match": [{"headers": [{"name": "a", "how": "present", "value": "x"}]}]}, "match[0].headers[0].value", "value-needless"),
    ({"match": [{"headers": [{"name": "a", "how": "regex", "value": "*"}]}]}, "match[0].headers[0].value", "not-a-regex"),
    (
        {"match": [{"headers": [{"name": "a", "value": "x"}, {"name": "A", "value": "y"}]}]},
        "match[0].headers[1].name",
        "repeated-name",
    ),
    ({"match": [{"query": [{"name": "q", "how": "is", "value": "x"}]}]}, "match[0].query[0].how", "not-a-choice"),
    (
        {"match": [{"query": [{"name": "q", "value": "x"}, {"name": "q", "value": "y"}]}]},
        "match[0].query[1].name",
        "repeated-name",
    ),
    ({"destinations": [{"subset": "v9"}]}, "destinations[0].subset", "unknown-subset"),
    ({"destinations": [{"subset": "V 1"}]}, "destinations[0].subset", "not-a-subset"),
    ({"destinations": [{"host": "*"}]}, "destinations[0].host", "not-a-host"),
    ({"destinations": [{"host": "10.0.0.1"}]}, "destinations[0].host", "not-a-host"),
    ({"destinations": [{"host": "a..b"}]}, "destinations[0].host", "not-a-host"),
    ({"destinations": [{"port": "0"}]}, "destinations[0].port", "not-whole"),
    ({"destinations": [{"port": 70000}]}, "destinations[0].port", "not-whole"),
    ({"destinations": [{"subset": "v1", "weight": "ten"}]}, "destinations[0].weight", "not-whole"),
    ({"destinations": [{"subset": "v1", "weight": 101}]}, "destinations[0].weight", "not-whole"),
    ({"destinations": [{"subset": "v1", "weight": 5}]}, "destinations[0].weight", "wrong-sum"),
    ({"destinations": [{"subset": "v1", "weight": 90}, {"subset": "v2", "weight": 9}]}, "destinations[1].weight", "wrong-sum"),
    ({"destinations": [{"subset": "v1"}, {"subset": "v2"}]}, "destinations[1].weight", "wrong-sum"),
    ({"destinations": [*V1, {"subset": "v1", "weight": 100}]}, "destinations[1]", "repeated-destination"),
    ({"mirrors": [{"subset": "v2"}, {"subset": "v2"}]}, "mirrors[1]", "repeated-copy"),
    ({"destinations": []}, "destinations", "no-answer"),
    ({"rewrite": {"uri": "v2"}}, "rewrite.uri", "path-start"),
    ({"rewrite": {"authority": "a b"}}, "rewrite.authority", "not-an-authority"),
    ({"rewrite": {"authority": "a:0"}}, "rewrite.authority", "not-an-authority"),
    ({"rewrite": "x"}, "rewrite", "not-a-group"),
    ({"redirect": {"uri": "/x"}}, "redirect.uri", "sends-and-redirects"),
    ({"destinations": [], "redirect": {"uri": "x"}}, "redirect.uri", "path-start"),
    ({"destinations": [], "redirect": {"uri": "/a b"}}, "redirect.uri", "path-blank"),
    ({"destinations": [], "redirect": {"code": 302}}, "redirect.uri", "redirect-target"),
    ({"destinations": [], "redirect": {"uri": "/x", "code": 300}}, "redirect.code", "not-a-choice"),
    ({"destinations": [], "redirect": {"uri": "/x"}, "rewrite": {"uri": "/y"}}, "rewrite.uri", "redirect-excludes"),
    (
        {"destinations": [], "redirect": {"uri": "/x"}, "fault": {"delay": {"duration": "1s", "percent": 1}}},
        "fault.delay.duration",
        "redirect-excludes",
    ),
    ({"timeout": "3 sec"}, "timeout", "not-a-duration"),
    ({"timeout": 3}, "timeout", "not-a-duration"),
    ({"timeout": "0s"}, "timeout", "not-a-duration"),
    ({"retries": {"attempts": -1}}, "retries.attempts", "not-whole"),
    ({"retries": {"attempts": 1.5}}, "retries.attempts", "not-whole"),
    ({"retries": {"attempts": 2, "per_try_timeout": "2"}}, "retries.per_try_timeout", "not-a-duration"),
    ({"retries": {"attempts": 2, "retry_on": "5xx,often"}}, "retries.retry_on", "not-a-retry-condition"),
    ({"retries": {"attempts": 2, "retry_on": "599"}}, "retries.retry_on", "not-a-retry-condition"),
    ({"retries": {"per_try_timeout": "2s"}}, "retries.attempts", "attempts-missing"),
    ({"retries": {"attempts": 0, "retry_on": "5xx"}}, "retries.retry_on", "retries-off"),
    ({"fault": {"abort": {"status": 199, "percent": 1}}}, "fault.abort.status", "not-whole"),
    ({"fault": {"abort": {"status": 503}}}, "fault.abort.percent", "percent-missing"),
    ({"fault": {"abort": {"percent": 5}}}, "fault.abort.status", "status-missing"),
    ({"fault": {"abort": {"status": 503, "percent": 101}}}, "fault.abort.percent", "percentage-range"),
    ({"fault": {"abort": {"status": 503, "percent": "5 %"}}}, "fault.abort.percent", "not-a-percentage"),
    ({"fault": {"abort": {"status": 503, "percent": 0.00001}}}, "fault.abort.percent", "not-a-percentage"),
    ({"fault": {"delay": {"duration": "1d", "percent": 5}}}, "fault.delay.duration", "not-a-duration"),
    ({"fault": {"delay": {"duration": "1s"}}}, "fault.delay.percent", "percent-missing"),
    ({"fault": {"delay": {"percent": 5}}}, "fault.delay.duration", "delay-missing"),
    ({"mirrors": [{}]}, "mirrors[0].subset", "mirror-missing"),
    ({"mirrors": [{"subset": "v9"}]}, "mirrors[0].subset", "unknown-subset"),
    ({"mirrors": [{"subset": "v2", "percent": "-1"}]}, "mirrors[0].percent", "not-a-percentage"),
    ({"headers": [{"name": "x", "value": ""}]}, "headers[0].value", "header-value-missing"),
    ({"headers": [{"name": "", "value": "x"}]}, "headers[0].name", "name-missing"),
    ({"headers": [{"name": "x y", "value": "x"}]}, "headers[0].name", "not-a-header"),
    ({"headers": [{"name": ":path", "value": "/"}]}, "headers[0].name", "header-pseudo"),
    ({"headers": [{"do": "remove", "name": "Host"}]}, "headers[0].name", "header-host"),
    ({"headers": [{"do": "remove", "name": "x", "value": "y"}]}, "headers[0].value", "value-of-removed"),
    ({"headers": [{"on": "answer", "name": "x", "value": "y"}]}, "headers[0].on", "not-a-choice"),
    ({"headers": [{"do": "append", "name": "x", "value": "y"}]}, "headers[0].do", "not-a-choice"),
    ({"headers": [{"name": "x", "value": "50%"}]}, "headers[0].value", "header-percent"),
    ({"headers": [{"name": "x", "value": "%NOPE%"}]}, "headers[0].value", "header-command"),
    ({"headers": [{"name": "x", "value": "1"}, {"name": "X", "value": "2"}]}, "headers[1].name", "repeated-name"),
    ({"headers": [{"name": "host", "value": "a"}], "rewrite": {"authority": "b"}}, "rewrite.authority", "authority-twice"),
    ({"headers": "none"}, "headers", "not-a-list"),
    ({"mirrors": ["v2"]}, "mirrors[0]", "not-a-group"),
    ({"timeouts": "3s"}, "timeouts", "unknown-field"),
    ({"origin": "7:12345678"}, "origin", "origin-gone"),
]
"""A rule, the field in it that is wrong, and the code."""

GOOD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"match": [{"path_how": "regex", "path": r"/v\d+/(books|authors)"}]},
        {"match": [{"uri": {"regex": r"/v\d+/(books|authors)"}}]},
    ),
    (
        {"match": [{"path_how": "prefix", "path": "/v1", "ignore_case": "on", "method": "GET"}]},
        {"match": [{"uri": {"prefix": "/v1"}, "ignoreUriCase": True, "method": {"exact": "GET"}}]},
    ),
    (
        {"match": [{"headers": [{"name": "x-user", "value": "beta"}, {"name": "x-any", "how": "present"}], "query": ""}]},
        {"match": [{"headers": {"x-user": {"exact": "beta"}, "x-any": {}}}]},
    ),
    (
        {"match": [{"query": [{"name": "q", "how": "prefix", "value": "a"}]}]},
        {"match": [{"queryParams": {"q": {"prefix": "a"}}}]},
    ),
    (
        {"destinations": [{"subset": "v1", "weight": "90"}, {"host": "ratings", "port": 9080, "weight": 10}]},
        {
            "route": [
                {"destination": {"host": FQDN, "subset": "v1"}, "weight": 90},
                {"destination": {"host": "ratings", "port": {"number": 9080}}, "weight": 10},
            ]
        },
    ),
    ({"destinations": [{"host": "reviews.bookinfo"}]}, {"route": [{"destination": {"host": FQDN}}]}),
    (
        {"destinations": "", "redirect": {"authority": "shop.example:8443", "uri": "/a?b=c", "code": "307"}},
        {"redirect": {"authority": "shop.example:8443", "uri": "/a?b=c", "redirectCode": 307}},
    ),
    ({"timeout": " 1.5s "}, {"timeout": "1.5s"}),
    ({"retries": {"attempts": 0}}, {"retries": {"attempts": 0}}),
    (
        {"retries": {"attempts": "3", "per_try_timeout": "500ms", "retry_on": "5xx, reset, 503"}},
        {"retries": {"attempts": 3, "perTryTimeout": "500ms", "retryOn": "5xx,reset,503"}},
    ),
    (
        {"fault": {"abort": {"status": "503", "percent": "0.1"}, "delay": {"duration": "2s", "percent": 100}}},
        {
            "fault": {
                "abort": {"httpStatus": 503, "percentage": {"value": 0.1}},
                "delay": {"fixedDelay": "2s", "percentage": {"value": 100}},
            }
        },
    ),
    (
        {"mirrors": [{"subset": "v2", "percent": "50"}]},
        {"mirrors": [{"destination": {"host": FQDN, "subset": "v2"}, "percentage": {"value": 50}}]},
    ),
    (
        {
            "headers": [
                {"name": ":authority", "value": "a.b"},
                {"on": "response", "do": "add", "name": "x-at", "value": "%START_TIME% 100%%"},
                {"on": "response", "do": "remove", "name": "server"},
            ]
        },
        {
            "headers": {
                "request": {"set": {":authority": "a.b"}},
                "response": {"add": {"x-at": "%START_TIME% 100%%"}, "remove": ["server"]},
            }
        },
    ),
]
