"""Canaries under way and the stop of everything, as the board and a service's page show them."""

from __future__ import annotations

from dataclasses import dataclass

from meshportal.accounts.permissions import Namespaces
from meshportal.clusters.models import Cluster
from meshportal.clusters.stopping import stopped
from meshportal.rollouts.models import Rollout
from meshportal.rollouts.page import state_of
from meshportal.rollouts.queries import active_rollouts, rollout_of
from meshportal.rollouts.words import hold_sentence, reason


@dataclass(frozen=True)
class CanaryLine:
    """One canary. `state` is FAIL, HELD, OK or "" for its mere step, `word` what stands beside its shape."""

    pk: int
    label: str
    namespace: str
    service: str
    baseline: str
    canary: str
    weight: int
    state: str
    word: str
    sentence: str
    over: bool


@dataclass(frozen=True)
class StopLine:
    """Who has stopped everything, and why."""

    by: str
    why: str
    at: float


def canary_line(rollout: Rollout) -> CanaryLine:
    spec, state = rollout.wanted, state_of(rollout)
    why = ""
    if rollout.failure:
        why = reason(rollout.failure)
    elif rollout.holds and not rollout.is_over:
        first = rollout.holds[0]
        why = hold_sentence(str(first.get("hold", "")), first.get("values") or {})
    return CanaryLine(
        rollout.pk, rollout.label, rollout.namespace, rollout.service, spec.baseline, spec.canary, rollout.weight, state.name,
        state.text, why, rollout.is_over,
    )  # fmt: skip


def canaries_of(cluster: Cluster, namespaces: Namespaces) -> tuple[CanaryLine, ...]:
    """Those under way that somebody with these namespaces may see."""
    return tuple(canary_line(rollout) for rollout in active_rollouts(cluster, namespaces))


def canary_of(cluster: Cluster, namespace: str, service: str) -> CanaryLine | None:
    """The canary of one service that is under way, else its last."""
    found = rollout_of(cluster, namespace, service)
    return canary_line(found) if found else None


def stop_of(cluster: Cluster) -> StopLine | None:
    found = stopped(cluster)
    return StopLine(str(found.by), found.reason, found.at.timestamp()) if found else None
