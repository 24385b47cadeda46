"""The acts on a canary as people meet them: each with its button, what it does in words, and what has to be typed for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from meshportal.accounts.models import Person
from meshportal.audit.models import AuditEvent
from meshportal.changes.kinds import Problem
from meshportal.changes.services import IllegalTransition, Invalid
from meshportal.mesh.rollouts.phases import Hold
from meshportal.rollouts import services
from meshportal.rollouts.models import Rollout

PAGE = AuditEvent.Via.PAGE


@dataclass(frozen=True)
class Act:
    """One act. `button` opens its page, `title` heads it, `confirm` does it. `css` is the kind of its button."""

    verb: str
    button: str | Promise
    title: str | Promise
    confirm: str | Promise
    icon: str
    css: str
    says: Callable[[Rollout], list[str]]
    needs_reason: bool = True
    needs_weight: bool = False

    def sentences(self, rollout: Rollout) -> list[str]:
        """What it does, now."""
        return self.says(rollout)

    def step_of(self, rollout: Rollout) -> int | None:
        """The step that waits for an approval, counted from 0; None for other acts."""
        return gated_step(rollout) if self.verb == "approve" else None

    def do(self, rollout: Rollout, data: Mapping[str, str], *, by: Person, now: datetime) -> None:
        """Raises Refused, Invalid, IllegalTransition."""
        reason = data.get("reason", "")
        if self.verb == "approve":
            step = _whole(data.get("step", ""))
            if step is None:
                raise IllegalTransition(_("This step does not wait for an approval."))
            services.approve_step(rollout, step, by=by, via=PAGE, now=now)
        elif self.verb == "lower":
            weight = _whole(data.get("weight", ""))
            if weight is None:
                raise Invalid([Problem("weight", _("Write a whole number of percent, such as 5."))])
            services.lower(rollout, weight, by=by, via=PAGE, now=now, reason=reason)
        else:
            verb = {
                "pause": services.pause, "resume": services.resume, "skip": services.skip, "promote": services.promote,
                "abort": services.abort,
            }[self.verb]  # fmt: skip
            verb(rollout, by=by, via=PAGE, now=now, reason=reason)


def gated_step(rollout: Rollout) -> int | None:
    """The step that somebody has to let begin now, None where none waits."""
    found = [row.get("values", {}).get("step") for row in rollout.holds if row.get("hold") == Hold.GATE]
    return found[0] if found and isinstance(found[0], int) else None


def _whole(typed: str) -> int | None:
    text = typed.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else None


def _weights(rollout: Rollout) -> dict[str, object]:
    spec = rollout.wanted
    following = spec.steps[min(rollout.step + 1, len(spec.steps) - 1)]
    return {
        "weight": rollout.weight, "next": following.weight, "canary": spec.canary, "baseline": spec.baseline,
    }  # fmt: skip


def _pause(rollout: Rollout) -> list[str]:
    return [
        _("It stays at %(weight)d %% until somebody resumes it.") % _weights(rollout),
        _("It is judged on meanwhile, and still goes back if it fails."),
    ]


def _resume(rollout: Rollout) -> list[str]:
    return [_("It goes on from %(weight)d %%. Whatever else holds it is asked again first.") % _weights(rollout)]


def _lower(rollout: Rollout) -> list[str]:
    return [
        _("%(canary)s gets less at once, and stays there paused.") % _weights(rollout),
        _("Resumed, it goes back to the weight of its step."),
    ]


def _skip(rollout: Rollout) -> list[str]:
    return [
        _("The next step, %(next)d %%, begins without waiting for time and verdict of this one.") % _weights(rollout),
        _("A FAIL, a hold and an approval still count."),
    ]


def _promote(rollout: Rollout) -> list[str]:
    return [
        _("%(canary)s gets every request as soon as nothing holds it: no step in between is judged.") % _weights(rollout),
        _("It is judged at 100 %, and goes back to 0 % if it fails there."),
    ]


def _approve(rollout: Rollout) -> list[str]:
    step = gated_step(rollout)
    if step is None or step >= len(rollout.wanted.steps):
        return [_("No step waits for an approval.")]
    return [
        _("%(canary)s may go to %(weight)d %%.") % {"canary": rollout.wanted.canary, "weight": rollout.wanted.steps[step].weight}
    ]


def _abort(rollout: Rollout) -> list[str]:
    return [
        _("%(baseline)s gets every request at once, %(canary)s none. Nothing else is changed.") % _weights(rollout),
        _("It needs no approval, and no freeze, hold or missing number stops it. It cannot be taken up again: start a new one."),
    ]


ACTS: Mapping[str, Act] = {
    act.verb: act
    for act in (
        Act(
            "approve", gettext_lazy("Let the step begin…"), gettext_lazy("Let the step begin"), gettext_lazy("Let it begin"),
            "ok", "btn-primary", _approve, needs_reason=False,
        ),
        Act(
            "resume", gettext_lazy("Resume…"), gettext_lazy("Resume"), gettext_lazy("Resume"), "arrow", "btn-light", _resume,
            needs_reason=False,
        ),
        Act("pause", gettext_lazy("Pause…"), gettext_lazy("Pause"), gettext_lazy("Pause"), "held", "btn-light", _pause),
        Act(
            "lower", gettext_lazy("Lower weight…"), gettext_lazy("Lower the weight"), gettext_lazy("Lower it"), "down",
            "btn-light", _lower, needs_weight=True,
        ),
        Act(
            "skip", gettext_lazy("Skip step…"), gettext_lazy("Skip this step"), gettext_lazy("Skip it"), "up", "btn-light",
            _skip,
        ),
        Act(
            "promote", gettext_lazy("Promote…"), gettext_lazy("Promote to 100 %"), gettext_lazy("Promote"), "up", "btn-light",
            _promote,
        ),
        Act(
            "abort", gettext_lazy("Abort, back to 0 %…"), gettext_lazy("Abort, back to 0 %"), gettext_lazy("Abort"), "revert",
            "btn-danger", _abort,
        ),
    )
}  # fmt: skip
"""In the order of their buttons; "approve" is what `services.allowed` calls it."""
