"""A canary begins only where nothing is missing and nobody else steers, and says what is in the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshportal.changes.models import Status
from meshportal.rollouts.models import Phase, Rollout
from tests.cast import PODS, destination_rule, pod_group, virtual_service
from tests.rollouts.cast import REVIEWS, Stage, begin, fresh, reach


def reasons(rollout: Rollout) -> list[dict[str, Any]]:
    (hold,) = [row for row in fresh(rollout).holds if row["hold"] == "preflight"]
    found: list[dict[str, Any]] = hold["values"]["reasons"]
    return found


def marked(**metadata: Any) -> Callable[[Stage], None]:
    def happens(stage: Stage) -> None:
        route = virtual_service(v1=100, v2=0)
        route["metadata"] |= metadata
        stage.mesh.api.put(route)

    return happens


def managed_by(manager: str) -> Callable[[Stage], None]:
    def happens(stage: Stage) -> None:
        route = virtual_service(v1=100, v2=0)
        route["spec"]["http"][0]["timeout"] = "4s"
        stage.mesh.api.put(route, manager)

    return happens


def without_pods(stage: Stage) -> None:
    stage.pods = (*PODS[:2], pod_group("reviews", "v2", 0, 2))


def without_version(stage: Stage) -> None:
    rule = destination_rule("v1", "v2")
    rule["spec"]["subsets"][1]["labels"] = {"track": "canary"}
    stage.mesh.api.put(rule)


def twice(stage: Stage) -> None:
    route = virtual_service(v1=100, v2=0)
    route["spec"]["http"] *= 2
    stage.mesh.api.put(route)


def foreign(stage: Stage) -> None:
    route = virtual_service(v1=100, v2=0)
    route["spec"]["http"][0]["route"].append({"destination": {"host": "elsewhere"}})
    stage.mesh.api.put(route)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (marked(ownerReferences=[{"kind": "Canary", "name": "reviews"}]), {"code": "steered", "manager": "Canary reviews"}),
        (marked(annotations={"rollouts.argoproj.io/x": "y"}), {"code": "steered", "manager": "Argo Rollouts"}),
        (marked(labels={"argo-rollouts.argoproj.io/managed-by": "r"}), {"code": "steered", "manager": "Argo Rollouts"}),
        (marked(annotations={"argocd.argoproj.io/tracking-id": "a"}), {"code": "steered", "manager": "Argo CD"}),
        (marked(labels={"kustomize.toolkit.fluxcd.io/name": "a"}), {"code": "steered", "manager": "Flux"}),
        (managed_by("argocd-controller"), {"code": "steered", "manager": "argocd-controller"}),
        (managed_by("rollouts-controller"), {"code": "steered", "manager": "rollouts-controller"}),
        (without_pods, {"code": "pods", "name": "v2", "ready": 0}),
        (without_version, {"code": "version", "name": "v2"}),
        (lambda stage: stage.mesh.api.put(destination_rule("v1")), {"code": "subset", "name": "v2"}),
        (lambda stage: stage.mesh.api.put(virtual_service(v1=90, v2=10)), {"code": "weights", "share": 10.0}),
        (lambda stage: stage.mesh.api.put(virtual_service(v1=100)), {"code": "route", "what": "destinations"}),
        (twice, {"code": "route", "what": "several"}),
        (foreign, {"code": "foreign", "destinations": ["elsewhere"]}),
        (lambda stage: stage.metrics.goes_away(), {"code": "prometheus", "reason": "prometheus-down"}),
        (lambda stage: stage.metrics.forgets(REVIEWS), {"code": "no-series"}),
        (lambda stage: stage.metrics.was_last_scraped(REVIEWS, "v1", 99), {"code": "prometheus", "reason": "stale"}),
    ],
)
def test_it_says_what_is_in_the_way(stage: Stage, happens: Callable[[Stage], None], reason: dict[str, Any]) -> None:
    happens(stage)
    stage.observe()
    rollout = begin(stage)
    stage.sweep()
    assert reason in reasons(rollout)
    assert stage.patches() == 0


def test_helm_does_not_come_back_by_itself(stage: Stage) -> None:
    marked(annotations={"meta.helm.sh/release-name": "shop"}, labels={"app.kubernetes.io/managed-by": "Helm"})(stage)
    stage.observe()
    reach(stage, begin(stage), Phase.SETTLING)


def test_it_begins_as_soon_as_nothing_is_in_the_way(stage: Stage) -> None:
    stage.metrics.goes_away()
    rollout = begin(stage)
    stage.passes(20)
    stage.metrics.comes_back()
    reach(stage, rollout, Phase.SETTLING, seconds=5)


def test_after_a_quarter_of_an_hour_it_gives_up_without_having_written(stage: Stage) -> None:
    without_pods(stage)
    stage.observe()
    rollout = begin(stage)
    assert stage.passes(1000, until=lambda: fresh(rollout).is_over)
    assert (fresh(rollout).phase, fresh(rollout).failure) == (Phase.ROLLED_BACK, "preflight")
    assert fresh(rollout).change.status == Status.REVERTED
    assert stage.patches() == 0


def test_a_canary_that_nobody_has_asked_yet_has_no_series_and_that_is_fine(stage: Stage) -> None:
    reach(stage, begin(stage), Phase.SETTLING)
    assert not [row for row in stage.metrics._counters[REVIEWS] if row.version == "v2"]
