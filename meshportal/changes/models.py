"""A plan somebody asks for, its revisions, the decisions on it, and every write that came of it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from meshportal.accounts.models import Person
from meshportal.clusters.models import Cluster


class Status(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in-review", _("In review")
    APPROVED = "approved", _("Approved")
    APPLYING = "applying", _("Applying")
    WATCHING = "watching", _("Watching")  # written, and something goes on with it: the host stays claimed until it is over
    APPLIED = "applied", _("Applied")
    REJECTED = "rejected", _("Rejected")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    FAILED = "failed", _("Failed")
    REVERTED = "reverted", _("Reverted")
    NEEDS_HUMAN = "needs-human", _("Needs human")


EDITABLE = WITHDRAWABLE = frozenset({Status.DRAFT, Status.IN_REVIEW, Status.APPROVED})
TERMINAL = frozenset({Status.APPLIED, Status.REJECTED, Status.WITHDRAWN, Status.FAILED, Status.REVERTED})


class ChangeRequest(models.Model):
    """One change to one mesh. What is asked stands in the newest revision; `digest` is that revision's."""

    kind = models.CharField(max_length=30)
    cluster = models.ForeignKey(Cluster, on_delete=models.PROTECT, related_name="changes")
    namespace = models.CharField(max_length=63)
    service = models.CharField(max_length=63)
    title = models.CharField(max_length=200)  # English, as the record keeps it
    titles = models.JSONField(default=dict)  # by language, for pages
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="changes")
    reason = models.TextField()
    ticket = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.DRAFT)
    status_since = models.DateTimeField(default=timezone.now)
    note = models.TextField(blank=True)  # why it is in this status, where that needs saying
    failure = models.TextField(blank=True)  # set while what was written is being put back
    revision = models.PositiveIntegerField(default=1)
    digest = models.CharField(max_length=64)
    risk = models.JSONField(default=dict)
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    submitted_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    # The fence of the worker that applies: whoever takes over raises it, and the one before can write nothing more.
    epoch = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    next_due_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=["status", "next_due_at"]), models.Index(fields=["cluster", "namespace", "service"]))

    def __str__(self) -> str:
        return f"{self.label} {self.title}"

    @property
    def label(self) -> str:
        return f"CR-{self.pk}"

    @property
    def local_title(self) -> str:
        """The title in the reader's language."""
        return str(self.titles.get(get_language() or "", self.title))


class Revision(models.Model):
    """One version of the plan. Editing makes a new one and voids every review of the one before."""

    class DryRun(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        ACCEPTED = "accepted", _("Accepted")
        REFUSED = "refused", _("Refused")
        UNKNOWN = "unknown", _("Unknown")

    change = models.ForeignKey(ChangeRequest, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    intent = models.JSONField()
    findings = models.JSONField(default=list)
    confirmed = models.JSONField(default=list)  # codes of the warnings that its author has ticked
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    dry_run = models.CharField(max_length=10, choices=DryRun.choices, default=DryRun.WAITING)
    dry_run_at = models.DateTimeField(null=True, blank=True)
    dry_run_answer = models.JSONField(default=list)  # per object: {"ref", "reasons": [{"field", "sentence"}], "warnings": [text]}

    class Meta:
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=["change", "number"], name="one_revision_number"),)

    def __str__(self) -> str:
        return f"{self.change.label} revision {self.number}"


class Item(models.Model):
    """One object of a revision: as it was when the plan was made, and as it shall be. `before` is None where it did not exist,
    `after` where it is to be removed."""

    class Outcome(models.TextChoices):
        PENDING = "pending", _("not yet")
        WRITTEN = "written", _("written")
        PUT_BACK = "put-back", _("put back")
        UNTOUCHED = "untouched", _("not touched")
        STUCK = "stuck", _("not put back")

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63)
    name = models.CharField(max_length=253)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    fields = models.JSONField()  # paths the intent reads or writes, such as [["spec", "http"]]
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.PENDING)

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=["revision", "position"], name="one_item_position"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Review(models.Model):
    """One person's decision on one digest. `author` is repeated here so that the database itself can refuse self-approval."""

    class Decision(models.TextChoices):
        APPROVE = "approve", _("approved")
        REJECT = "reject", _("rejected")

    change = models.ForeignKey(ChangeRequest, on_delete=models.CASCADE, related_name="reviews")
    digest = models.CharField(max_length=64)
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="reviews")
    decision = models.CharField(max_length=7, choices=Decision.choices)
    comment = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)
    voided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("at",)
        constraints = (
            models.CheckConstraint(condition=~Q(reviewer=F("author")), name="four_eyes"),
            models.UniqueConstraint(fields=["change", "digest", "reviewer"], condition=Q(voided_at=None), name="one_review_each"),
        )

    def __str__(self) -> str:
        return f"{self.reviewer} {self.decision} {self.change.label}"


class Write(models.Model):
    """One write to a cluster, announced before it is made. The token goes into an annotation of the object, so that after a
    crash the cluster itself says whether the write happened."""

    class Purpose(models.TextChoices):
        APPLY = "apply"
        PUT_BACK = "put-back"

    class State(models.TextChoices):
        INTENDED = "intended"
        DONE = "done"
        FAILED = "failed"

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="writes")
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    token = models.CharField(max_length=40, unique=True)
    epoch = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.INTENDED)
    announced_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    # {"uid", "resource_version"} read just before, of what is to be deleted the whole "manifest" too; None for a create
    expected = models.JSONField(null=True)
    written = models.JSONField(null=True)  # {"uid", "resource_version"} after it; None for a deletion
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=["item", "purpose"], name="one_write_per_item_and_purpose"),)

    def __str__(self) -> str:
        return f"{self.purpose} {self.item}: {self.state}"


class HostClaim(models.Model):
    """Who steers a host right now. One at a time: a second apply waits and names the first."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE)
    namespace = models.CharField(max_length=63)
    service = models.CharField(max_length=63)
    change = models.ForeignKey(ChangeRequest, on_delete=models.CASCADE, related_name="claims")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["cluster", "namespace", "service"], name="one_claim_per_host"),)

    def __str__(self) -> str:
        return f"{self.change.label} holds {self.namespace}/{self.service}"
