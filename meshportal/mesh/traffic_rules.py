"""What may be typed as weights, what is remarkable about them, and what they risk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.findings import Finding, Level, Risk, Severity
from meshportal.mesh.hosts import names_service
from meshportal.mesh.plans import Plan
from meshportal.mesh.traffic import NotEditable, TrafficIntent, TrafficLive, editable_route, live_weights, pods_of, subset_labels

FIELD_PREFIX = "weight_"
BIG_SHIFT = 50  # percent points that change versions at once
CLEAN_FOR_ONE_PERCENT = 299  # requests without an error that rule out 1 % of errors with 95 % confidence: ln 0.05 / ln 0.99


def parse_weights(raw: Mapping[str, Any], live: TrafficLive) -> tuple[TrafficIntent | None, list[FieldError]]:
    """Weights as typed or sent, by subset: text or whole numbers; empty is 0. Returns the intent, or None and every error, with
    code not-a-number, out-of-range, unknown-subset, wrong-sum or not-editable."""
    errors: list[FieldError] = []
    try:
        editable_route(live)
    except NotEditable as error:
        errors.append(FieldError("", "not-editable", {"why": error.code, "names": ", ".join(error.names)}))
    known = subset_labels(live)
    weights: dict[str, int] = {}
    for subset, typed in raw.items():
        if subset not in known:
            names = ", ".join(sorted(known))
            errors.append(FieldError(FIELD_PREFIX + subset[:63], "unknown-subset", {"subset": subset[:63], "known": names}))
            continue
        weight = _whole_number(typed)
        if weight is None:
            errors.append(FieldError(FIELD_PREFIX + subset, "not-a-number", {"typed": str(typed)[:40]}))
        elif not 0 <= weight <= 100:
            errors.append(FieldError(FIELD_PREFIX + subset, "out-of-range", {"typed": weight}))
        else:
            weights[subset] = weight
    if not errors and sum(weights.values()) != 100:
        given = [subset for subset, weight in weights.items() if weight] or list(weights) or sorted(known)[:1]
        at = FIELD_PREFIX + given[-1] if given else ""
        errors.append(FieldError(at, "wrong-sum", {"sum": sum(weights.values())}))
    if errors:
        return None, errors
    return TrafficIntent(live.service, weights), []


def _whole_number(typed: Any) -> int | None:
    """A whole number of at most three digits, typed or sent; None for anything else (True is not 1 here)."""
    if isinstance(typed, int) and not isinstance(typed, bool):
        return typed if abs(typed) < 1000 else 1000
    if not isinstance(typed, str):
        return None
    text = typed.strip()
    if text == "":
        return 0
    # isdecimal alone would take digits of every script
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        return None
    return int(text) if len(digits) <= 3 else 1000


def analyse(intent: TrafficIntent, live: TrafficLive, plan: Plan) -> list[Finding]:
    """Remarks about valid weights, worst first."""
    findings: list[Finding] = []
    for subset, weight in intent.weights.items():
        pods = pods_of(live, subset)
        field_name = FIELD_PREFIX + subset
        if weight > 0 and pods.ready == 0:
            findings.append(
                Finding("KIA0203", Severity.ERROR, field_name, {"subset": subset, "weight": weight, "total": pods.total})
            )
        elif weight > 0 and pods.ready is None:
            findings.append(Finding("MP0104", Severity.WARNING, field_name, {"subset": subset}))
        elif weight >= BIG_SHIFT and pods.some_missing:
            values = {"subset": subset, "weight": weight, "ready": pods.ready, "total": pods.total}
            findings.append(Finding("MP0103", Severity.WARNING, field_name, values))
    if others := other_hosts(live):
        findings.append(Finding("MP0105", Severity.WARNING, "", {"hosts": ", ".join(others)}))
    if not plan.changing:
        findings.append(Finding("MP0101", Severity.ERROR, "", {}))
    for subset, weight in intent.weights.items():
        if 0 < weight < 100 and _weight_now(live, subset) == 0 and live.per_second:
            per_second = live.per_second * weight / 100
            seconds = CLEAN_FOR_ONE_PERCENT / per_second
            values = {
                "subset": subset,
                "weight": weight,
                "per_second": per_second,
                "clean": CLEAN_FOR_ONE_PERCENT,
                "seconds": seconds,
            }
            findings.append(Finding("MP0102", Severity.INFO, FIELD_PREFIX + subset, values))
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def other_hosts(live: TrafficLive) -> list[str]:
    """Hosts that the same VirtualService routes too: their requests follow the same weights."""
    virtual_service, _place = editable_route(live)
    if virtual_service is None:
        return []
    namespace = virtual_service["metadata"].get("namespace", "")
    return [host for host in virtual_service["spec"].get("hosts") or [] if not names_service(host, live.service, namespace)]


def _weight_now(live: TrafficLive, subset: str) -> float:
    return (live_weights(live) or {}).get(subset, 0.0)


def assess(intent: TrafficIntent, live: TrafficLive, findings: list[Finding]) -> Risk:
    """What the weights risk: low for a small step between versions that already take traffic, high where warnings add to it."""
    reasons: list[str] = []
    moved = sum(max(0.0, weight - _weight_now(live, subset)) for subset, weight in intent.weights.items())
    if any(weight > 0 and _weight_now(live, subset) == 0 for subset, weight in intent.weights.items()):
        reasons.append("first-traffic")
    if moved >= BIG_SHIFT:
        reasons.append("big-shift")
    if any(finding.severity is Severity.WARNING for finding in findings):
        reasons.append("warnings")
    if len(reasons) > 1 and "warnings" in reasons:
        return Risk(Level.HIGH, tuple(reasons))
    return Risk(Level.MEDIUM if reasons else Level.LOW, tuple(reasons) or ("small-step",))
