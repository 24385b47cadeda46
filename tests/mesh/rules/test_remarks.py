"""What Istio would take, but would not do what somebody meant."""

from __future__ import annotations

import pytest

from meshportal.mesh.findings import Severity
from meshportal.mesh.rules import analyse
from meshportal.mesh.rules.table import CODES
from tests.mesh.rules.mesh import facts, gateway, http, virtual_service
from tests.mesh.rules.refusals import REFUSED
from tests.mesh.rules.remarks import REMARKABLE, Case


@pytest.mark.parametrize("case", REMARKABLE, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_remark_names_its_place_and_goes_away_with_its_cause(case: Case) -> None:
    code, path, broken, mended = case

    found = [(finding.code, finding.path) for finding in analyse(broken)]
    left = [finding.code for finding in analyse(mended)]

    assert (code, path) in found
    assert code not in left


def test_every_code_has_a_case() -> None:
    assert {case[0] for case in (*REFUSED, *REMARKABLE)} == set(CODES)


def test_a_sound_mesh_has_nothing_to_say() -> None:
    bound = virtual_service("front", gateways=["bookinfo/front"], hosts=["books.example.com"])

    assert analyse(facts(http(timeout="3s"), bound, gateway())) == []


def test_the_worst_comes_first_and_the_order_is_that_of_the_objects() -> None:
    routes = [{"route": [{"destination": {"host": "reviews", "subset": f"x{place}"}}], "timeout": "0"} for place in range(11)]

    found = analyse(facts(virtual_service(http=routes)))

    assert [finding.severity for finding in found] == sorted((f.severity for f in found), key=list(Severity).index)
    assert [f.path for f in found if f.code == "MP0210"] == [f"spec.http[{place}].timeout" for place in range(11)]


def test_without_an_inventory_nothing_is_said_to_be_missing() -> None:
    objects = [http(route=[{"destination": {"host": "nobody"}}]), gateway(selector={"no": "pod"})]

    found = [finding.code for finding in analyse(facts(*objects, services=(), pods=(), whole=False))]

    assert found == ["MP0200"]
