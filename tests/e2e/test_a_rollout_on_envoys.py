"""Canaries among real requests through real Envoys, walked by the portal's own worker with the rights that are shipped."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.stage import Stage
from tests.e2e.stage import stage as demo_on
from tests.e2e.test_a_rollout import WINDOW_SECONDS, Canary, live

pytestmark = [pytest.mark.e2e, pytest.mark.dataplane, pytest.mark.xdist_group("journeys")]

PLAN: dict[str, Any] = {
    "steps": [{"weight": 50, "seconds": 6}, {"weight": 100, "seconds": 6}],
    "success_criteria": {"max_error_rate": 0.01, "min_request_count": 200},
    # the test is about errors; how fast an app answers on this machine is not its business
    "max_slow_rate": 0.5,
    "max_blind": "20s",
    "blind_rollback_after": "60s",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with pytest.MonkeyPatch.context() as surroundings:
        surroundings.setenv("METRICS_WINDOW_SECONDS", str(WINDOW_SECONDS))
        with demo_on(tmp_path_factory.mktemp("envoys") / "var", "dataplane") as started:
            yield started


@pytest.fixture(autouse=True)
def all_on_v1(stage: Stage) -> None:
    stage.set_weights(100, 0)


def app(stage: Stage, workload: str, state: str = "") -> dict[str, Any]:
    """What an app of the data plane tells of itself, after it was told to be in `state`."""
    control = json.loads((stage.running.folder / "log" / "dataplane.out").read_text().splitlines()[0])["control"]
    with urllib.request.urlopen(f"{control}/app/{workload}{state}", timeout=10) as response:
        told: dict[str, Any] = json.load(response)
    return told


@contextmanager
def failing(stage: Stage, workload: str, rate: float) -> Iterator[None]:
    app(stage, workload, f"?failure_rate={rate}")
    try:
        yield
    finally:
        app(stage, workload, "?failure_rate=0")


def test_a_good_one_is_promoted(stage: Stage) -> None:
    before = app(stage, "reviews-v2")["seen"]
    done = Canary(stage, **PLAN).ends()
    assert (done["phase"], live(stage)["v2"]) == ("succeeded", 100), done
    assert app(stage, "reviews-v2")["seen"] - before >= 200, "real requests have reached it"


def test_one_that_fails_5_percent_goes_back(stage: Stage) -> None:
    with failing(stage, "reviews-v2", 0.05):
        canary = Canary(stage, **PLAN)
        done = canary.ends()
    assert (done["phase"], done["failure"], live(stage)["v2"]) == ("rolled-back", "error-rate", 0), done
    canary.change_is("reverted")
