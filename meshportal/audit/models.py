"""Who did what, in order. Rows are only ever added; each carries the hash of the one before it."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NoReturn

from django.db import models


class AuditHead(models.Model):
    """One row: the hash of the newest event. Locking it makes the chain one line, however many processes write."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    hash = models.CharField(max_length=64, default="")
    sequence = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"head at {self.sequence}"


class AuditEvent(models.Model):
    """One act. Actors are kept by id and name as values, so that the record outlives the account."""

    class Via(models.TextChoices):
        PAGE = "page"
        API = "api"
        WORKER = "worker"
        COMMAND = "command"

    sequence = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150)
    via = models.CharField(max_length=10, choices=Via.choices)
    verb = models.CharField(max_length=40)
    subject = models.CharField(max_length=60)
    cluster = models.CharField(max_length=63, blank=True)
    namespace = models.CharField(max_length=63, blank=True)
    sentence = models.TextField()
    data = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("-sequence",)
        indexes = (models.Index(fields=["cluster", "namespace", "-sequence"]), models.Index(fields=["subject", "-sequence"]))

    def __str__(self) -> str:
        return f"{self.sequence} {self.actor_name} {self.verb} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("An audit event is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("An audit event is never deleted")

    def computed_hash(self) -> str:
        """SHA-256 over the canonical JSON of every field and the hash before."""
        fields: list[Any] = [
            self.sequence, self.at.isoformat(), self.actor_id, self.actor_name, self.via, self.verb, self.subject,
            self.cluster, self.namespace, self.sentence, self.data, self.previous_hash,
        ]  # fmt: skip
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()
