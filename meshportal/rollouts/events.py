"""What the timeline of a rollout can say: codes, and the values that each keeps for its sentence.

`by` is never among the values: who acted is the event's `actor`, "" for the portal itself. Weights are whole percent of the
canary, steps count from 0, times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from meshportal.rollouts.models import Event, Rollout

EVENTS: Mapping[str, tuple[str, ...]] = {
    "started": (),
    # pods that were ready then, None where Kubernetes did not say
    "preflight-passed": ("baseline_ready", "canary_ready"),
    "shifted": ("step", "weight"),
    "settled": ("step",),
    "passed": ("step", "weight"),
    "awaits-promotion": ("step",),
    # failure: a verdict's reason, or preflight, blind, inconclusive, aborted; what the verdict measured beside it
    "rolling-back": ("failure", "step", "weight"),
    # on the way back: the baseline has fewer ready pods than it had. Nothing waits for it
    "baseline-short": ("ready", "had"),
    "rolled-back": ("failure",),
    "succeeded": (),
    # hold and the values of its reason: see `HOLDS`
    "held": ("hold",),
    "cleared": ("hold",),
    # the answer of a look differs from that of the look before
    "look": ("step", "answer", "reason"),
    # somebody else changed the route. what: fields (ours are as they were), lowered, foreign, gone
    "drift-noted": ("what", "manager"),
    # somebody raised our weight from `weight` to `found`; it is back
    "set-back": ("weight", "found", "manager"),
    "fight": ("manager",),
    "paused": ("reason",),
    "resumed": ("reason",),
    "skipped": ("step", "reason"),
    "promoted": ("step", "reason"),
    "approved-step": ("step",),
    "aborted": ("reason",),
    "lowered": ("weight", "reason"),
}
"""Values that are always there; an event may keep more."""

HOLDS: Mapping[str, tuple[str, ...]] = {
    "preflight": ("reasons",),  # [{"code", …}]: see preflight.py
    "blind": ("reason", "since"),  # reason: no-data, stale, nan, ambiguous, no-latency, prometheus-down
    "inconclusive": ("reason", "received", "expected"),  # requests of the canary at this step, and how many it needs
    "freeze": ("until",),  # the window's name and end, as `clusters.freezing` words it
    "stopped": ("by",),
    "capacity": ("ready", "needed"),  # pods of the canary; ready is None where Kubernetes does not say
    "sync": ("out_of_sync", "reason"),  # proxies; reason: "observer" where the cluster is not observed, else Envoy's text
    "weights-not-effective": ("received", "expected"),
    "environment": (),
    "gate": ("step", "weight"),
    "drift": ("what", "manager"),  # what: raised, lowered, foreign
    "fight": ("manager",),
    "gone": ("what",),  # route, destinations, subset, service
    "paused": ("by", "reason"),
}
"""What each hold's reason keeps."""


def note(rollout: Rollout, code: str, now: datetime, *, actor: str = "", **values: Any) -> Event:
    """Add a line to the timeline. Raises KeyError for a code that no reader knows."""
    if missing := [name for name in EVENTS[code] if name not in values]:
        raise KeyError(f"{code} needs {missing}")
    return Event.objects.create(rollout=rollout, at=now, code=code, values=values, actor=actor)
