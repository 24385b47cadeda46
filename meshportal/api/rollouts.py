"""Canaries for pipelines: start one with POST /changes (kind `rollout`), then follow, pause, lower, abort it here.

Letting a step begin is a decision like a review, so it needs a signed-in session: a token gets 403 with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Router, Schema

from meshportal.api.asking import Text
from meshportal.api.auth import caller
from meshportal.audit.models import AuditEvent
from meshportal.changes.services import Refused
from meshportal.mesh.rollouts.asking import raw_of
from meshportal.mesh.rollouts.phases import Phase
from meshportal.rollouts import services, story
from meshportal.rollouts.history import bad_of, total_of
from meshportal.rollouts.models import OVER, Look, Rollout
from meshportal.rollouts.queries import rollout_for, visible_rollouts
from meshportal.rollouts.words import hold_sentence, reason

router = Router(tags=["rollouts"])
API = AuditEvent.Via.API
MAX_LISTED = 100
MAX_ROWS = 1000


class HoldOut(Schema):
    hold: str
    sentence: str
    since: datetime | None


class RolloutOut(Schema):
    """`current_weight` is the canary's percent as last read back. `error_rate` (a ratio) and `request_count` are the canary's at
    its present step, null where nobody knows. `is_complete`: promoted. `has_failed`: rolled back or on its way there; `failure`
    says why."""

    id: int
    label: str
    change: int
    cluster: str
    namespace: str
    service: str
    spec: dict[str, Any]
    phase: str
    step: int
    current_weight: int
    error_rate: float | None
    request_count: int | None
    is_complete: bool
    has_failed: bool
    failure: str
    holds: list[HoldOut]
    next_due_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


class LookOut(Schema):
    """One look at the evidence, times in seconds since 1970. Counts are null where Prometheus did not say; `problem` says why."""

    step: int
    weight: int
    start: float
    end: float
    counts: dict[str, Any]
    problem: str
    answer: str
    reason: str
    sentence: str
    tests: list[dict[str, Any]]
    queries: list[str]


class EventOut(Schema):
    at: datetime
    code: str
    values: dict[str, Any]
    actor: str
    sentence: str


class ReasonIn(Schema):
    model_config = {"extra": "forbid", "strict": True}

    reason: Text


class MaybeReasonIn(Schema):
    model_config = {"extra": "forbid", "strict": True}

    reason: Text = ""


class LowerIn(ReasonIn):
    weight: int


def rollout_out(rollout: Rollout) -> dict[str, Any]:
    here = [look.counts.get("canary") for look in rollout.looks.all() if look.step == rollout.step]
    known = [arm for arm in here if isinstance(arm, dict)]
    requests = sum(total_of(arm) or 0 for arm in known) if known else None
    errors = sum(bad_of(arm) or 0 for arm in known)
    names = ("id", "label", "namespace", "service", "phase", "step", "failure", "next_due_at", "created_at", "finished_at")
    return {name: getattr(rollout, name) for name in names} | {
        "change": rollout.change_id,
        "cluster": rollout.cluster.name,
        "spec": raw_of(rollout.wanted),
        "current_weight": rollout.weight,
        "error_rate": errors / requests if requests else None,
        "request_count": requests,
        "is_complete": rollout.phase == Phase.SUCCEEDED,
        "has_failed": rollout.phase in {Phase.ROLLED_BACK, Phase.ROLLING_BACK},
        "holds": [_hold(row) for row in rollout.holds] if not rollout.is_over else [],
    }


def _hold(row: dict[str, Any]) -> dict[str, Any]:
    since = row.get("since")
    return {
        "hold": row["hold"],
        "sentence": hold_sentence(row["hold"], row.get("values") or {}),
        "since": datetime.fromtimestamp(since, timezone.get_current_timezone()) if since else None,
    }


def mine(request: HttpRequest, pk: int) -> Rollout:
    """A rollout in the caller's scope. Raises Http404."""
    rollout = rollout_for(caller(request), pk) if 0 < pk < 2**63 else None
    if rollout is None:
        raise Http404
    return rollout


