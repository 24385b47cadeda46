"""What is typed or sent for a canary, checked: the seed's fields, or an explicit list of steps. Page and REST share this.

Rates are ratios (`max_error_rate`: 0.01) or percents (`max_error_percent`: 1), never both. Durations are seconds (300) or texts
with a unit ("5m"). A key that is left out or empty takes its default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshportal.mesh import durations
from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rollouts.counting import BOUNDS
from meshportal.mesh.rollouts.leaves import LONGEST, Reading, empty, plain, shown
from meshportal.mesh.rollouts.spec import MAX_STEPS, Criteria, OnTimeout, Rule, Spec, Step, ladder

SEED_KEYS = {"baseline_version": "baseline", "canary_version": "canary"}
EVEN, LISTED = "even", "listed"
KEYS = (
    "baseline", "canary", "how", "initial_weight", "increment", "interval", "steps", "success_criteria", "rule", "max_slow_rate",
    "max_slow_percent", "slow_ms", "alpha", "alpha_percent", "ratio", "delta", "delta_percent", "step_timeout", "on_timeout",
    "max_blind", "blind_rollback_after", "bake",
)  # fmt: skip
CRITERIA_KEYS = ("max_error_rate", "max_error_percent", "min_request_count")
STEP_KEYS = ("origin", "weight", "seconds", "pause", "approval")
PERCENTS = {"alpha": "alpha_percent", "delta": "delta_percent", "max_slow_rate": "max_slow_percent"}

INITIAL_WEIGHT, INCREMENT, INTERVAL = 5, 5, 300.0
STEP_TIMEOUT, BLIND, BLIND_ROLLBACK, BAKE = 3600.0, 2.0, 900.0, 600.0
MOST_REQUESTS = 1_000_000_000


def asked(raw: Mapping[str, Any], service: ServiceRef, subsets: Sequence[str]) -> Spec | list[FieldError]:
    """The canary that is asked for, or every reason why it cannot be. `subsets` are those that can get requests."""
    reading = Reading()
    raw = {SEED_KEYS.get(key, key): value for key, value in raw.items()}
    reading.known(raw, KEYS)
    baseline, canary = _arms(reading, raw, subsets)
    steps = _steps(reading, raw)
    criteria = _criteria(reading, raw)
    longest = max(step.seconds for step in steps)
    timeout = reading.seconds("step_timeout", raw.get("step_timeout"), max(STEP_TIMEOUT, min(2 * longest, LONGEST)))
    if timeout < longest:
        reading.wrong("step_timeout", "timeout-too-short", longest=durations.write(longest))
    rollback_after = reading.seconds("blind_rollback_after", raw.get("blind_rollback_after"), BLIND_ROLLBACK)
    blind = reading.seconds("max_blind", raw.get("max_blind"), min(BLIND * steps[0].seconds, rollback_after))
    if blind > rollback_after:
        reading.wrong("max_blind", "blind-too-long", most=durations.write(rollback_after))
    spec = Spec(
        service=service,
        baseline=baseline,
        canary=canary,
        steps=steps,
        criteria=criteria,
        step_timeout=timeout,
        on_timeout=OnTimeout(reading.choice("on_timeout", raw.get("on_timeout"), [*OnTimeout], OnTimeout.HOLD)),
        max_blind=blind,
        blind_rollback_after=rollback_after,
        bake=reading.seconds("bake", raw.get("bake"), BAKE, low=0.0),
    )
    return reading.errors or spec


def _arms(reading: Reading, raw: Mapping[str, Any], subsets: Sequence[str]) -> tuple[str, str]:
    found = []
    for field in ("baseline", "canary"):
        typed = raw.get(field)
        if empty(typed):
            reading.wrong(field, "needed", known=", ".join(subsets))
        elif typed not in subsets:
            reading.wrong(field, "unknown-subset", typed=shown(typed), known=", ".join(subsets))
        found.append(str(typed))
    if found[0] == found[1] and found[0] in subsets:
        reading.wrong("canary", "same-version", subset=found[0])
    return found[0], found[1]


def _criteria(reading: Reading, raw: Mapping[str, Any]) -> Criteria:
    body = raw.get("success_criteria")
    if not empty(body) and not isinstance(body, Mapping):
        reading.wrong("success_criteria", "not-a-group", known=", ".join(CRITERIA_KEYS))
    body = body if isinstance(body, Mapping) else {}
    prefix = "success_criteria."
    reading.known(body, CRITERIA_KEYS, prefix)
    default = Criteria()
    slow_ms = reading.number("slow_ms", raw.get("slow_ms"), default.slow_ms, BOUNDS[0], BOUNDS[-1])
    if slow_ms not in BOUNDS:
        reading.wrong("slow_ms", "not-a-bucket", typed=plain(slow_ms), known=", ".join(plain(bound) for bound in BOUNDS))
    slow_given = not (empty(raw.get("max_slow_rate")) and empty(raw.get("max_slow_percent")))
    slow = reading.share(raw, ("max_slow_rate", "max_slow_percent"), 0.0, 0.5) if slow_given else None
    return Criteria(
        rule=Rule(reading.choice("rule", raw.get("rule"), [*Rule], Rule.SEQUENTIAL)),
        max_error_rate=reading.share(body, ("max_error_rate", "max_error_percent"), default.max_error_rate, 0.5, prefix),
        min_request_count=reading.whole(
            f"{prefix}min_request_count", body.get("min_request_count"), default.min_request_count, 1, MOST_REQUESTS
        ),
        max_slow_rate=slow,
        slow_ms=slow_ms,
        alpha=reading.share(raw, ("alpha", "alpha_percent"), default.alpha, 0.2),
        ratio=reading.number("ratio", raw.get("ratio"), default.ratio, 1.0, 10.0),
        delta=reading.share(raw, ("delta", "delta_percent"), default.delta, 0.5),
    )


# ---------------------------------------------------------------- steps


def _steps(reading: Reading, raw: Mapping[str, Any]) -> tuple[Step, ...]:
    rows, how = raw.get("steps"), raw.get("how")
    if empty(how):
        how = EVEN if empty(rows) else LISTED
        spare = [key for key in ("initial_weight", "increment") if not empty(raw.get(key))]
        if how == LISTED and spare:
            reading.wrong("steps", "ladder-and-list", spare=", ".join(spare))
    interval = reading.seconds("interval", raw.get("interval"), INTERVAL)
    if reading.choice("how", how, (EVEN, LISTED), EVEN) == EVEN:
        first = reading.whole("initial_weight", raw.get("initial_weight"), INITIAL_WEIGHT, 1, 100)
        more = reading.whole("increment", raw.get("increment"), INCREMENT, 1, 100)
        return ladder(first, more, interval)
    if not isinstance(rows, list) or not rows:
        reading.wrong("steps", "no-steps" if empty(rows) else "not-a-list")
        return ladder(INITIAL_WEIGHT, INCREMENT, interval)
    if len(rows) > MAX_STEPS:
        reading.wrong("steps", "too-many-steps", most=MAX_STEPS)
    steps = tuple(_step(reading, row, f"steps[{place}]", interval) for place, row in enumerate(rows[:MAX_STEPS]))
    _rising(reading, steps)
    return steps


def _step(reading: Reading, row: Any, path: str, interval: float) -> Step:
    if not isinstance(row, Mapping):
        reading.wrong(path, "not-a-group", known=", ".join(STEP_KEYS))
        return Step(100, interval)
    reading.known(row, STEP_KEYS, f"{path}.")
    if empty(row.get("weight")):
        reading.wrong(f"{path}.weight", "needed-weight")
    if not empty(row.get("seconds")) and not empty(row.get("pause")):
        reading.wrong(f"{path}.pause", "both", one="seconds", other="pause")
    field, typed = ("pause", row["pause"]) if not empty(row.get("pause")) else ("seconds", row.get("seconds"))
    return Step(
        reading.whole(f"{path}.weight", row.get("weight"), 100, 1, 100),
        reading.seconds(f"{path}.{field}", typed, interval),
        _ticked(reading, f"{path}.approval", row.get("approval")),
    )


def _ticked(reading: Reading, field: str, typed: Any) -> bool:
    if empty(typed) or typed is False or typed == "false":
        return False
    if typed is True or typed in ("true", "on", "1"):
        return True
    reading.wrong(field, "not-a-switch", typed=shown(typed))
    return False


def _rising(reading: Reading, steps: Sequence[Step]) -> None:
    if reading.errors:
        return
    for place, step in enumerate(steps[1:], 1):
        if step.weight <= steps[place - 1].weight:
            reading.wrong(f"steps[{place}].weight", "not-rising", weight=step.weight, before=steps[place - 1].weight)
    if steps[-1].weight != 100:
        reading.wrong(f"steps[{len(steps) - 1}].weight", "not-to-the-end", weight=steps[-1].weight)


# ---------------------------------------------------------------- back to what is typed


def raw_of(spec: Spec, how: str = LISTED) -> dict[str, Any]:
    """A canary as `asked` takes it, every default filled in, rates as ratios. `how` EVEN only for steps that are even."""
    criteria = spec.criteria
    given = {
        "baseline": spec.baseline,
        "canary": spec.canary,
        "how": how,
        "success_criteria": {"max_error_rate": criteria.max_error_rate, "min_request_count": criteria.min_request_count},
        "rule": criteria.rule.value,
        "max_slow_rate": criteria.max_slow_rate,
        "slow_ms": criteria.slow_ms,
        "alpha": criteria.alpha,
        "ratio": criteria.ratio,
        "delta": criteria.delta,
        "step_timeout": durations.write(spec.step_timeout),
        "on_timeout": spec.on_timeout.value,
        "max_blind": durations.write(spec.max_blind),
        "blind_rollback_after": durations.write(spec.blind_rollback_after),
        "bake": durations.write(spec.bake),
    }
    first = spec.steps[0]
    if how == EVEN:
        more = spec.steps[1].weight - first.weight if len(spec.steps) > 1 else INCREMENT
        return given | {"initial_weight": first.weight, "increment": more, "interval": durations.write(first.seconds)}
    rows = [{"weight": step.weight, "pause": durations.write(step.seconds), "approval": step.approval} for step in spec.steps]
    return given | {"interval": durations.write(first.seconds), "steps": rows}


def in_percent(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What `raw_of` gives, with percents in the place of ratios: as a form shows it."""
    form = dict(raw)
    for ratio, percent in PERCENTS.items():
        if ratio in form:
            form[percent] = _percent(form.pop(ratio))
    criteria = dict(form.get("success_criteria") or {})
    if "max_error_rate" in criteria:
        criteria["max_error_percent"] = _percent(criteria.pop("max_error_rate"))
    return form | {"success_criteria": criteria, "slow_ms": plain(float(form.get("slow_ms") or Criteria().slow_ms))}


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else plain(ratio * 100)
