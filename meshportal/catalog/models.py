"""Last-known state of each mesh. Every row says when it was observed."""

from __future__ import annotations

from django.db import models

from meshportal.clusters.models import Cluster


class Snapshot(models.Model):
    """What the observer last saw of a cluster: a `mesh.snapshot.Snapshot` in JSON. One row a cluster, replaced each tick."""

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="snapshot")
    version = models.PositiveBigIntegerField(default=0)
    observed_at = models.DateTimeField()
    body = models.JSONField()

    def __str__(self) -> str:
        return f"{self.cluster} at {self.observed_at:%H:%M:%S}"


class Trail(models.Model):
    """One point a minute of the last hour, by service: what the small lines on the board are drawn from.

    `body` is {"namespace/name": [[epoch of the minute, per_second, error_percent, p95_ms], …], "": points of the whole mesh}.
    """

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="trail")
    observed_at = models.DateTimeField()
    body = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.cluster} until {self.observed_at:%H:%M}"


class LiveObject(models.Model):
    """One object as the observer last saw it in the cluster, whole, because forms edit it without loss."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="objects_seen")
    kind = models.CharField(max_length=63)
    namespace = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=253)
    uid = models.CharField(max_length=64)
    resource_version = models.CharField(max_length=64)
    manifest = models.JSONField()
    observed_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["cluster", "kind", "namespace", "name"], name="one_live_object"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Inventory(models.Model):
    """What runs in a cluster, for rules and forms: a `mesh.stock.Stock` in JSON. Written only when it has changed, so
    `observed_at` says since when it is so; how fresh that is, the Snapshot says."""

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="inventory")
    observed_at = models.DateTimeField()
    body = models.JSONField()

    def __str__(self) -> str:
        return f"{self.cluster} since {self.observed_at:%H:%M:%S}"


class ObserverLease(models.Model):
    """Who observes a cluster. The epoch fences: a holder that lost its lease cannot write any more."""

    cluster = models.OneToOneField(Cluster, on_delete=models.CASCADE, related_name="lease")
    holder = models.CharField(max_length=80)
    epoch = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.cluster}: {self.holder} (epoch {self.epoch})"


class Heartbeat(models.Model):
    """When a process last said that it lives."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"


class ServiceHistory(models.Model):
    """Golden signals of one service over time, fetched by the worker when somebody looks, and kept for a short while."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE)
    namespace = models.CharField(max_length=63)
    service = models.CharField(max_length=63)
    minutes = models.PositiveIntegerField()
    asked_at = models.DateTimeField(help_text="When somebody last looked")
    busy_until = models.DateTimeField(null=True, help_text="Until then Prometheus is not asked for this row again")
    observed_at = models.DateTimeField(null=True)
    body = models.JSONField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["cluster", "namespace", "service", "minutes"], name="one_history"),)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service}, {self.minutes} min"
