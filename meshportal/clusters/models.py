"""The meshes this portal looks after."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models


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
