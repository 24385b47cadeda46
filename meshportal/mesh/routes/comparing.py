"""What an intent changes about the rules that are live, and what that risks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.hosts import names_service
from meshportal.mesh.plans import Plan
from meshportal.mesh.routes.live import RoutesLive, namespace_of
from meshportal.mesh.routes.shape import ORIGIN, Raw, is_blank

BIG_SHIFT = 50  # percent points of one rule that go elsewhere at once
NOTHING_CHANGES, OTHER_HOSTS = "MP0101", "MP0105"


@dataclass(frozen=True)
class RuleChange:
    """One rule that is new or edited: its place counted from 0, as it is to be, and as it is live (None for a new one)."""

    place: int
    row: Raw
    before: Raw | None

    @property
    def fields(self) -> list[str]:
        """Names of its fields that differ."""
        if self.before is None:
            return [name for name, value in self.row.items() if name != ORIGIN and not is_blank(value)]
        return [name for name, value in self.row.items() if name != ORIGIN and value != self.before[name]]


@dataclass(frozen=True)
class Compared:
    changed: Sequence[RuleChange]
    removed: Sequence[Raw]
    moved: bool
    untouched: int

    @property
    def added(self) -> list[RuleChange]:
        return [change for change in self.changed if change.before is None]


def compare(routes: Sequence[Raw], live: Sequence[Raw]) -> Compared:
    """`routes` as they are to be against `live`, matched by where they came from."""
    by_origin = {row[ORIGIN]: row for row in live}
    pairs = [(place, row, by_origin.get(row.get(ORIGIN, ""))) for place, row in enumerate(routes)]
    changed = [RuleChange(place, row, before) for place, row, before in pairs if row != before]
    stay = [row[ORIGIN] for _place, row, before in pairs if before is not None]
    return Compared(
        changed=changed,
        removed=[row for row in live if row[ORIGIN] not in stay],
        moved=stay != [row[ORIGIN] for row in live if row[ORIGIN] in stay],
        untouched=len(routes) - len(changed),
    )


def remarks(plan: Plan, live: RoutesLive) -> list[Finding]:
    """What only this form can say: that nothing would change, and whose requests follow the same rules."""
    found: list[Finding] = []
    if not plan.changing:
        found.append(Finding(NOTHING_CHANGES, Severity.ERROR))
    if others := other_hosts(live):
        found.append(Finding(OTHER_HOSTS, Severity.WARNING, values={"hosts": ", ".join(others)}))
    return found


def other_hosts(live: RoutesLive) -> list[str]:
    """Hosts that the same VirtualService routes too."""
    hosts = [str(host) for found in live.virtual_services for host in found.get("spec", {}).get("hosts") or []]
    return [host for host in hosts if not names_service(host, live.service, namespace_of(live), live.domain)]


def assess(compared: Compared, live: Sequence[Raw], plan: Plan) -> Risk:
    """Low where only settings of rules change; medium where requests go elsewhere or fail on purpose."""
    reasons: list[str] = []
    if any(item.before is None for item in plan.changing):
        reasons.append("new-object")
    used = {subset for row in live for subset in shares(row)}
    if any(subset not in used for change in compared.changed for subset in shares(change.row) if subset[1]):
        reasons.append("first-traffic")
    if any(_moved(change) >= BIG_SHIFT for change in compared.changed):
        reasons.append("big-shift")
    if compared.removed or compared.moved or compared.added or any("match" in change.fields for change in compared.changed):
        reasons.append("other-rules")
    if any("fault" in change.fields and not is_blank(change.row["fault"]) for change in compared.changed):
        reasons.append("fault")
    return Risk(Level.MEDIUM if reasons else Level.LOW, tuple(reasons) or ("settings-only",))


def shares(row: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Percent of a rule's requests by (host, subset), those that get some: Istio takes weights as relative, and one destination
    alone gets everything."""
    texts = [str(target["weight"]) for target in row["destinations"]]
    weights = [int(weight) if len(weight) < 4 and weight.isdecimal() else 0 for weight in texts]
    if len(weights) == 1:
        weights = [100]
    total = sum(weights)
    found: dict[tuple[str, str], float] = {}
    for target, weight in zip(row["destinations"], weights, strict=True):
        if weight and total:
            key = (target["host"], target["subset"])
            found[key] = found.get(key, 0) + 100 * weight / total
    return found


def _moved(change: RuleChange) -> float:
    """Percent points of a rule's requests that go where they did not go before."""
    if change.before is None:
        return 0
    old = shares(change.before)
    return sum(max(0.0, share - old.get(target, 0)) for target, share in shares(change.row).items())
