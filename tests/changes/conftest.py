"""A mesh, the people around it, and the usual change: 10 % of reviews to v2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding, services
from meshportal.changes.applying import apply
from meshportal.changes.kinds import Subject
from meshportal.changes.models import ChangeRequest, Review
from tests.cast import NOON, Cast, Clock, Mesh, people

PAGE = AuditEvent.Via.PAGE


@pytest.fixture
def cast(db: None) -> Cast:
    return people()


@pytest.fixture
def mesh(db: None) -> Mesh:
    return Mesh()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def drafted(cast: Cast, mesh: Mesh) -> Callable[..., ChangeRequest]:
    """Alice drafts a change of weights."""

    def make(weights: dict[str, Any] | None = None, **texts: str) -> ChangeRequest:
        raw = {"weights": weights or {"v1": 90, "v2": 10}}
        subject = Subject(mesh.cluster, "bookinfo", "reviews")
        texts = {"reason": "First traffic for the new layout"} | texts
        return services.draft("traffic", subject, raw, by=cast.alice, via=PAGE, now=NOON, **texts)

    return make


@pytest.fixture
def submitted(drafted: Callable[..., ChangeRequest], cast: Cast) -> Callable[..., ChangeRequest]:
    def make(*args: Any, **kwargs: Any) -> ChangeRequest:
        return services.submit(drafted(*args, **kwargs), by=cast.alice, via=PAGE, now=NOON)

    return make


@pytest.fixture
def approved(submitted: Callable[..., ChangeRequest], cast: Cast) -> Callable[..., ChangeRequest]:
    """Bob approves what Alice has submitted."""

    def make(*args: Any, **kwargs: Any) -> ChangeRequest:
        change = submitted(*args, **kwargs)
        deciding.decide(change, Review.Decision.APPROVE, by=cast.bob, via=PAGE, digest=change.digest, now=NOON)
        return change

    return make


@pytest.fixture
def run(mesh: Mesh, clock: Clock) -> Callable[[ChangeRequest], ChangeRequest]:
    """A worker looks at a change once."""

    def look(change: ChangeRequest) -> ChangeRequest:
        apply(change.pk, cluster=mesh.api, clock=clock)
        change.refresh_from_db()
        return change

    return look
