"""Findings of a mesh by token."""

from __future__ import annotations

import pytest

from meshportal.catalog.models import Snapshot as SnapshotRow
from meshportal.mesh.refs import VIRTUAL_SERVICE
from tests.api.test_changes_api import Caller
from tests.cast import Cast, Mesh, people, virtual_service

PATH = "meshes/demo/findings"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    mesh = Mesh()
    mesh.api.put(virtual_service(v1=90, v9=10))
    mesh.observe()
    return mesh


def test_a_finding_has_its_object_its_version_and_its_field(cast: Cast, mesh: Mesh) -> None:
    body = Caller(cast.alice).get(PATH).json()

    [found] = [finding for finding in body["findings"] if finding["code"] == "KIA1107"]
    [live] = mesh.api.list(VIRTUAL_SERVICE).items
    assert found["severity"] == "warning"
    assert found["object"] == {
        "kind": "VirtualService",
        "namespace": "bookinfo",
        "name": "reviews",
        "resource_version": live["metadata"]["resourceVersion"],
    }
    assert found["path"] == "spec.http[0].route[1].destination.subset"
    assert "v9" in found["sentence"]
    assert found["remedy"]


def test_an_old_look_is_called_stale_and_none_is_null(cast: Cast, mesh: Mesh) -> None:
    alice, row = Caller(cast.alice), SnapshotRow.objects.get()
    row.body["taken_at"] = 0
    row.save()
    assert alice.get(PATH).json()["stale"] is True

    SnapshotRow.objects.all().delete()

    body = alice.get(PATH).json()
    assert body["observed_at"] is None
    assert body["findings"] == []


def test_a_severity_narrows_it_and_an_unknown_one_is_refused(cast: Cast, mesh: Mesh) -> None:
    alice = Caller(cast.alice)

    assert alice.get(f"{PATH}?severity=error").json()["findings"] == []
    assert [finding["code"] for finding in alice.get(f"{PATH}?severity=warning").json()["findings"]] == ["KIA1107"]
    assert alice.get(f"{PATH}?severity=bad").status_code == 422


def test_what_one_may_not_see_is_not_there(cast: Cast, mesh: Mesh) -> None:
    mallory = Caller(cast.mallory)
    assert mallory.get(PATH).json()["findings"] == []
    cast.mallory.bindings.all().delete()
    assert mallory.get(PATH).status_code == 404
    assert Caller(cast.alice).get("meshes/nowhere/findings").status_code == 404
