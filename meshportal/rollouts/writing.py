"""One write of weights, from reading to reading back: two requests. Only network here, no database: threads run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from meshportal.clients.ports import ClientError, ClusterPort, Conflict, JsonPatchOp
from meshportal.mesh.authors import PORTAL, author_of
from meshportal.mesh.plans import TOKEN_ANNOTATION, annotation
from meshportal.mesh.refs import Manifest, ResourceRef
from meshportal.mesh.rollouts.route import Missing, Place, Standing, marks_of, patch, place_of, standing
from meshportal.mesh.rollouts.spec import Spec
from meshportal.rollouts.failpoints import AFTER_INTENT, AFTER_PATCH, AFTER_READ_BACK, ROLLBACK, reach
from meshportal.rollouts.models import Shift

RACES = 3
HTTP = ("spec", "http")


class How(StrEnum):
    DONE = "done"
    NOT_YET = "not-yet"  # nothing was sent, and the route is as it was before
    MOVED = "moved"  # somebody else changed the weights or the destinations
    GONE = "gone"
    RACED = "raced"  # somebody else was faster again and again
    FAILED = "failed"  # the API server said no or nothing


@dataclass(frozen=True)
class Order:
    """All that a write needs. `before` is the weight that a step starts from; None takes what is there. Without `may_write` it is
    only found out whether the write happened."""

    ref: ResourceRef
    spec: Spec
    purpose: Shift.Purpose
    step: int
    weight: int
    before: int | None
    token: str
    change: str
    may_write: bool = True

    @property
    def where(self) -> int | str:
        return ROLLBACK if self.purpose == Shift.Purpose.ROLLBACK else self.step


@dataclass(frozen=True)
class Outcome:
    """What became of an order, or of a look at the route. `manager` wrote the weights last, "" where that was us."""

    how: How
    place: Place | None = None
    what: str = ""
    manager: str = ""
    uid: str = ""
    version: str = ""
    generation: int = 0
    error: str = ""
    retry_helps: bool = True


def look(connect: Callable[[], ClusterPort], ref: ResourceRef, spec: Spec) -> Outcome:
    """The route as it is: NOT_YET with its place, GONE, or FAILED."""
    try:
        return seen(connect().get(ref), spec)
    except ClientError as error:
        return Outcome(How.FAILED, error=str(error), retry_helps=error.retry_helps)


def seen(live: Manifest | None, spec: Spec) -> Outcome:
    """What a manifest shows."""
    try:
        place = place_of(live, spec)
    except Missing as missing:
        return _of(live, How.GONE, what=missing.what)
    return _of(live, How.NOT_YET, place)


def carry_out(connect: Callable[[], ClusterPort], order: Order) -> Outcome:
    """Write the weights, once. Whoever crashed before is found by the token; nothing is written over somebody else's weights,
    except to go down. Never raises ClientError."""
    try:
        cluster = connect()
        for _race in range(RACES):
            if outcome := _attempt(cluster, order):
                return outcome
    except ClientError as error:
        return Outcome(How.FAILED, error=str(error), retry_helps=error.retry_helps)
    return Outcome(How.RACED, error="The route keeps being changed by somebody else between reading and writing")


def _attempt(cluster: ClusterPort, order: Order) -> Outcome | None:
    """None where somebody was faster, so that it has to be looked at again."""
    live = cluster.get(order.ref)
    found = seen(live, order.spec)
    if live is None or found.place is None:
        return found
    if _happened(live, found.place, order):
        return _of(live, How.DONE, found.place)
    if moved := _in_the_way(found.place, order, ours=annotation(live, TOKEN_ANNOTATION) == order.token):
        return _of(live, moved, found.place)
    if not order.may_write:
        return found
    ops = patch(live, found.place, order.weight, marks_of(order.token, order.change))
    reach(AFTER_INTENT, order.where)
    try:
        written = cluster.patch(order.ref, [JsonPatchOp(op["op"], op["path"], op.get("value")) for op in ops])
    except Conflict:
        return None
    reach(AFTER_PATCH, order.where)
    # what the server stored, read from its answer: a webhook may have made something else of it
    stored = seen(written.manifest, order.spec)
    reach(AFTER_READ_BACK, order.where)
    if stored.place is None:
        return stored
    done = _happened(written.manifest, stored.place, order)
    return _of(written.manifest, How.DONE if done else How.MOVED, stored.place)


def _happened(live: Manifest, place: Place, order: Order) -> bool:
    return annotation(live, TOKEN_ANNOTATION) == order.token and round(place.share * 100) == order.weight * 100


def _in_the_way(place: Place, order: Order, *, ours: bool) -> How | None:
    """Why this must not be written over what is there. A rollback is written over everything."""
    if order.purpose == Shift.Purpose.ROLLBACK:
        return None
    if place.foreign or ours:  # ours and not as we wrote it: somebody was there after us
        return How.MOVED
    if order.before is None or order.purpose != Shift.Purpose.STEP:
        # down only: who asks for less never gets more
        return How.MOVED if place.share <= order.weight else None
    return None if standing(place, order.before) is Standing.OURS else How.MOVED


def _of(live: Manifest | None, how: How, place: Place | None = None, what: str = "") -> Outcome:
    if live is None:
        return Outcome(how, place, what)
    author = author_of(live, HTTP)
    metadata = live["metadata"]
    return Outcome(
        how,
        place,
        what,
        author.manager if author and author.manager != PORTAL else "",
        metadata.get("uid", ""),
        metadata.get("resourceVersion", ""),
        int(metadata.get("generation") or 0),
    )
