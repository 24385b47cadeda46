"""What is asked of a canary, in words: what is wrong with it, what it does, and what it can tell."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import Plan
from meshportal.mesh.rollouts.leaves import plain
from meshportal.mesh.rollouts.spec import Rule, Spec, outlook
from meshportal.policies.findings import sentence as of_rule
from meshportal.web.words import NBSP, age, number

NAMED_STEPS = 6
OWN = "MP09"  # how the codes of this form begin


def error_sentence(error: FieldError) -> str:
    """One sentence for the reader, beside the field. Raises KeyError for a code that `mesh.rollouts.asking` does not give."""
    return {**_leaves(), **_rows()}[error.code] % error.values


def _leaves() -> dict[str, str]:
    return {
        "unknown-key": _("There is no field “%(key)s” here. Known: %(known)s."),
        "not-a-group": _("This takes an object with the fields %(known)s."),
        "not-a-number": _("“%(typed)s” is not a number. Write digits, such as 10 or 0.5."),
        "not-whole": _("“%(typed)s” is not a whole number. Write digits alone, such as 10."),
        "out-of-range": _("“%(typed)s” does not lie between %(low)s and %(high)s."),
        "not-a-duration": _("“%(typed)s” is not a duration. Write seconds (300) or a time with its unit: 90s, 5m, 1h30m."),
        "duration-range": _("“%(typed)s” does not lie between %(low)s and %(high)s."),
        "not-a-ratio": _(
            "“%(typed)s” is not a ratio above 0 and up to %(most)s. 5 %% is 0.05; for percents send the other field."
        ),
        "not-a-percentage": _("“%(typed)s” is not a percentage above 0 and up to %(most)s. Write a number, such as 1 or 0.5."),
        "both": _("Send either %(one)s or %(other)s, not both."),
        "unknown-choice": _("“%(typed)s” is none of these: %(known)s."),
        "not-a-bucket": _("Prometheus has no count of requests over %(typed)s ms. Choose one of %(known)s."),
        "not-a-switch": _("“%(typed)s” is neither yes nor no. Write true or false."),
    }


def _rows() -> dict[str, str]:
    return {
        "needed": _("Choose a version. Known: %(known)s."),
        "unknown-subset": _("There is no subset “%(typed)s” and no version of that name. Known: %(known)s."),
        "same-version": _("“%(subset)s” cannot be its own canary. Choose another version."),
        "ladder-and-list": _("The steps are listed, so %(spare)s would do nothing. Leave out one or the other."),
        "no-steps": _("List at least one step, or choose even steps."),
        "not-a-list": _("This takes a list of steps, each with its weight."),
        "too-many-steps": _("At most %(most)d steps fit. Make them larger."),
        "needed-weight": _("A step needs its weight in percent, such as 10."),
        "not-rising": _("%(weight)d %% does not rise above the %(before)d %% before it. Steps only go up."),
        "not-to-the-end": _("The last step ends at %(weight)d %%. Let it end at 100 %%, or add a step that does."),
        "timeout-too-short": _("The longest step takes %(longest)s, so this would always be over first. Make it longer."),
        "blind-too-long": _("Without data it goes back after %(most)s, so it has to be held before that. Make this shorter."),
    }


def one_version(subset: str) -> str:
    """Why no canary can be started: there is nothing to compare."""
    if not subset:
        return _("No version of this service has pods. A version is the label “version” of its pods.")
    return _("Only %(subset)s has pods. Start pods of the new version first: a canary needs two.") % {"subset": subset}


def others_get_traffic(others: Mapping[str, float]) -> str:
    shares = ", ".join(f"{subset} {share:.0f}{NBSP}%" for subset, share in others.items())
    return _("Other versions get requests too (%(shares)s). Give them none first: a canary walks between two versions.") % {
        "shares": shares
    }


def title(spec: Spec) -> str:
    """One line for lists."""
    values = {"service": spec.service.name, "baseline": spec.baseline, "canary": spec.canary}
    return _("Canary of %(service)s: %(baseline)s → %(canary)s") % values


def rate(ratio: float) -> str:
    """A ratio as percent: 0.01 is "1 %"."""
    digits = 0 if ratio >= 0.0995 else 1 if ratio >= 0.00995 else 2
    text = f"{ratio * 100:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{NBSP}%"


# ---------------------------------------------------------------- what it does


def plain_words(spec: Spec, plan: Plan, per_second: float | None) -> list[str]:
    """What is approved, for somebody who does not read YAML: the walk, how long it takes, how it is judged, what it can tell."""
    ahead = outlook(spec, per_second)
    said = [walk(spec), takes_at_least(spec, per_second), *_gates(spec), *_judged(spec)]
    first = ahead.steps[0]
    if first.requests is not None and ahead.smallest_visible is not None:
        said.append(_detects(first.weight, first.requests, ahead.smallest_visible))
    said += _objects(spec, plan)
    said.append(
        _("Until it is over nobody else changes this host here; it can be paused, lowered and aborted at any time by its people.")
    )
    return said


def walk(spec: Spec) -> str:
    """ "v2 starts at 5 %, then 10 %, … 100 %": the first steps and the last."""
    weights = [f"{step.weight}{NBSP}%" for step in spec.steps]
    if len(weights) == 1:
        return _("%(canary)s gets all requests of %(service)s at once.") % {"canary": spec.canary, "service": spec.service.name}
    shown = weights[1:] if len(weights) <= NAMED_STEPS else [*weights[1 : NAMED_STEPS - 2], "…", weights[-1]]
    values = {"canary": spec.canary, "service": spec.service.name, "first": weights[0], "then": _(", ").join(shown)}
    return _("%(canary)s starts at %(first)s of the requests to %(service)s, then %(then)s.") % values


def takes_at_least(spec: Spec, per_second: float | None) -> str:
    values = {"time": age(outlook(spec, per_second).at_least), "bake": age(spec.bake)}
    if per_second is None:
        return _("It takes at least %(time)s, with %(bake)s at 100 %% at the end; how many requests come is not known.") % values
    return _("It takes at least %(time)s at the present traffic, with %(bake)s at 100 %% at the end.") % values


def _gates(spec: Spec) -> list[str]:
    gated = [f"{step.weight}{NBSP}%" for step in spec.steps if step.approval]
    if not gated:
        return []
    return [_("Somebody else has to let it begin at %(weights)s.") % {"weights": _(", ").join(gated)}]


def _judged(spec: Spec) -> list[str]:
    criteria = spec.criteria
    values = {
        "requests": number(criteria.min_request_count),
        "limit": rate(criteria.max_error_rate),
        "ratio": plain(criteria.ratio),
        "alpha": rate(criteria.alpha),
    }
    if criteria.rule is Rule.SEQUENTIAL:
        said = [
            _(
                "A step passes after %(requests)s requests without harm; it goes back to 0 %% once more than %(limit)s of "
                "errors, or more than %(ratio)s times the baseline's, is shown "
                "(a healthy one is blamed in at most %(alpha)s of cases)."
            )
            % values
        ]
    else:
        said = [
            _("A step passes with at most %(limit)s of errors after %(requests)s requests, else it goes back to 0 %%.") % values
        ]
    if criteria.max_slow_rate is not None:
        slow = {"share": rate(criteria.max_slow_rate), "ms": plain(criteria.slow_ms)}
        said.append(_("Requests over %(ms)s ms count likewise: at most %(share)s.") % slow)
    blind = {"held": age(spec.max_blind), "back": age(spec.blind_rollback_after)}
    said.append(_("Without data it is held after %(held)s and goes back after %(back)s.") % blind)
    return said


def _detects(weight: int, requests: float, visible: float) -> str:
    return _(
        "At %(weight)d %% the canary gets about %(requests)s requests in its least time: "
        "an error rate under %(rate)s may well stay unseen there."
    ) % {"weight": weight, "requests": number(requests), "rate": rate(visible)}


def _objects(spec: Spec, plan: Plan) -> list[str]:
    said = [
        _("A new %(kind)s is created.") % {"kind": f"{item.ref.kind.kind} {item.ref.name}"}
        for item in plan.items
        if item.before is None
    ]
    changes = len(plan.changing)
    if not changes:
        return [*said, _("The route is ready as it is: nothing is written before the first step.")]
    return [
        *said,
        ngettext(
            "%(count)d object is written first: %(baseline)s gets every request, %(canary)s is named with none.",
            "%(count)d objects are written first: %(baseline)s gets every request, %(canary)s is named with none.",
            changes,
        )
        % {"count": changes, "baseline": spec.baseline, "canary": spec.canary},
    ]


# ---------------------------------------------------------------- remarks


def finding_sentence(finding: Finding) -> tuple[str, str]:
    """A finding, and what to do about it."""
    return (_remark(finding) if finding.code.startswith(OWN) else None) or of_rule(finding)


def _remark(finding: Finding) -> tuple[str, str] | None:
    code = f"{finding.code}:{finding.values['why']}" if finding.code == "MP0905" else finding.code
    found = _remarks().get(code)
    if found is None:  # a rule of the mesh says it, and its values mean something else
        return None
    values = dict(finding.values)
    for key in ("rate", "limit", "chance"):
        if isinstance(values.get(key), float):
            values[key] = rate(values[key])
    for key in ("requests", "needed", "asked"):
        if key in values:
            values[key] = number(values[key])
    for key in ("seconds", "timeout"):
        if key in values:
            values[key] = age(values[key])
    return found[0] % values, found[1] % values


def _remarks() -> dict[str, tuple[str, str]]:
    return {
        "MP0901": (
            _("No pod of %(subset)s is ready (0 of %(total)d)."),
            _("Start its pods first: a canary compares two versions that both answer."),
        ),
        "MP0903": (
            _("Nobody knows whether a pod of %(subset)s is ready."),
            _("See for yourself first. The canary does not begin before pods of both are seen."),
        ),
        "MP0904": (
            _("%(subset)s gets %(percent).0f %% of the requests now. It begins with none and rises again from there."),
            _("Choose a first step near to what it has, if that is too little."),
        ),
        "MP0905:unknown": (
            _("Nobody knows how many requests this service gets."),
            _("Without Prometheus' numbers the canary is held and then goes back. See why they are missing first."),
        ),
        "MP0905:none": (
            _("This service gets no requests right now."),
            _("A canary without requests is held until some come, or until its time is over."),
        ),
        "MP0906": (
            _(
                "At the present traffic %(weight)d %% takes %(seconds)s for its %(needed)s requests, "
                "longer than the %(timeout)s allowed."
            ),
            _("Ask for fewer requests, begin with a larger step, or allow more time."),
        ),
        "MP0907": (
            _("%(asked)s requests cannot show %(limit)s: %(needed)s clean ones can."),
            _("Ask for more requests if a step shall prove that."),
        ),
        "MP0908": (
            _("This rule rolls back at least %(chance)s of healthy canaries with a true error rate of %(rate)s."),
            _("The sequential rule does not, however often it looks."),
        ),
    }  # fmt: skip
