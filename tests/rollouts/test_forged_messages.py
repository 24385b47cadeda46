"""Whoever can write into the queue can make the worker look, and no more: no message names a canary, a step or a weight."""

from __future__ import annotations

import random
from typing import Any

import pytest
from celery import current_app

from meshportal.rollouts import tasks
from meshportal.rollouts.models import Phase, Rollout
from tests.rollouts.cast import Stage, begin, fresh


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((1,), {}), ((1, 100), {}), ((), {"weight": 100}), ((), {"rollout": 1, "phase": "baking"}), (({"weight": 100},), {})],
)
def test_a_message_that_says_more_than_look_is_refused_whole(stage: Stage, arguments: Any, named: dict[str, Any]) -> None:
    rollout = begin(stage)
    before = Rollout.objects.filter(pk=rollout.pk).values().get()
    outcome = tasks.sweep.apply(args=arguments, kwargs=named)
    assert outcome.failed()
    assert isinstance(outcome.result, TypeError)
    assert Rollout.objects.filter(pk=rollout.pk).values().get() == before
    assert stage.patches() == 0


def test_every_task_of_canaries_is_a_look_without_arguments() -> None:
    names = [name for name in current_app.tasks if name.startswith("meshportal.rollouts.")]
    assert names == ["meshportal.rollouts.tasks.sweep"]
    assert current_app.tasks[names[0]].run.__code__.co_argcount == 0


def test_looks_in_any_order_and_number_walk_it_once(stage: Stage) -> None:
    """A day's worth of messages at once, from nobody knows whom, is a look a tick and nothing else."""
    chance = random.Random(7)
    rollout = begin(stage)
    for _second in range(1500):
        if fresh(rollout).is_over:
            break
        stage.clock.passes(1)
        stage.requests(1)
        stage.observe()
        for _message in range(chance.choice([0, 1, 1, 5, 20])):
            stage.sweep()
    assert fresh(rollout).phase == Phase.SUCCEEDED
    assert stage.patches() == 4, "four steps, four writes"
