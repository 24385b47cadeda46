"""Freeze windows of a mesh, and the stop of everything in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from ninja.responses import Status as Answer

from meshportal.accounts.permissions import visible_namespaces
from meshportal.api.asking import Text
from meshportal.api.auth import caller
from meshportal.audit.models import AuditEvent
from meshportal.changes.kinds import Problem
from meshportal.changes.services import IllegalTransition, Invalid, Refused
from meshportal.clusters import freezing, stopping
from meshportal.clusters import refusals as no
from meshportal.clusters.models import Cluster, FreezeWindow, Stop
from meshportal.clusters.queries import cluster_named

router = Router(tags=["freezes and stops"])
API = AuditEvent.Via.API


class WindowIn(Schema):
    """A freeze for `minutes` from each moment that `cron` names (five fields, in the portal's time zone); no namespaces is the
    whole mesh."""

    model_config = {"extra": "forbid", "strict": True}

    name: Text
    cron: Text
    minutes: int
    namespaces: list[Text] = []


class WindowOut(Schema):
    """`frozen_until` is null while it does not hold."""

    id: int
    name: str
    namespaces: list[str]
    cron: str
    minutes: int
    created_by: str
    frozen_until: datetime | None
    next_at: datetime | None


class StopIn(Schema):
    model_config = {"extra": "forbid", "strict": True}

    reason: Text


class StopOut(Schema):
    """`stopped` false: nothing is stopped, and the rest is empty."""

    stopped: bool
    by: str
    reason: str
    at: datetime | None


def mesh(request: HttpRequest, name: str) -> Cluster:
    """A mesh in which the caller has a role. Raises Http404."""
    cluster = cluster_named(name)
    if cluster is None or not visible_namespaces(caller(request), name):
        raise Http404
    return cluster


def _seen(request: HttpRequest, cluster: Cluster) -> list[FreezeWindow]:
    visible = visible_namespaces(caller(request), cluster.name)
    rows = FreezeWindow.objects.filter(cluster=cluster).select_related("created_by", "cluster")
    return [row for row in rows if not row.namespaces or any(namespace in visible for namespace in row.namespaces)]


def _window(window: FreezeWindow) -> dict[str, Any]:
    now = timezone.now()
    return {name: getattr(window, name) for name in ("id", "name", "namespaces", "cron", "minutes")} | {
        "created_by": window.created_by.username,
        "frozen_until": freezing.frozen_until(window.cron, window.minutes, now),
        "next_at": freezing.next_window(window.cron, now),
    }


def _stop(found: Stop | None) -> dict[str, Any]:
    if found is None:
        return {"stopped": False, "by": "", "reason": "", "at": None}
    return {"stopped": True, "by": found.by.username, "reason": found.reason, "at": found.at}


@contextmanager
def translated() -> Iterator[None]:
    """What `clusters` refuses, as the API answers it."""
    try:
        yield
    except no.Refused as error:
        raise Refused(str(error)) from None
    except no.NotNow as error:
        raise IllegalTransition(str(error)) from None
    except no.Unusable as error:
        raise Invalid([Problem(field, sentence) for field, sentence in error.problems.items()]) from None


@router.get("/clusters/{cluster}/freezes", response=list[WindowOut], summary="Freeze windows")
def windows(request: HttpRequest, cluster: str) -> list[dict[str, Any]]:
    return [_window(window) for window in _seen(request, mesh(request, cluster))]


@router.post("/clusters/{cluster}/freezes", response={201: WindowOut}, summary="Add a freeze window")
def add(request: HttpRequest, cluster: str, payload: WindowIn) -> Answer[Any]:
    found = mesh(request, cluster)
    with translated():
        window = freezing.add_window(found, **payload.dict(), by=caller(request), via=API, now=timezone.now())
    return Answer(201, _window(window))


@router.delete("/clusters/{cluster}/freezes/{pk}", response={204: None}, summary="Remove a freeze window")
def remove(request: HttpRequest, cluster: str, pk: int) -> Answer[Any]:
    window = next((row for row in _seen(request, mesh(request, cluster)) if row.pk == pk), None)
    if window is None:
        raise Http404
    with translated():
        freezing.remove_window(window, by=caller(request), via=API, now=timezone.now())
    return Answer(204, None)


@router.get("/clusters/{cluster}/stop", response=StopOut, summary="Whether everything is stopped, by whom and why")
def stopped(request: HttpRequest, cluster: str) -> dict[str, Any]:
    return _stop(stopping.stopped(mesh(request, cluster)))


@router.post("/clusters/{cluster}/stop", response=StopOut, summary="Stop every apply and every weight increase")
def stop(request: HttpRequest, cluster: str, payload: StopIn) -> dict[str, Any]:
    found = mesh(request, cluster)
    with translated():
        return _stop(stopping.stop(found, reason=payload.reason, by=caller(request), via=API, now=timezone.now()))


@router.post("/clusters/{cluster}/stop/lift", response=StopOut, summary="Let everything go on")
def lift(request: HttpRequest, cluster: str) -> dict[str, Any]:
    found = mesh(request, cluster)
    with translated():
        stopping.lift(found, by=caller(request), via=API, now=timezone.now())
    return _stop(None)
