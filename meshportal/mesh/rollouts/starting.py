"""How a canary begins: the objects it needs, what is remarkable about it, what it risks. Pure.

Both destinations stand in the catch-all route, the baseline with everything, so that a walk only ever replaces two numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.plans import Plan
from meshportal.mesh.rollouts.asking import INCREMENT, INITIAL_WEIGHT, INTERVAL
from meshportal.mesh.rollouts.spec import Criteria, Rule, Spec, ladder, outlook
from meshportal.mesh.traffic import TrafficIntent, TrafficLive, live_weights, pods_of, render, subset_labels
from meshportal.mesh.traffic_rules import BIG_SHIFT, other_hosts

HEALTHY = 0.8  # of the limit: the canary that the threshold rule is measured by
VISIBLE_STEPS = 1000  # beyond so many requests the exact sum is the normal approximation


@dataclass(frozen=True)
class Arms:
    """The two versions that a form begins with; "" where there is none."""

    baseline: str
    canary: str


def plan_of(spec: Spec, live: TrafficLive) -> Plan:
    """DestinationRule with both subsets, VirtualService with all requests to the baseline and none to the canary.

    Destinations of other subsets leave the route: see `elsewhere`. Raises NotEditable.
    """
    return render(TrafficIntent(spec.service, {spec.baseline: 100, spec.canary: 0}, alone=True), live)


def base_of(live: TrafficLive) -> str:
    """The digest of what is live. Raises NotEditable."""
    return render(TrafficIntent(live.service, {}), live).base


def elsewhere(spec: Spec, live: TrafficLive) -> dict[str, float]:
    """Percent by other subset that gets requests: a canary between two versions would take it from them. Raises NotEditable."""
    ours = {spec.baseline, spec.canary}
    return {subset: share for subset, share in (live_weights(live) or {}).items() if share > 0 and subset not in ours}


def suggested(live: TrafficLive) -> Arms:
    """The version that gets most, and the last of the others that has pods. Raises NotEditable."""
    weights = live_weights(live) or {}
    known = [subset for subset in subset_labels(live) if pods_of(live, subset).total != 0]
    if not known:
        return Arms("", "")
    baseline = max(known, key=lambda subset: (weights.get(subset, 0.0), -known.index(subset)))
    others = [subset for subset in known if subset != baseline]
    return Arms(baseline, others[-1] if others else "")


def first_spec(live: TrafficLive) -> Spec:
    """What a form begins with: the seed's own steps. Raises NotEditable."""
    arms = suggested(live)
    steps = ladder(INITIAL_WEIGHT, INCREMENT, INTERVAL)
    return Spec(live.service, arms.baseline, arms.canary, steps, step_timeout=3600.0, max_blind=2 * INTERVAL)


def remarks(spec: Spec, live: TrafficLive, plan: Plan) -> list[Finding]:
    """What somebody should know before anybody approves, worst first. Raises NotEditable."""
    found = [*_pods(spec, live), *_weights(spec, live), *_traffic(spec, live), *_blame(spec)]
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _pods(spec: Spec, live: TrafficLive) -> list[Finding]:
    found = []
    for field, subset in (("baseline", spec.baseline), ("canary", spec.canary)):
        pods = pods_of(live, subset)
        if pods.ready is None:
            found.append(Finding("MP0903", Severity.WARNING, field, {"subset": subset}))
        elif pods.ready == 0:
            found.append(Finding("MP0901", Severity.ERROR, field, {"subset": subset, "total": pods.total}))
    return found


def _weights(spec: Spec, live: TrafficLive) -> list[Finding]:
    found = []
    now = (live_weights(live) or {}).get(spec.canary, 0.0)
    if now > 0:
        found.append(Finding("MP0904", Severity.WARNING, "canary", {"subset": spec.canary, "percent": now}))
    if others := other_hosts(live):
        found.append(Finding("MP0105", Severity.WARNING, "", {"hosts": ", ".join(others)}))
    return found


def _traffic(spec: Spec, live: TrafficLive) -> list[Finding]:
    ahead, criteria = outlook(spec, live.per_second), spec.criteria
    found = []
    if live.per_second is None:
        found.append(Finding("MP0905", Severity.WARNING, "", {"why": "unknown"}))
    elif not live.per_second:
        found.append(Finding("MP0905", Severity.WARNING, "", {"why": "none"}))
    late = [step for step in ahead.steps if step.enough_after and step.enough_after > spec.step_timeout]
    if late:
        values = {"weight": late[0].weight, "needed": late[0].needed, "seconds": late[0].enough_after}
        found.append(Finding("MP0906", Severity.WARNING, "step_timeout", values | {"timeout": spec.step_timeout}))
    if criteria.min_request_count < ahead.clean_for_limit:
        values = {"asked": criteria.min_request_count, "limit": criteria.max_error_rate, "needed": ahead.clean_for_limit}
        found.append(Finding("MP0907", Severity.INFO, "success_criteria.min_request_count", values))
    return found


def _blame(spec: Spec) -> list[Finding]:
    if spec.criteria.rule is not Rule.THRESHOLD:
        return []
    values = {"chance": threshold_blames(spec.criteria, len(spec.steps)), "rate": HEALTHY * spec.criteria.max_error_rate}
    return [Finding("MP0908", Severity.INFO, "rule", values)]


def threshold_blames(criteria: Criteria, steps: int) -> float:
    """The chance (0–1) that the threshold rule rolls back a canary whose true rate is 0.8 of the limit, judged once a step after
    exactly `min_request_count` requests. It looks more often than that, so the chance is at least this."""
    requests, limit = criteria.min_request_count, criteria.max_error_rate
    return 1 - (1 - _above(requests, HEALTHY * limit, limit * requests)) ** steps


def _above(requests: int, rate: float, count: float) -> float:
    """P(more than `count` of `requests` are bad), each with probability `rate`."""
    most = math.floor(count)
    if requests > VISIBLE_STEPS:
        spread = math.sqrt(requests * rate * (1 - rate))
        return 0.5 * math.erfc((most + 0.5 - requests * rate) / spread / math.sqrt(2))
    logs = math.log(rate), math.log1p(-rate)
    at_most = sum(math.exp(_log_choose(requests, bad) + bad * logs[0] + (requests - bad) * logs[1]) for bad in range(most + 1))
    return max(0.0, 1 - at_most)


def _log_choose(total: int, chosen: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)


def assess(spec: Spec, live: TrafficLive) -> Risk:
    """A canary goes back by itself, so it is medium; one that begins with half of the requests is not much of one."""
    reasons = ["walks"]
    if not (live_weights(live) or {}).get(spec.canary):
        reasons.append("first-traffic")
    if spec.steps[0].weight >= BIG_SHIFT:
        return Risk(Level.HIGH, (*reasons, "big-shift"))
    return Risk(Level.MEDIUM, tuple(reasons))
