"""The page from which a canary is started: policies' form on this app's kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from meshportal.changes.kinds import Proposal, Subject
from meshportal.mesh.rollouts.asking import EVEN, KEYS, LISTED, in_percent
from meshportal.mesh.rollouts.counting import BOUNDS
from meshportal.mesh.rollouts.leaves import plain
from meshportal.mesh.rollouts.spec import OnTimeout, Rule, Spec, outlook
from meshportal.mesh.traffic import pods_of, subset_labels
from meshportal.policies.editing import Editor, Outcome
from meshportal.policies.formkit import Form
from meshportal.policies.nesting import Raw
from meshportal.policies.traffic.live import traffic_live
from meshportal.rollouts.queries import rollout_of
from meshportal.web.words import NBSP


@dataclass(frozen=True)
class StepAhead:
    """What one step can decide, as the table beside the form shows it; None where the traffic is not known."""

    weight: int
    seconds: float
    requests: float | None
    needed: int
    enough_after: float | None
    too_few: bool


class RolloutEditor(Editor):
    kind = "rollout"
    app = "rollouts"
    folder = "start"
    template = "rollouts/start.html"

    def raw_of_post(self, request: HttpRequest) -> Raw:
        return {key: value for key, value in super().raw_of_post(request).items() if key in KEYS}

    def shown(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return in_percent(raw)

    def title(self, subject: Subject) -> str:
        return _("Start a canary of %(service)s") % {"service": subject.service}

    def crumb(self) -> str:
        return _("Start a canary")

    def offers(self, subject: Subject, form: Form, proposal: Outcome) -> Mapping[str, Any]:
        live = traffic_live(subject)
        running = rollout_of(subject.cluster, subject.namespace, subject.service)
        versions = [(subset, _named(subset, *_count(pods_of(live, subset)))) for subset in subset_labels(live)]
        return {
            "versions": versions,
            "step_rows": form.rows("steps"),
            "how": [(EVEN, _("even steps")), (LISTED, _("the steps listed below"))],
            "rules": [
                (Rule.SEQUENTIAL.value, _("sequential: compares with the baseline, may look as often as it likes")),
                (Rule.THRESHOLD.value, _("threshold: an error rate after a number of requests")),
            ],
            "timeouts": [(OnTimeout.HOLD.value, _("hold it there")), (OnTimeout.ROLLBACK.value, _("go back to 0 %"))],
            "bounds": [(plain(bound), f"{plain(bound)}{NBSP}ms") for bound in BOUNDS],
            "ahead": _ahead(proposal, live.per_second),
            "per_second": live.per_second,
            "running": running if running and not running.is_over else None,
        }


def _count(pods: Any) -> tuple[int | None, int | None]:
    return pods.ready, pods.total


def _named(subset: str, ready: int | None, total: int | None) -> str:
    if ready is None or total is None:
        return _("%(subset)s, pods unknown") % {"subset": subset}
    return _("%(subset)s, %(ready)d of %(total)d pods ready") % {"subset": subset, "ready": ready, "total": total}


def _ahead(proposal: Outcome, per_second: float | None) -> list[StepAhead]:
    if not isinstance(proposal, Proposal):
        return []
    spec = Spec.from_json(dict(proposal.intent["spec"]))
    return [
        StepAhead(
            step.weight, step.seconds, step.requests, step.needed, step.enough_after,
            step.enough_after is not None and step.enough_after > step.seconds,
        )
        for step in outlook(spec, per_second).steps
    ]  # fmt: skip
