"""What comes next for a canary, in sentences. Times are the earliest: evidence may take longer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from meshportal.mesh.rollouts.phases import Phase
from meshportal.mesh.rollouts.spec import Spec
from meshportal.rollouts.models import Rollout
from meshportal.web.words import NBSP, age, clock


def what_comes(rollout: Rollout, spec: Spec, planned: Sequence[tuple[float, float]], per_second: float | None) -> list[str]:
    """`planned` as of the picture; `per_second` are requests to the whole service, None where nobody knows."""
    phase = Phase(rollout.phase)
    if rollout.is_over:
        return [_("Nothing: it is over. The old version stays where it is until somebody takes it away.")]
    if phase is Phase.ROLLING_BACK:
        return [_("The baseline gets every request. It is tried until the cluster has it, whatever stands in the way.")]
    said = []
    steps = [(at, weight) for at, weight in planned[1:-1] if weight > rollout.weight]
    if steps:
        at, weight = steps[0]
        values: dict[str, Any] = {"time": clock(at, seconds=False), "weight": f"{weight:.0f}{NBSP}%"}
        if rollout.holds:
            said.append(_("When nothing holds it any more: %(weight)s.") % values)
        elif per_second:
            values["rate"] = f"{per_second * weight / 100:.0f}"
            said.append(_("At %(time)s at the earliest: %(weight)s, about %(rate)s requests a second.") % values)
        else:
            said.append(_("At %(time)s at the earliest: %(weight)s.") % values)
    gates = [step.weight for place, step in enumerate(spec.steps) if step.approval and place not in rollout.approved]
    ahead = [f"{weight}{NBSP}%" for weight in gates if weight > rollout.weight]
    if ahead:
        said.append(_("Somebody other than its author has to let it begin at %(weights)s.") % {"weights": _(", ").join(ahead)})
    said.append(
        _("It goes back to 0 %% by itself on FAIL, or after %(time)s without data.") % {"time": age(spec.blind_rollback_after)}
    )
    if planned and not rollout.holds:
        values = {"time": clock(planned[-1][0], seconds=False), "bake": age(spec.bake)}
        said.append(_("Over at %(time)s at the earliest, after %(bake)s at 100 %%.") % values)
    return said
