"""A canary in progress, every look at its evidence, every write it made, and its story."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from meshportal.changes.models import ChangeRequest
from meshportal.clusters.models import Cluster
from meshportal.mesh.rollouts import phases
from meshportal.mesh.rollouts.spec import Spec


class Phase(models.TextChoices):
    """`mesh.rollouts.phases.Phase`, in words."""

    PENDING = "pending", _("Waiting for its change")
    PREFLIGHT = "preflight", _("Preflight")
    SHIFTING = "shifting", _("Shifting")
    SETTLING = "settling", _("Settling")
    OBSERVING = "observing", _("Observing")
    AWAITING_PROMOTION = "awaiting-promotion", _("Awaiting promotion")
    PROMOTING = "promoting", _("Promoting")
    BAKING = "baking", _("Baking")
    SUCCEEDED = "succeeded", _("Succeeded")
    ROLLING_BACK = "rolling-back", _("Rolling back")
    ROLLED_BACK = "rolled-back", _("Rolled back")


OVER = sorted(str(phase) for phase in phases.DONE)


class Rollout(models.Model):
    """One canary of one host. The row is the clock: `next_due_at` says when it is looked at next.

    `spec` is a `mesh.rollouts.spec.Spec` in JSON; the fields from `phase` to `skip` are its `mesh.rollouts.phases.State`, whose
    times are seconds since 1970, as the pure part takes them.
    """

    change = models.OneToOneField(ChangeRequest, on_delete=models.PROTECT, related_name="rollout")
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="rollouts")
    namespace = models.CharField(max_length=63)
    service = models.CharField(max_length=63)
    spec = models.JSONField()
    route_namespace = models.CharField(max_length=63)  # of the VirtualService that carries the weights
    route_name = models.CharField(max_length=253)

    phase = models.CharField(max_length=20, choices=Phase.choices, default=Phase.PENDING)
    step = models.PositiveSmallIntegerField(default=0)
    weight = models.PositiveSmallIntegerField(default=0)
    since = models.FloatField(default=0)
    due_at = models.FloatField(default=0)
    shifted_at = models.FloatField(null=True, blank=True)
    blind_since = models.FloatField(null=True, blank=True)
    approved = models.JSONField(default=list)
    sticky = models.JSONField(default=list)  # [{"hold", "values"}] that a person has to lift
    failure = models.CharField(max_length=60, blank=True)
    skip = models.BooleanField(default=False)

    holds = models.JSONField(default=list)  # [{"hold", "values", "since"}] as of the last decision
    epoch = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    next_due_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)  # why the last sweep could not handle it; it is tried again later
    # {"at", "series"}: Prometheus' counters as the last look left them; the next look counts from there
    counters = models.JSONField(default=dict)
    # {"uid", "version", "generation"} of the route, as last read or written: what is newer has to be looked at
    route = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=["next_due_at"]), models.Index(fields=["cluster", "namespace", "service"]))
        constraints = (
            models.UniqueConstraint(
                fields=["cluster", "namespace", "service"], condition=~Q(phase__in=OVER), name="one_rollout_per_host"
            ),
            models.CheckConstraint(condition=Q(weight__lte=100), name="rollout_weight_is_percent"),
        )

    def __str__(self) -> str:
        return f"{self.label} {self.namespace}/{self.service}"

    @property
    def label(self) -> str:
        return f"RO-{self.pk}"

    @property
    def wanted(self) -> Spec:
        """What was asked."""
        return Spec.from_json(self.spec)

    @property
    def state(self) -> phases.State:
        """The row as the pure part takes it."""
        return phases.State(
            phase=phases.Phase(self.phase),
            step=self.step,
            weight=self.weight,
            since=self.since,
            due_at=self.due_at,
            shifted_at=self.shifted_at,
            blind_since=self.blind_since,
            approved=frozenset(self.approved),
            sticky=tuple(phases.Reason(phases.Hold(row["hold"]), row["values"]) for row in self.sticky),
            failure=self.failure,
            skip=self.skip,
        )

    @property
    def is_over(self) -> bool:
        return self.phase in OVER


def state_columns(state: phases.State) -> dict[str, Any]:
    """A state as columns of its row: the inverse of `Rollout.state`."""
    return {
        "phase": state.phase.value,
        "step": state.step,
        "weight": state.weight,
        "since": state.since,
        "due_at": state.due_at,
        "shifted_at": state.shifted_at,
        "blind_since": state.blind_since,
        "approved": sorted(state.approved),
        "sticky": [{"hold": reason.hold.value, "values": dict(reason.values)} for reason in state.sticky],
        "failure": state.failure,
        "skip": state.skip,
    }


def moment_of(seconds: float) -> datetime | None:
    """Seconds since 1970 as a column, None for never."""
    return None if seconds == float("inf") else datetime.fromtimestamp(seconds, UTC)


class Look(models.Model):
    """One look at the evidence, as it was seen: counts of both arms, and what was concluded. Replayed, never edited."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="looks")
    step = models.PositiveSmallIntegerField()
    weight = models.PositiveSmallIntegerField()
    start = models.FloatField()
    end = models.FloatField()
    # {"baseline": {"requests", "errors", "slow", "source_requests", "source_errors"} | null, "canary": …}
    counts = models.JSONField()
    problem = models.CharField(max_length=60, blank=True)
    pods = models.JSONField(default=dict)  # {"ready", "crash_looping"} of the canary at that moment
    elapsed = models.FloatField()  # seconds at this step's weight, as the verdict took it
    answer = models.CharField(max_length=8)
    reason = models.CharField(max_length=40)
    tests = models.JSONField(default=list)  # [{"code", "answer", "measured", "limit"}]
    queries = models.JSONField(default=list)  # as they were sent to Prometheus

    class Meta:
        ordering = ("end", "id")
        constraints = (models.UniqueConstraint(fields=["rollout", "step", "end"], name="one_look_per_window"),)

    def __str__(self) -> str:
        return f"{self.rollout.label} step {self.step}: {self.answer}"


class Shift(models.Model):
    """One write of weights, announced before it is made. Its token goes into the same patch, so that after a crash the cluster
    itself says whether it happened."""

    class Purpose(models.TextChoices):
        STEP = "step"
        ROLLBACK = "rollback"
        SET_BACK = "set-back"  # somebody raised our weight: down again at once
        LOWER = "lower"  # a person of the portal wants less

    class State(models.TextChoices):
        INTENDED = "intended"
        DONE = "done"
        FAILED = "failed"

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="shifts")
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    step = models.PositiveSmallIntegerField()
    attempt = models.PositiveSmallIntegerField(default=0)  # a set-back may be needed more than once at one step
    weight = models.PositiveSmallIntegerField()
    token = models.CharField(max_length=40, unique=True)
    epoch = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.INTENDED)
    announced_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    before = models.PositiveSmallIntegerField(null=True)  # the canary's weight that was read before
    resource_version = models.CharField(max_length=64, blank=True)  # after it
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["rollout", "purpose", "step", "attempt"], name="one_shift_per_step"),
            models.CheckConstraint(condition=Q(weight__lte=100), name="shift_weight_is_percent"),
        )

    def __str__(self) -> str:
        return f"{self.rollout.label} {self.purpose} {self.weight} %: {self.state}"


class Event(models.Model):
    """One line of the timeline. `code` and `values` make the sentence in the reader's language; `actor` is "" for the portal."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    code = models.CharField(max_length=40)
    values = models.JSONField(default=dict)
    actor = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ("at", "id")

    def __str__(self) -> str:
        return f"{self.rollout.label} {self.code}"
