"""What is remarkable about a destination as asked, what it risks, and which field a place in its object belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshportal.mesh.destinations.fields import LEAVES, WARMED_UP, Raw, at
from meshportal.mesh.destinations.live import DestinationLive
from meshportal.mesh.destinations.reading import group, own_policies, read, text_of
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import Manifest, ref_of

SECTIONS = {
    "loadBalancer": ("load_balancer", "locality", "warmup"),
    "connectionPool": ("connection_pool",),
    "outlierDetection": ("outlier_detection",),
}
"""The sections of a traffic policy, of which one below replaces one above whole, and the groups of the form that each holds."""


def analyse(live: DestinationLive, plan: Plan) -> list[Finding]:
    """Remarks about a plan of `render` that need more than its objects, worst first: settings that do nothing, and policies
    elsewhere that win over this one, or over which this one wins. What holds for every DestinationRule is in `mesh.rules`."""
    item = plan.items[0]
    asked, now = read(item.after), read(item.before)
    if item.after is None or not plan.changing or (item.before is None and asked == now):
        return [Finding("MP0101", Severity.ERROR)]
    found: list[Finding] = []
    how = at(asked, "load_balancer.how")
    if at(asked, "warmup.duration") and how not in WARMED_UP:
        found.append(Finding("MP0601", Severity.WARNING, "warmup.duration", {"how": how}))
    for rule in live.wildcards:
        values = {"object": str(ref_of(rule)), "host": text_of(group(rule, "spec").get("host"))}
        found.append(Finding("MP0602", Severity.INFO if item.before else Severity.WARNING, "", values))
    found.extend(_hidden(item.after, asked, now))
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _hidden(after: Manifest, asked: Raw, now: Raw) -> Iterator[Finding]:
    """Changed sections in whose place some subsets or ports have their own."""
    own = own_policies(after)
    for section, groups in SECTIONS.items():
        changed = next((name for name in groups if asked[name] != now[name]), "")
        winners = [place for place, sections in own.items() if section in sections]
        if changed and winners:
            named = {f"{kind}s": [name for sort, name in winners if sort == kind] for kind in ("subset", "port")}
            yield Finding("MP0603", Severity.INFO, _FIRST[changed], named)


_FIRST = {
    "load_balancer": "load_balancer.how",
    "locality": "locality.enabled",
    "warmup": "warmup.duration",
    "connection_pool": "connection_pool.tcp.max_connections",
    "outlier_detection": "outlier_detection.on",
}


def assess(plan: Plan, findings: list[Finding]) -> Risk:
    """What a plan risks: low for a new subset, which no request uses yet; medium for what changes how requests go; high where
    warnings add to it."""
    item = plan.items[0]
    asked, now = read(item.after), read(item.before)
    names = {row["name"]: row["labels"] for row in asked["subsets"]}
    reasons = []
    if any(names.get(row["name"]) != row["labels"] for row in now["subsets"]):
        reasons.append("subset-changed")
    reasons.extend(
        reason
        for reason, groups in (
            ("balancing", ("load_balancer", "locality", "warmup")),
            ("limits", ("connection_pool",)),
            ("outliers", ("outlier_detection",)),
        )
        if any(asked[name] != now[name] for name in groups)
    )
    if any(finding.severity is Severity.WARNING for finding in findings):
        reasons.append("warnings")
    if len(reasons) > 1 and "warnings" in reasons:
        return Risk(Level.HIGH, tuple(reasons))
    return Risk(Level.MEDIUM if reasons else Level.LOW, tuple(reasons) or ("only-offered",))


_ADDRESSES = {leaf.address: leaf.path for leaf in LEAVES}
_PLACES = (
    (re.compile(r"spec\.subsets\[(\d+)\]\.labels\b"), "subsets[{}].labels"),
    (re.compile(r"spec\.subsets\[(\d+)\]"), "subsets[{}].name"),
    (re.compile(r"spec\.trafficPolicy\.loadBalancer\.localityLbSetting\.(failover|distribute)\[(\d+)\]"), "locality.{}[{}].from"),
    (re.compile(r"spec\.trafficPolicy\.loadBalancer\.localityLbSetting(\.failover)?$"), "locality.failover"),
    (re.compile(r"spec\.trafficPolicy\.loadBalancer\.localityLbSetting\.distribute$"), "locality.distribute"),
    (re.compile(r"spec\.trafficPolicy\.loadBalancer\.localityLbSetting"), "locality.enabled"),
    (re.compile(r"spec\.trafficPolicy\.loadBalancer\.warmup"), "warmup.duration"),
    (re.compile(r"spec\.trafficPolicy\.loadBalancer"), "load_balancer.how"),
    (re.compile(r"spec\.trafficPolicy\.connectionPool"), "connection_pool.tcp.max_connections"),
    (re.compile(r"spec\.trafficPolicy\.outlierDetection\.consecutiveErrors"), "outlier_detection.replace_consecutive_errors"),
    (re.compile(r"spec\.trafficPolicy\.outlierDetection"), "outlier_detection.on"),
)


def field_of(path: str) -> str:
    """The field of the form that a place in the DestinationRule belongs to, "" for one that the form does not have."""
    if path in _ADDRESSES:
        return _ADDRESSES[path]
    for pattern, field in _PLACES:
        if match := pattern.match(path):
            return field.format(*match.groups())
    return ""
