"""A portal of its own in VAR_DIR for tests that kill processes: `python -m tests.chaos.stage prepare KUBECONFIG`,
`… prepare-removal KUBECONFIG`, `… report ID`, `… open NAME WORKER_KUBECONFIG OBSERVER_KUBECONFIG PROMETHEUS`.

Runs in a process of its own, because the database is that of the worker under test and not pytest's.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshportal.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

import meshportal.celery  # noqa: E402,F401
from meshportal.accounts.models import Person  # noqa: E402
from meshportal.accounts.services import issue_token  # noqa: E402
from meshportal.audit.models import AuditEvent  # noqa: E402
from meshportal.audit.services import verify  # noqa: E402
from meshportal.changes import deciding, services  # noqa: E402
from meshportal.changes.kinds import Subject  # noqa: E402
from meshportal.changes.models import ChangeRequest, HostClaim, Review, Write  # noqa: E402
from meshportal.clients import connect  # noqa: E402
from meshportal.clusters.models import Cluster  # noqa: E402
from meshportal.clusters.services import register  # noqa: E402
from meshportal.demo.people import DEMO, admit  # noqa: E402
from meshportal.demo.people import cast as cast_of_demo  # noqa: E402
from tests.cast import destination_rule, observe, people, virtual_service  # noqa: E402

PAGE = AuditEvent.Via.PAGE


def prepare(kubeconfig: str) -> dict[str, object]:
    """Tables, people, a mesh whose DestinationRule lacks v2, and an approved change that needs it: two objects to write."""
    return _approved(kubeconfig, "traffic", {"weights": {"v1": 90, "v2": 10}})


def prepare_removal(kubeconfig: str) -> dict[str, object]:
    """The same mesh, and an approved change that takes both objects away."""
    return _approved(kubeconfig, "removal", {"objects": ["VirtualService bookinfo/reviews", "DestinationRule bookinfo/reviews"]})


def _approved(kubeconfig: str, kind: str, raw: dict[str, object]) -> dict[str, object]:
    call_command("migrate", verbosity=0)
    cast, now = people(), timezone.now()
    cluster = Cluster.objects.create(
        name="demo", worker_kubeconfig=kubeconfig, observer_kubeconfig=kubeconfig, prometheus_url="http://127.0.0.1:1"
    )
    api = connect.cluster(kubeconfig)
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bookinfo"}})
    for manifest in (virtual_service(v1=100), destination_rule("v1")):
        api.create(manifest)
    observe(cluster, api)
    subject = Subject(cluster, "bookinfo", "reviews")
    change = services.draft(kind, subject, raw, by=cast.alice, via=PAGE, now=now, reason="a test of crashes", confirm=["MP0702"])
    services.submit(change, by=cast.alice, via=PAGE, now=now)
    deciding.decide(change, Review.Decision.APPROVE, by=cast.bob, via=PAGE, digest=change.digest, now=now)
    return {"change": change.pk}


def open_portal(name: str, worker: str, observer: str, prometheus: str) -> dict[str, object]:
    """Tables, static files, the demo's people, a token of bob's, and the mesh `name`."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    now = timezone.now()
    password = admit(cast_of_demo(name), now=now)
    register(name, worker_kubeconfig=worker, observer_kubeconfig=observer, prometheus_url=prometheus, by=DEMO, now=now)
    bob = Person.objects.get(username="bob")
    return {"password": password, "token": issue_token(bob, "chaos", by=DEMO, now=now)}


def report(pk: str) -> dict[str, object]:
    """What the portal believes about a change."""
    change = ChangeRequest.objects.get(pk=int(pk))
    return {
        "status": change.status,
        "note": change.note,
        "epoch": change.epoch,
        "writes": [
            [write.item.kind, write.token, write.state]
            for write in Write.objects.filter(item__revision__change=change).order_by("id")
        ],
        "verbs": list(AuditEvent.objects.filter(subject=change.label).order_by("sequence").values_list("verb", flat=True)),
        "chain_holds": verify().broken_at is None,
        "claims": HostClaim.objects.count(),
    }


if __name__ == "__main__":
    acts: dict[str, Callable[..., dict[str, object]]] = {
        "prepare": prepare,
        "prepare-removal": prepare_removal,
        "report": report,
        "open": open_portal,
    }
    verb, *arguments = sys.argv[1:]
    print(json.dumps(acts[verb](*arguments)))
