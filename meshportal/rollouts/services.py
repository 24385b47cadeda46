"""Verbs on a rollout. Page and API call these; every rule is enforced here.

Each is one short transaction: the row is locked, its epoch raised, so that an engine that works on it finds out and stops, and
one line is added to the timeline and one to the record. What is to be written is written by the next sweep, which is due at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from meshportal.accounts.models import Person
from meshportal.accounts.permissions import Scope, Verb, can
from meshportal.accounts.services import actor
from meshportal.audit.models import AuditEvent
from meshportal.audit.services import PORTAL, Actor, record
from meshportal.changes.kinds import Problem
from meshportal.changes.models import ChangeRequest
from meshportal.changes.queries import current_revision
from meshportal.changes.services import MAX_REASON, IllegalTransition, Invalid, Refused
from meshportal.mesh.refs import VIRTUAL_SERVICE
from meshportal.mesh.rollouts.machine import roll_back
from meshportal.mesh.rollouts.phases import ACTIVE, BY_PEOPLE, Hold, Phase, Reason, State
from meshportal.mesh.rollouts.spec import Spec
from meshportal.rollouts.events import note
from meshportal.rollouts.models import Rollout, Shift, state_columns
from meshportal.rollouts.tokens import announce

Via = AuditEvent.Via
LIFTABLE = BY_PEOPLE - {Hold.GATE}
WALKING = frozenset({Phase.OBSERVING, Phase.AWAITING_PROMOTION})
BRAKES = (Verb.RESPOND, Verb.OPERATE, Verb.APPROVE)
RAISES = (Verb.OPERATE, Verb.APPROVE)


@dataclass(frozen=True)
class Act:
    """One act on one locked row. `said` is what the record keeps, in English."""

    code: str
    state: State
    said: str
    values: dict[str, Any]


def start(change: ChangeRequest, spec: Spec, *, now: datetime) -> Rollout:
    """The rollout of a change whose objects have just been written. It begins with its preflight at the next sweep.

    Call it inside the transaction that finishes the apply. Raises ValueError for a change whose plan has no VirtualService.
    """
    items = [item for item in current_revision(change).items.all() if item.kind == VIRTUAL_SERVICE.kind]
    if len(items) != 1:
        raise ValueError(f"{change.label} does not name exactly one VirtualService")
    state = State(Phase.PREFLIGHT, since=now.timestamp(), due_at=now.timestamp())
    rollout = Rollout.objects.create(
        change=change,
        cluster=change.cluster,
        namespace=change.namespace,
        service=change.service,
        spec=spec.to_json(),
        route_namespace=items[0].namespace,
        route_name=items[0].name,
        created_at=now,
        next_due_at=now,
        **state_columns(state),
    )
    note(rollout, "started", now)
    tell(rollout, PORTAL, "start rollout", f"Started a canary: {change.title}", now)
    return rollout


def pause(rollout: Rollout, *, by: Person, via: Via, now: datetime, reason: str) -> Rollout:
    """Let it rise no further until somebody resumes it. It is judged on, and still goes back if it fails.

    Raises Refused, Invalid, IllegalTransition.
    """

    def act(state: State) -> Act:
        if any(held.hold is Hold.PAUSED for held in state.sticky):
            raise IllegalTransition(_("It is paused already."))
        held = Reason(Hold.PAUSED, {"by": by.username, "reason": reason.strip()})
        return Act("paused", replace(state, sticky=(*state.sticky, held)), "Paused", {"reason": reason.strip()})

    return _acted(rollout, act, "pause", by=by, via=via, now=now, reason=reason)


def resume(rollout: Rollout, *, by: Person, via: Via, now: datetime, reason: str = "") -> Rollout:
    """Lift what only a person lifts: a pause, a drift, a fight. Every other guard is asked again before anything rises.

    Raises Refused, Invalid, IllegalTransition.
    """

    def act(state: State) -> Act:
        kept = tuple(held for held in state.sticky if held.hold not in LIFTABLE)
        if kept == state.sticky:
            raise IllegalTransition(_("Nothing holds it that a person could lift."))
        return Act("resumed", replace(state, sticky=kept), "Resumed", {"reason": reason.strip()})

    return _acted(rollout, act, "resume", by=by, via=via, now=now, reason=reason or "-")


def skip(rollout: Rollout, *, by: Person, via: Via, now: datetime, reason: str) -> Rollout:
    """Go to the next step without waiting for its time and its PASS. A FAIL, a hold and a gate still count.

    Raises Refused, Invalid, IllegalTransition.
    """

    def act(state: State) -> Act:
        _must_walk(state)
        values = {"step": state.step, "reason": reason.strip()}
        return Act("skipped", replace(state, skip=True), f"Skipped step {state.step + 1}", values)

    return _acted(rollout, act, "skip", by=by, via=via, now=now, reason=reason)


def promote(rollout: Rollout, *, by: Person, via: Via, now: datetime, reason: str) -> Rollout:
    """Skip every step but the last. Gates in between count as approved by whoever may approve them, else it is refused.

    Raises Refused, Invalid, IllegalTransition.
    """
    spec = rollout.wanted
    last = len(spec.steps) - 1

    def act(state: State) -> Act:
        _must_walk(state)
        gates = {step for step in range(state.step + 1, last + 1) if spec.steps[step].approval} - state.approved
        if gates and (why := why_not_approve(rollout, by)):
            raise Refused(why)
        after = replace(state, step=last - 1 if state.step < last - 1 else state.step, skip=True, approved=state.approved | gates)
        return Act("promoted", after, "Promoted to 100 %", {"step": state.step, "reason": reason.strip()})

    return _acted(rollout, act, "promote", by=by, via=via, now=now, reason=reason)


def approve_step(rollout: Rollout, step: int, *, by: Person, via: Via, now: datetime) -> Rollout:
    """Let a step with a gate begin. `step` counts from 0. Raises Refused, IllegalTransition."""
    spec = rollout.wanted
    if why := why_not_approve(rollout, by):
        raise Refused(why)

    def act(state: State) -> Act:
        ahead = step > state.step or (step == state.step and state.phase is Phase.PREFLIGHT)
        if not 0 <= step < len(spec.steps) or not spec.steps[step].approval or step in state.approved or not ahead:
            raise IllegalTransition(_("This step does not wait for an approval."))
        after = replace(state, approved=state.approved | {step})
        return Act("approved-step", after, f"Approved step {step + 1}", {"step": step})

    return _acted(rollout, act, "approve", by=by, via=via, now=now, reason="-")


def abort(rollout: Rollout, *, by: Person, via: Via, now: datetime, reason: str) -> Rollout:
    """Back to 0 at once, whatever holds. Raises Refused, Invalid, IllegalTransition."""

    def act(state: State) -> Act:
        if state.phase is Phase.ROLLING_BACK:
            raise IllegalTransition(_("It is going back already."))
        after = roll_back(replace(state, phase=Phase.SHIFTING), "aborted", now.timestamp()).state
        return Act("aborted", after, "Aborted", {"reason": reason.strip()})

    return _acted(rollout, act, "abort", by=by, via=via, now=now, reason=reason)


def lower(rollout: Rollout, weight: int, *, by: Person, via: Via, now: datetime, reason: str) -> Rollout:
    """Less for the canary, at once, and a pause there. Resumed, it goes back to the weight of its step.

    Raises Refused, Invalid, IllegalTransition.
    """
    spec = rollout.wanted

    def act(state: State) -> Act:
        if state.phase is Phase.ROLLING_BACK or not 0 <= weight < state.weight:
            raise Invalid([Problem("weight", _("Choose a weight under the present %(weight)d %%.") % {"weight": state.weight})])
        held = Reason(Hold.PAUSED, {"by": by.username, "reason": reason.strip()})
        kept = tuple(one for one in state.sticky if one.hold is not Hold.PAUSED)
        phase = Phase.PROMOTING if state.step == len(spec.steps) - 1 else Phase.SHIFTING
        after = replace(state, phase=phase, since=now.timestamp(), sticky=(*kept, held))
        announce(rollout, Shift.Purpose.LOWER, state.step, weight, before=state.weight, now=now)
        return Act("lowered", after, f"Lowered to {weight} %", {"weight": weight, "reason": reason.strip()})

    return _acted(rollout, act, "lower", by=by, via=via, now=now, reason=reason)


# ---------------------------------------------------------------- who may what, when


NEEDS = {
    "pause": BRAKES,
    "abort": BRAKES,
    "lower": BRAKES,
    "resume": RAISES,
    "skip": RAISES,
    "promote": RAISES,
    "approve": (Verb.APPROVE,),
}


def why_not_approve(rollout: Rollout, person: Person) -> str:
    """Why `person` cannot approve a gate of this rollout, "" if they can: whoever wrote its plan never does."""
    if not can(person, Verb.APPROVE, _scope(rollout)):
        return _("Only an approver of this namespace can let a step begin.")
    if rollout.change.author_id == person.pk or rollout.change.revisions.filter(author=person).exists():
        return _("You wrote this plan: somebody else has to let its step begin.")
    return ""


def allowed(rollout: Rollout, person: Person) -> frozenset[str]:
    """The verbs of `NEEDS` that make sense now and that `person` may use: what a page offers."""
    state = rollout.state
    if state.phase not in ACTIVE or state.phase is Phase.ROLLING_BACK:
        return frozenset()
    sensible = {"abort"}
    sticky = {held.hold for held in state.sticky}
    if Hold.PAUSED not in sticky:
        sensible.add("pause")
    if sticky & LIFTABLE:
        sensible.add("resume")
    if state.weight > 0:
        sensible.add("lower")
    if state.phase in WALKING:
        sensible |= {"skip", "promote"}
    if any(row["hold"] == Hold.GATE for row in rollout.holds) and not why_not_approve(rollout, person):
        sensible.add("approve")
    return frozenset(verb for verb in sensible if any(can(person, right, _scope(rollout)) for right in NEEDS[verb]))


def _scope(rollout: Rollout) -> Scope:
    return Scope(rollout.cluster.name, rollout.namespace)


def _must_walk(state: State) -> None:
    if state.phase not in WALKING:
        raise IllegalTransition(_("No step can be skipped while it is not being observed."))


# ---------------------------------------------------------------- the one way in


@transaction.atomic
def _acted(
    rollout: Rollout, act: Callable[[State], Act], verb: str, *, by: Person, via: Via, now: datetime, reason: str
) -> Rollout:
    if not any(can(by, right, _scope(rollout)) for right in NEEDS[verb]):
        raise Refused(
            _("You may not do this in namespace %(namespace)s: it takes another role there.") % {"namespace": rollout.namespace}
        )
    _must_be_said(reason)
    row = Rollout.objects.select_for_update(of=("self",)).get(pk=rollout.pk)
    state = row.state
    if state.phase not in ACTIVE:
        raise IllegalTransition(_("%(rollout)s is over: this can no longer be done.") % {"rollout": row.label})
    done = act(state)
    held = Rollout.objects.filter(pk=row.pk, epoch=row.epoch)
    if held.update(**state_columns(done.state), epoch=row.epoch + 1, lease_until=None, next_due_at=now) != 1:
        raise IllegalTransition(_("%(rollout)s has moved on meanwhile: look again.") % {"rollout": row.label})
    rollout.refresh_from_db()
    note(rollout, done.code, now, actor=by.username, **done.values)
    why = f": {done.values['reason']}" if done.values.get("reason") else ""
    tell(rollout, actor(by, via), verb, f"{done.said}{why}", now, **done.values)
    return rollout


def _must_be_said(reason: str) -> None:
    if not reason.strip():
        raise Invalid([Problem("reason", _("Say why: whoever is on call will read it."))])
    if len(reason) > MAX_REASON:
        raise Invalid([Problem("reason", _("Keep the reason under %(limit)d characters.") % {"limit": MAX_REASON})])
    if "\x00" in reason:
        raise Invalid([Problem("reason", _("This text holds a NUL character, which no database keeps. Type it again."))])


def tell(rollout: Rollout, who: Actor, verb: str, sentence: str, now: datetime, **data: object) -> None:
    """One row of the record."""
    record(
        who,
        verb,
        rollout.label,
        sentence,
        now=now,
        cluster=rollout.cluster.name,
        namespace=rollout.namespace,
        data={"service": rollout.service, "change": rollout.change.label, **data},
    )
