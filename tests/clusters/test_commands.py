"""`manage.py cluster add|list`."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from meshportal.audit.models import AuditEvent
from meshportal.clusters.models import Cluster

pytestmark = pytest.mark.django_db


def add(name: str = "east", prometheus: str = "http://prometheus.example:9090", **more: Any) -> None:
    call_command(
        "cluster", "add", name, "--worker-kubeconfig", "/etc/kube/worker", "--observer-kubeconfig", "/etc/kube/observer",
        "--prometheus-url", prometheus, stdout=io.StringIO(), **more,
    )  # fmt: skip


def test_a_cluster_is_registered_listed_and_recorded() -> None:
    add()
    out = io.StringIO()
    call_command("cluster", "list", stdout=out)
    for part in ("east", "http://prometheus.example:9090", "/etc/kube/worker", "/etc/kube/observer"):
        assert part in out.getvalue()
    event = AuditEvent.objects.get()
    assert (event.verb, event.subject, event.cluster) == ("register cluster", "cluster east", "east")


def test_adding_it_again_needs_replace_and_keeps_the_row() -> None:
    add()
    row = Cluster.objects.get()
    with pytest.raises(CommandError, match="--replace"):
        add(prometheus="http://other.example:9090")
    add(prometheus="http://other.example:9090", replace=True)
    again = Cluster.objects.get()
    assert (again.pk, again.prometheus_url) == (row.pk, "http://other.example:9090")
    assert [event.verb for event in AuditEvent.objects.order_by("sequence")] == ["register cluster", "replace cluster"]


def test_istiods_address_is_optional_and_kept() -> None:
    add()
    assert Cluster.objects.get().istiod_url == ""
    add(istiod_url="http://localhost:8080", replace=True)
    assert Cluster.objects.get().istiod_url == "http://localhost:8080"
    out = io.StringIO()
    call_command("cluster", "list", stdout=out)
    assert "istiod http://localhost:8080" in out.getvalue()


def test_replacing_by_the_same_is_no_act() -> None:
    add()
    add(replace=True)
    assert AuditEvent.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "prometheus"), [("East Coast", "http://p:9090"), ("east", "prometheus"), ("east", "file:///etc/passwd")]
)
def test_what_cannot_be_a_name_or_an_address_is_refused(name: str, prometheus: str) -> None:
    with pytest.raises(CommandError):
        add(name, prometheus)
    assert not Cluster.objects.exists()
