"""A mesh with a canary's world around it."""

from __future__ import annotations

import pytest

from tests.cast import Cast, Clock, people
from tests.rollouts.cast import Stage


@pytest.fixture
def cast(db: None) -> Cast:
    return people()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stage(cast: Cast, clock: Clock) -> Stage:
    return Stage(cast, clock)
