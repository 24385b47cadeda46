"""Verbs on the meshes that the portal looks after."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from meshportal.audit.services import Actor, record
from meshportal.clusters.models import Cluster


class NameTaken(ValueError):
    """A cluster of that name is registered already."""


@transaction.atomic
def register(
    name: str,
    *,
    worker_kubeconfig: str,
    observer_kubeconfig: str,
    prometheus_url: str,
    istiod_url: str = "",
    by: Actor,
    now: datetime,
    replace: bool = False,
) -> Cluster:
    """Register the cluster, or with `replace` point an existing one to other addresses.
    `istiod_url` "": the portal does not know whether proxies are in sync.

    Its history stays with its name. A call that changes nothing leaves no audit event.
    Raises NameTaken, and django's ValidationError for a name or an address that cannot be one.
    """
    addresses = {
        "worker_kubeconfig": worker_kubeconfig,
        "observer_kubeconfig": observer_kubeconfig,
        "prometheus_url": prometheus_url,
        "istiod_url": istiod_url,
    }
    cluster = Cluster.objects.select_for_update(no_key=True).filter(name=name).first()
    if cluster is not None and not replace:
        raise NameTaken(f"A cluster named {name} is registered already")
    verb = "register cluster" if cluster is None else "replace cluster"
    cluster = cluster or Cluster(name=name)
    if cluster.pk and all(getattr(cluster, key) == value for key, value in addresses.items()):
        return cluster
    for key, value in addresses.items():
        setattr(cluster, key, value)
    cluster.full_clean(validate_unique=False)
    cluster.save()
    # Paths of credentials are references, not secrets; they tell a reader which account the portal used.
    sentence = f"{verb.capitalize()} {name}, metrics from {prometheus_url}"
    record(by, verb, f"cluster {name}", sentence, now=now, cluster=name, data=addresses)
    return cluster
