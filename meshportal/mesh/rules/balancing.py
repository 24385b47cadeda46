"""What istiod refuses of load balancing: consistent hashing, locality, warm-up.

Source: validateLoadBalancer in pkg/config/validation/validation.go, ValidateLocalityLbSetting in agent/validation.go of Istio.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

from meshportal.mesh.findings import Finding
from meshportal.mesh.rules import values
from meshportal.mesh.rules.node import Node

MAGLEV_BELOW = 5000011
_TOPOLOGY = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")


def load_balancer(place: Node, *, outliers: bool) -> Iterator[Finding]:
    """`outliers`: outlier detection stands beside it, without which nothing fails over."""
    if not place.there:
        return
    yield from _consistent_hash(place["consistentHash"])
    yield from values.exclusive(place, "localityLbSetting", "zoneAwareLbSetting")
    yield from _locality(place["localityLbSetting"])
    for setting in (place["localityLbSetting"], place["zoneAwareLbSetting"]):
        yield from _failover(setting, outliers=outliers)
    for entry in place["zoneAwareLbSetting"].texts("failoverPriority"):
        if entry.text in _TOPOLOGY:
            yield entry.finding("MP0236", why="topology", entry=entry.text)
    warmup = place["warmup"]
    if warmup.there:
        yield from values.required(warmup, "duration")
        yield from values.duration(warmup["duration"])
        yield from values.within(warmup["minimumPercent"], 0, 100)
        yield from values.above_zero(warmup["aggression"])


def _consistent_hash(hashing: Node) -> Iterator[Finding]:
    cookie = hashing["httpCookie"]
    if cookie.there:
        yield from values.required(cookie, "name")
    seen: set[str] = set()
    for attribute in cookie.each("attributes"):
        name = attribute["name"]
        if not name.text:
            yield attribute.finding("MP0213", field="name")
        elif name.text in seen:
            yield name.finding("MP0236", why="twice", entry=name.text)
        seen.add(name.text)
    old = hashing["minimumRingSize"]
    if old.number:
        yield old.finding("MP0250", old="minimumRingSize", new="ringHash.minimumRingSize")
        for algorithm in ("ringHash", "maglev"):
            if hashing[algorithm].there:
                yield hashing[algorithm].finding("MP0212", one="minimumRingSize", other=algorithm)
    if hashing["maglev"].there:
        size = hashing["maglev"]["tableSize"]
        number = int(size.number or 0)
        if not number < MAGLEV_BELOW or not is_prime(number):
            yield size.finding("MP0234", value=number, below=MAGLEV_BELOW)


def is_prime(number: int) -> bool:
    """As Envoy counts: 1 passes."""
    if number < 4:
        return number > 0
    return number % 2 != 0 and all(number % factor for factor in range(3, isqrt(number) + 1, 2))


def _locality(setting: Node) -> Iterator[Finding]:
    distribute, failover = setting.each("distribute"), setting.each("failover")
    if distribute and failover:
        yield setting["failover"].finding("MP0212", one="distribute", other="failover")
        return
    if failover:
        for entry in setting.texts("failoverPriority"):
            if entry.text in _TOPOLOGY:
                yield entry.finding("MP0236", why="failover-topology", entry=entry.text)
    for entry in distribute:
        weights = [(weight, weight.number) for _place, weight in entry["to"].pairs()]
        outside = [weight for weight, number in weights if number is None or not 0 < number <= 100]
        total = sum(number or 0 for _weight, number in weights)
        for weight in outside:
            yield weight.finding("MP0211", value=weight.number or 0, low=1, high=100)
        if not outside and total != 100:
            yield entry["to"].finding("MP0235", sum=total)
        yield from _localities([(name, place) for name, place in entry["to"].pairs()])
    yield from _localities([(entry["from"].text, entry["from"]) for entry in distribute])


def _localities(places: list[tuple[str, Node]]) -> Iterator[Finding]:
    """region/zone/subzone, a wildcard only at the end, and none within another."""
    seen: list[str] = []
    for name, place in places:
        parts = name.split("/", 2)
        if name.count("*") > 1 or ("*" in name and not name.endswith("*")) or "" in parts:
            yield place.finding("MP0236", why="locality", entry=name)
        else:
            plain = "" if name == "*" else name.removesuffix("/*")
            if any(_within(plain, other) or _within(other, plain) for other in seen):
                yield place.finding("MP0236", why="overlap", entry=name)
            seen.append(plain)


def _within(one: str, other: str) -> bool:
    return other == "" or one == other or one.startswith(other + "/")


def _failover(setting: Node, *, outliers: bool) -> Iterator[Finding]:
    entries = setting.each("failover")
    if (entries or setting.texts("failoverPriority")) and not outliers:
        yield setting.finding("MP0256")
    for entry in entries:
        both = entry["from"].text + entry["to"].text
        if entry["from"].text == entry["to"].text:
            yield entry.finding("MP0236", why="same-region", entry=entry["to"].text)
        elif "/" in both or "*" in both:
            yield entry.finding("MP0236", why="region-only", entry=f"{entry['from'].text} → {entry['to'].text}")
