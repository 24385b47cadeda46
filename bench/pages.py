"""What a page costs the database, and how large a snapshot is, with a hundred services."""

from __future__ import annotations

import json
from dataclasses import replace

from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.numbers import Number, Section
from meshportal.catalog.models import Snapshot as SnapshotRow
from tests.cast import Mesh, people, reviews

SERVICES = 100
PAGES = (
    ("board", "/"),
    ("board, refreshed", "/board/fragment/?mesh=demo"),
    ("services", "/services/"),
    ("a service", "/services/demo/bookinfo/reviews/"),
    ("rollouts", "/rollouts/"),
    ("changes", "/changes/"),
    ("routes form", "/policies/routes/demo/bookinfo/reviews/"),
    ("findings", "/diagnostics/findings/demo/"),
)


class Enough(Exception):
    """Takes everything back that was made to measure."""


def pages() -> Section:
    numbers: list[Number] = []
    try:
        with transaction.atomic():
            numbers = _measured()
            raise Enough
    except Enough:
        return Section("Pages", f"{SERVICES} services, one canary-ready route, an operator signed in", numbers)


def _measured() -> list[Number]:
    cast, mesh = people(), Mesh()
    row = SnapshotRow.objects.get()
    size_of_one = len(json.dumps(row.body["services"][0]))
    bodies = [reviews(), *(reviews(name=f"s{number}") for number in range(SERVICES - 1))]
    snapshot = mesh.observe()
    row.body = replace(snapshot, services=tuple(bodies)).to_json()
    row.save()
    numbers = [
        Number("snapshot", len(json.dumps(row.body)) / 1024, "KiB", "count"),
        Number("snapshot, one service", size_of_one, "bytes", "count"),
    ]
    client = Client()
    client.force_login(cast.alice)
    for name, address in PAGES:
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
        said = "" if answer.status_code == 200 else f"status {answer.status_code}"
        numbers.append(Number(f"{name}: queries", len(queries), said, "count"))
        numbers.append(Number(f"{name}: size", len(answer.content) / 1024, "KiB", "count"))
    return numbers
