"""What the rules of the mesh say of an exposure before it is saved, and at which field."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.changes.kinds import Proposal, Subject, kind_named
from meshportal.mesh.findings import Severity
from tests.cast import Mesh, people
from tests.mesh.gateways.objects import gateway, ingress, route, server

pytestmark = pytest.mark.django_db


@pytest.fixture
def mesh() -> Mesh:
    people()
    return Mesh()


def found(mesh: Mesh, **fields: Any) -> dict[str, tuple[Severity, set[str]]]:
    """What the rules say of one new row, by code, and at which fields; what is ours is left out."""
    mesh.observe()
    row = {"hosts": "reviews.example.com", "gateway": "new"} | fields
    proposal = kind_named("gateway").propose(Subject(mesh.cluster, "bookinfo", "reviews"), {"exposures": [row]})
    assert isinstance(proposal, Proposal), proposal
    kind = kind_named("gateway")
    assert all(kind.sentence(finding)[0] for finding in proposal.findings)
    ruled = [one for one in proposal.findings if not one.code.startswith("MP08")]
    return {one.code: (one.severity, {other.field for other in ruled if other.code == one.code}) for one in ruled}


def test_a_second_gateway_for_one_host_and_port_is_an_error(mesh: Mesh) -> None:
    mesh.api.put(gateway(server("reviews.example.com")))
    assert found(mesh)["IST0145"] == (Severity.ERROR, {"exposures[0].hosts", ""})  # the other Gateway has no field
    assert "IST0145" not in found(mesh, gateway="istio-system/shared")


def test_hosts_of_two_gateways_that_overlap_are_a_warning(mesh: Mesh) -> None:
    mesh.api.put(gateway(server("*.example.com")))
    assert found(mesh)["KIA0301"] == (Severity.WARNING, {"exposures[0].hosts"})


def test_labels_that_no_pod_has_are_a_warning(mesh: Mesh) -> None:
    assert found(mesh, workload="istio=nobody")["KIA0302"] == (Severity.WARNING, {"exposures[0].workload"})
    assert "KIA0302" not in found(mesh)


def test_weights_that_requests_from_outside_do_not_follow_are_a_warning(mesh: Mesh) -> None:
    assert found(mesh)["IST0140"][0] is Severity.WARNING


def test_two_virtual_services_for_one_host_at_a_gateway_are_a_warning(mesh: Mesh) -> None:
    mesh.api.put(gateway(server("*")))
    mesh.api.put(ingress(route(("prefix", "/x"), to="ratings"), hosts=("reviews.example.com", "b.example.com"), name="both"))
    assert found(mesh, gateway="istio-system/shared")["KIA1106"][0] is Severity.WARNING
