"""What is remarkable about a destination as asked, what it risks, and which field a place in its object belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshportal.mesh.destinations.fields import LEAVES, WARMED_UP, Raw, at
from meshportal.mesh.destinations.live import DestinationLive, pods_of
from meshportal.mesh.destinations.reading import DEPRECATED_ERRORS, entries, group, own_policies, read, text_of
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import Manifest, ref_of

FEW_PODS = 3
SECTIONS = {
    "loadBalancer": ("load_balancer", "locality", "warmup"),
    "connectionPool": ("connection_pool",),
    "outlierDetection": ("outlier_detection",),
}
"""The sections of a traffic policy, of which one below replaces one above whole, and the groups of the form that each holds."""


def analyse(live: DestinationLive, plan: Plan) -> list[Finding]:
    """Remarks about a plan of `render`, worst first. Everything that Istio's webhook would warn of is among them."""
    item = plan.items[0]
    asked, now = read(item.after), read(item.before)
    if item.after is None or not plan.changing or (item.before is None and asked == now):
        return [Finding("MP0101", Severity.ERROR)]
    found = [
        *_of_webhook(item.after, asked),
        *_of_settings(live, asked, now),
        *_of_other_policies(live, item.before, item.after, asked, now),
    ]
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _of_webhook(after: Manifest, asked: Raw) -> Iterator[Finding]:
    """What `validateTrafficPolicy` of Istio's pkg/config/validation warns of."""
    policy = group(after, "spec", "trafficPolicy")
    balancer = group(policy, "loadBalancer")
    moves_on = asked["locality"]["failover"] or entries(balancer, "localityLbSetting", "failoverPriority")
    if moves_on and not at(asked, "outlier_detection.on"):
        yield Finding("MP0701", Severity.WARNING, "locality.failover")
    if old := group(policy, "outlierDetection").get(DEPRECATED_ERRORS):
        yield Finding("MP0702", Severity.WARNING, "outlier_detection.replace_consecutive_errors", {"errors": old})
    if group(balancer, "consistentHash").get("minimumRingSize"):
        yield Finding("MP0703", Severity.WARNING, "load_balancer.how")


def _of_settings(live: DestinationLive, asked: Raw, now: Raw) -> Iterator[Finding]:
    """Settings that are valid and do nothing, or more than they seem to."""
    how = at(asked, "load_balancer.how")
    if at(asked, "warmup.duration") and how not in WARMED_UP:
        yield Finding("MP0704", Severity.WARNING, "warmup.duration", {"how": how})
    if asked["outlier_detection"] == now["outlier_detection"] or not at(asked, "outlier_detection.on"):
        return
    if at(asked, "outlier_detection.max_ejection_percent") == "100":
        yield Finding("MP0705", Severity.WARNING, "outlier_detection.max_ejection_percent")
    pods = pods_of(live, {})
    if pods.total is not None and 0 < pods.total < FEW_PODS:
        yield Finding("MP0706", Severity.INFO, "outlier_detection.on", {"pods": pods.total})


def _of_other_policies(
    live: DestinationLive, before: Manifest | None, after: Manifest, asked: Raw, now: Raw
) -> Iterator[Finding]:
    """Policies elsewhere that win over this one, or over which this one wins."""
    for rule in live.wildcards:
        values = {"object": str(ref_of(rule)), "host": text_of(group(rule, "spec").get("host"))}
        yield Finding("MP0707", Severity.INFO if before else Severity.WARNING, "", values)
    own = own_policies(after)
    for section, groups in SECTIONS.items():
        changed = next((name for name in groups if asked[name] != now[name]), "")
        winners = [place for place, sections in own.items() if section in sections]
        if changed and winners:
            yield Finding("MP0708", Severity.INFO, _FIRST[changed], {"places": ", ".join(winners)})


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
    (re.compile(r"spec\.trafficPolicy\.loadBalancer\.localityLbSetting"), "locality.enabled"),
    (re.compile(r"spec\.trafficPolicy\.loadBalancer\.warmup"), "warmup.duration"),
    (re.compile(r"spec\.trafficPolicy\.loadBalancer"), "load_balancer.how"),
    (re.compile(r"spec\.trafficPolicy\.connectionPool"), "connection_pool.tcp.max_connections"),
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
