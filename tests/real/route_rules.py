"""Rules and values as somebody may ask for them, right or wrong, for the API server to judge."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st


class Values:
    """Good and bad ones of one sort of value."""

    def __init__(self, good: list[str], bad: list[str]) -> None:
        self.good, self.bad, self.mostly = good, bad, _mostly(good, bad)


def _mostly(good: list[str], bad: list[str]) -> st.SearchStrategy[str]:
    """Many good ones for each bad one, or few rules would be good as a whole. Which is which the test does not say: the portal
    has to know."""
    return st.integers(0, 79).flatmap(lambda number: st.sampled_from(bad if number == 79 else good))


PATHS = Values(
    ["/", "/v1", "/a/b.c", "/%20", "/ä", "/" + "a" * 200, "/(x)", "/*", "/a:b@c;d=e,f&g!$'", "/a\\d"],
    ["v1", "/a b", "/a?b", "/a\nb", "/#x", "*"],
)
REGEXES = Values(
    [
        r"/v\d+/(books|authors)", r".*", r"^/a$", r"[^/]+", r"(?i)/a", r"a{1,3}", r"(?P<x>a)b?", r"\.", r"[\w-]+", r"a*?",
        r"\x41", r"[]a]", r"[a\]b]", r"(a|)", r"a{1000}", r"[[:alpha:]]+", r"\pL+", r"\p{Greek}", r"(?<n>a)", r"\Qa+b\E",
        r"\z", r"x{,3}", "é+", r"(?i:a)b", r"(?s).a", r"\-", r"[a-z&&b]", "/a b",
    ],
    [
        "*", "(", "a)", "[", "a{2,1}", "(?=a)", "(?!a)", r"(a)\1", "a++", "a{1001}", "(?#x)", r"\i", "a**", "(?P<1>a)", "(?P=x)",
        r"\Z", "a" * 1025, "[z-a]", "x{2}{3}", "(?>a)", r"[\b]", "(a{500}){500}", "((a{100}){100}){100}", r"\u0041", "(?x)a",
        "(?L)a", "(?a)b", r"\N{DIGIT ONE}", "(?i", "(?:a", "(?<=a)b", "(?P<n>a)(?P<n>b)", "(" * 1001 + ")" * 20,
    ],
)  # fmt: skip
HEADERS = Values(
    ["x-user", "Cookie", ":method", "a_b", "x.y", "host", "uri", "method"],
    ["a b", "", "é", "a:b", ":status-x", "@request.auth.claims.x"],
)
VALUES = Values(["beta", "a b", "ä", '"q"', "%", "x" * 300, "*"], ["", "a\tb", "a\x00"])
OPERATED = Values(["x-env", "Via", "a_b", "x.y", "X-Z"], ["host", ":authority", ":path", "", "a b", "é", "x\ny"])
OPERANDS = Values(
    [
        "prod",
        "a b",
        "100%%",
        "%START_TIME%",
        "%REQ(x-user)%",
        "%%%PROTOCOL%",
        "%PROTOCOL%%PROTOCOL%",
        "ä",
        '{}[]"',
    ],
    [
        "50%",
        "%NOPE%",
        "%REQ%",
        "%REQ()%",
        "%START_TIME",
        "%%%",
        "%req(x)%",
        '%REQ("x")%',
        "%REQ(x",
        "%PROTOCOL(x)%",
        "%REQ(:path):20%",
        "",
    ],
)
HOSTS = Values(
    ["", "", "ratings", "reviews", "a.b.svc.cluster.local", "x.example.", "1a", "a-b.c", "a" * 63],
    ["*", "*.a", "10.0.0.1", "a..b", "-a", "A", "a_b", "a" * 64, ".", "a.1", "ä", "a:80"],
)
SUBSETS = Values(["", "v1", "v2", "v3"], ["v9", "V1", "-", "a.b", "x" * 64])
PORTS = Values(["", "", "80", "9080", "65535"], ["0", "65536", "-1", "http", "1e3"])
PERCENTS = Values(["0", "0.0001", "1", "33.333333", "99.9999", "100"], ["", "101", "-1", "0.00001", "5 %", "NaN", "1e1", "٣"])
DURATIONS = Values(
    ["1ms", "300ms", "1.5s", "30s", "1h30m", "1000us", ".5s", "2562047h"], ["0s", "1.5ms", "1us", "5", "1d", "-1s", "2562048h"]
)
METHODS = Values(["", "GET", "PROPFIND", "X-Y"], ["get", "G T", "*", "GÉT"])
RETRY_ON = Values(
    ["", "5xx", "5xx, reset", "503,429", "gateway-error,cancelled", "200"],
    ["often", "5xx,,reset", "599", "5xx reset", ",", "999999999"],
)
AUTHORITIES = Values(["", "shop.example", "a:8080", "localhost"], ["a b", "a:0", "*.x", "a/b", "é"])
STATUSES = Values(["200", "418", "503", "599"], ["199", "600", "0", "-1", "abc", ""])


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, str]:
    how = draw(_mostly(["exact", "prefix", "regex", "present"], ["", "is"]))
    value = "" if how == "present" else draw(REGEXES.mostly if how == "regex" else VALUES.mostly)
    return {"name": draw(HEADERS.mostly), "how": how, "value": value}


@st.composite
def matches(draw: st.DrawFn) -> dict[str, Any]:
    how = draw(st.sampled_from(["", "exact", "prefix", "regex"]))
    method_how = draw(st.sampled_from(["", "", "", "exact", "prefix", "regex"]))
    return {
        "path_how": how,
        "path": draw(REGEXES.mostly if how == "regex" else PATHS.mostly) if how else "",
        "ignore_case": draw(st.sampled_from(["", "", "true"])),
        "method_how": method_how,
        "method": draw(REGEXES.mostly if method_how == "regex" else METHODS.mostly),
        "headers": draw(st.lists(conditions(), max_size=2)),
        "query": draw(st.lists(conditions(), max_size=1)),
    }


def targets(share: str) -> st.SearchStrategy[dict[str, str]]:
    shares = PERCENTS.mostly if share == "percent" else st.just("")
    return st.fixed_dictionaries({"host": HOSTS.mostly, "subset": SUBSETS.mostly, "port": PORTS.mostly, share: shares})


@st.composite
def operations(draw: st.DrawFn) -> dict[str, str]:
    do = draw(st.sampled_from(["set", "add", "remove"]))
    names = OPERATED.mostly if do != "remove" else st.sampled_from(["x-env", "Via", "a_b"])
    on, value = draw(st.sampled_from(["request", "response"])), "" if do == "remove" else draw(OPERANDS.mostly)
    return {"on": on, "do": do, "name": draw(names), "value": value}


WEIGHTS = {
    1: [["100"], [""], ["100"], ["5"]],
    2: [["90", "10"], ["0", "100"], ["50", "50"], ["50", "49"]],
    3: [["1", "99", "0"], ["33", "33", "34"], ["-1", "100", "1"]],
}


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """A rule as somebody may ask for it, right or wrong."""
    raw: dict[str, Any] = {
        "name": draw(_mostly(["", "a rule", "ä" * 40], ["x" * 130])),
        "match": draw(st.lists(matches(), max_size=2)),
    }
    if draw(st.integers(0, 3)):
        rows = draw(st.lists(targets("weight"), min_size=1, max_size=3))
        weights = draw(st.sampled_from(WEIGHTS[len(rows)]))
        for row, weight in zip(rows, weights, strict=False):
            row["weight"] = weight
        raw["destinations"] = rows
    if "destinations" not in raw or not draw(st.integers(0, 29)):
        raw["redirect"] = {
            "uri": draw(PATHS.mostly),
            "authority": draw(AUTHORITIES.mostly),
            "code": draw(_mostly(["", "302"], ["300", "399", "200"])),
        }
    if "redirect" not in raw and draw(st.booleans()):
        raw["rewrite"] = {"uri": draw(PATHS.mostly), "authority": draw(AUTHORITIES.mostly)}
    if draw(st.booleans()):
        raw["timeout"] = draw(DURATIONS.mostly)
    if draw(st.booleans()):
        attempts = draw(_mostly(["1", "3", "100"], ["", "0", "-1", "101", "x"]))
        raw["retries"] = {"attempts": attempts, "per_try_timeout": draw(DURATIONS.mostly), "retry_on": draw(RETRY_ON.mostly)}
    if "redirect" not in raw and draw(st.booleans()):
        raw["fault"] = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "abort": st.fixed_dictionaries({"status": STATUSES.mostly, "percent": PERCENTS.mostly}),
                    "delay": st.fixed_dictionaries({"duration": DURATIONS.mostly, "percent": PERCENTS.mostly}),
                },
            )
        )
    raw["mirrors"] = draw(st.lists(targets("percent"), max_size=2))
    raw["headers"] = draw(st.lists(operations(), max_size=3))
    return raw