@router.get("/rollouts", response=list[RolloutOut], summary="Canaries in your scope, newest first, at most 100")
def listed(request: HttpRequest, active: bool | None = None, service: str = "") -> list[dict[str, Any]]:
    rows = visible_rollouts(caller(request)).prefetch_related("looks")
    if active is not None:
        rows = rows.exclude(phase__in=OVER) if active else rows.filter(phase__in=OVER)
    if service:
        rows = rows.filter(service=service.replace("\x00", ""))
    return [rollout_out(rollout) for rollout in rows[:MAX_LISTED]]


@router.get("/rollouts/{pk}", response=RolloutOut, summary="One canary: its weight, its numbers, what holds it")
def one(request: HttpRequest, pk: int) -> dict[str, Any]:
    return rollout_out(mine(request, pk))


@router.get("/rollouts/{pk}/looks", response=list[LookOut], summary="Every look at its evidence, newest first, at most 1,000")
def looks(request: HttpRequest, pk: int) -> list[dict[str, Any]]:
    return [_look(look) for look in mine(request, pk).looks.order_by("-end", "-id")[:MAX_ROWS]]


def _look(look: Look) -> dict[str, Any]:
    fields = ("step", "weight", "start", "end", "counts", "problem", "answer", "reason", "tests", "queries")
    return {name: getattr(look, name) for name in fields} | {"sentence": reason(look.reason)}


@router.get("/rollouts/{pk}/events", response=list[EventOut], summary="Its story, newest first, at most 1,000")
def events(request: HttpRequest, pk: int) -> list[dict[str, Any]]:
    rows = mine(request, pk).events.order_by("-at", "-id")[:MAX_ROWS]
    fields = ("at", "code", "values", "actor")
    return [{name: getattr(row, name) for name in fields} | {"sentence": story.sentence(row)} for row in rows]


# ---------------------------------------------------------------- verbs


def _done(request: HttpRequest, pk: int, verb: Callable[..., Rollout], *values: Any, reason: str) -> dict[str, Any]:
    verb(mine(request, pk), *values, by=caller(request), via=API, now=timezone.now(), reason=reason)
    return rollout_out(mine(request, pk))


@router.post("/rollouts/{pk}/pause", response=RolloutOut, summary="Let it rise no further until somebody resumes it")
def pause(request: HttpRequest, pk: int, payload: ReasonIn) -> dict[str, Any]:
    return _done(request, pk, services.pause, reason=payload.reason)


@router.post("/rollouts/{pk}/resume", response=RolloutOut, summary="Lift a pause, a drift or a fight")
def resume(request: HttpRequest, pk: int, payload: MaybeReasonIn) -> dict[str, Any]:
    return _done(request, pk, services.resume, reason=payload.reason)


@router.post("/rollouts/{pk}/skip", response=RolloutOut, summary="Go to the next step without waiting for this one")
def skip(request: HttpRequest, pk: int, payload: ReasonIn) -> dict[str, Any]:
    return _done(request, pk, services.skip, reason=payload.reason)


@router.post("/rollouts/{pk}/promote", response=RolloutOut, summary="Skip every step but the last")
def promote(request: HttpRequest, pk: int, payload: ReasonIn) -> dict[str, Any]:
    return _done(request, pk, services.promote, reason=payload.reason)


@router.post("/rollouts/{pk}/lower", response=RolloutOut, summary="Less for the canary at once, and a pause there")
def lower(request: HttpRequest, pk: int, payload: LowerIn) -> dict[str, Any]:
    return _done(request, pk, services.lower, payload.weight, reason=payload.reason)


@router.post("/rollouts/{pk}/abort", response=RolloutOut, summary="Back to 0 at once, whatever holds")
def abort(request: HttpRequest, pk: int, payload: ReasonIn) -> dict[str, Any]:
    return _done(request, pk, services.abort, reason=payload.reason)


@router.post(
    "/rollouts/{pk}/steps/{step}/approve", response=RolloutOut, summary="Refused to tokens: it needs a signed-in session"
)
def approve_step(request: HttpRequest, pk: int, step: int) -> dict[str, Any]:
    mine(request, pk)
    raise Refused("Letting a step begin needs a signed-in session: a token cannot do it.")
