"""The meshes this portal looks after."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from meshportal.accounts.models import Person


class Cluster(models.Model):
    """One cluster with its mesh. Credentials are kept by reference: paths of kubeconfigs that only worker or observer read."""

    name = models.CharField(max_length=63, unique=True, validators=[RegexValidator(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")])
    worker_kubeconfig = models.CharField(max_length=500)
    observer_kubeconfig = models.CharField(max_length=500)
    prometheus_url = models.URLField(max_length=500)
    istiod_url = models.URLField(max_length=500, blank=True)
    istio_version = models.CharField(max_length=60, blank=True)
    kubernetes_version = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class FreezeWindow(models.Model):
    """A time that comes again and again in which nothing rises: from each moment that `cron` names in the portal's time zone, for
    `minutes`. `namespaces` is empty for the whole mesh."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="freeze_windows")
    name = models.CharField(max_length=80)
    namespaces = models.JSONField(default=list, blank=True)
    cron = models.CharField(max_length=100)
    minutes = models.PositiveIntegerField()
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("cluster", "name")
        constraints = (models.UniqueConstraint(fields=["cluster", "name"], name="one_window_of_a_name"),)

    def __str__(self) -> str:
        return f"{self.name} in {self.cluster}"


class Stop(models.Model):
    """Somebody has stopped every apply and every weight increase of a mesh. It holds until it is lifted."""

    cluster = models.ForeignKey(Cluster, on_delete=models.CASCADE, related_name="stops")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    at = models.DateTimeField(default=timezone.now)
    lifted_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-at",)
        constraints = (models.UniqueConstraint(fields=["cluster"], condition=Q(lifted_at=None), name="one_open_stop_per_mesh"),)

    def __str__(self) -> str:
        return f"{self.cluster} stopped by {self.by}"
