"""The timeline of a canary in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from meshportal.rollouts import words
from meshportal.rollouts.models import Event


@dataclass(frozen=True)
class Line:
    """One line. `strong` is for what a reader looks for first."""

    at: datetime
    sentence: str
    actor: str
    code: str
    strong: bool


STRONG = frozenset({"held", "rolling-back", "rolled-back", "succeeded", "aborted", "fight", "set-back", "paused", "lowered"})


def lines(events: list[Event]) -> list[Line]:
    """Newest first, as they are given."""
    return [Line(event.at, sentence(event), event.actor, event.code, event.code in STRONG) for event in events]


def sentence(event: Event) -> str:
    """What happened. A code that this version does not know is shown as it is."""
    values: dict[str, Any] = dict(event.values)
    code = event.code
    if code == "held":
        why = words.hold_sentence(values.get("hold", ""), values)
        return _("Held: %(what)s. %(why)s") % {"what": words.hold_word(values.get("hold", "")), "why": why}
    if code == "cleared":
        return _("Cleared: %(what)s") % {"what": words.hold_word(values.get("hold", ""))}
    if code in {"rolling-back", "rolled-back"}:
        return _ended(code, values)
    if code == "look":
        return _look(values)
    if code == "drift-noted":
        return _drift(values)
    return _plain(code, values)


def _plain(code: str, values: Mapping[str, Any]) -> str:
    found = {
        "started": _("Written and started"),
        "preflight-passed": _("Preflight passed: one route, both versions ready, nobody else steers this host"),
        "shifted": _("Weight %(weight)s %%, read back"),
        "settled": _("Settled: what is counted from here on is of this weight alone"),
        "passed": _("Passed at %(weight)s %%"),
        "awaits-promotion": _("Every step has passed but the last: it waits to be promoted"),
        "baseline-short": _("The baseline has %(ready)s ready pods, it had %(had)s"),
        "succeeded": _("Promoted: the canary has all requests"),
        "set-back": _("%(manager)s raised the weight to %(found)s %%; it is back at %(weight)s %%"),
        "fight": _("%(manager)s and the portal write the same weights"),
        "paused": _("Paused: %(reason)s"),
        "resumed": _("Resumed. %(reason)s"),
        "skipped": _("Skipped step %(number)s: %(reason)s"),
        "promoted": _("Promoted to 100 %%: %(reason)s"),
        "approved-step": _("Let step %(number)s begin"),
        "aborted": _("Aborted: %(reason)s"),
        "lowered": _("Lowered to %(weight)s %%: %(reason)s"),
    }.get(code)
    if found is None:
        return code
    number = int(values["step"]) + 1 if isinstance(values.get("step"), int) else ""
    said = {"manager": "–", "found": "–", "weight": "–", "reason": ""} | dict(values) | {"number": number}
    if not said["manager"]:
        said["manager"] = _("Somebody")
    return (found % said).rstrip()


def _ended(code: str, values: Mapping[str, Any]) -> str:
    why = words.reason(str(values.get("failure", "")))
    if code == "rolled-back":
        return _("Rolled back: the baseline has all requests. %(why)s.") % {"why": words.capital(why)}
    return _("Going back to 0 %%: %(why)s.") % {"why": why}


def _look(values: Mapping[str, Any]) -> str:
    answer = str(values.get("answer", "UNKNOWN"))
    word = words.answer_word(answer) if answer in words.ANSWERS else answer
    return _("%(answer)s at step %(number)s: %(why)s") % {
        "answer": words.capital(word),
        "number": int(values.get("step", 0)) + 1,
        "why": words.reason(str(values.get("reason", ""))),
    }


def _drift(values: Mapping[str, Any]) -> str:
    what = str(values.get("what", ""))
    who = str(values.get("manager", "")) or _("Somebody")
    if what == "fields":
        return _("%(who)s changed other fields of the route. The weights are as they were, so it goes on.") % {"who": who}
    return words.hold_sentence("gone" if what == "gone" else "drift", {**values, "what": what, "manager": who})
