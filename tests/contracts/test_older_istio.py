"""A cluster whose Istio is older than v1 of its kinds: what ClusterPort promises holds there as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meshportal.changes.models import Status
from meshportal.clients.ports import JsonPatchOp
from meshportal.mesh.plans import Plan, PlanItem
from meshportal.mesh.refs import GATEWAY, NAMESPACE, VIRTUAL_SERVICE, Kind, Manifest, ResourceRef, version_of
from tests.cast import destination_rule, virtual_service
from tests.contracts.stages import Stage, fake_stage, wire_stage
from tests.fake_schema import BEFORE_1_22
from tests.real.rights import Server, with_a_namespace
from tests.real.test_rights import ROUTE, RULE, applied, kubernetes_on_the_board, live

pytestmark = pytest.mark.contract


@pytest.fixture(params=["fake", pytest.param("older_api", marks=pytest.mark.xdist_group("sandbox"))])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with fake_stage(BEFORE_1_22) if request.param == "fake" else wire_stage(request.getfixturevalue(request.param)) as made:
        yield made


def written(stage: Stage, kind: Kind) -> Manifest:
    return stage.cluster.create(stage.smallest(kind)).manifest


def served(kind: Kind) -> str:
    return f"{kind.group}/{BEFORE_1_22[kind][0]}"


def test_the_server_says_what_it_has(stage: Stage) -> None:
    groups = stage.cluster.served().groups
    assert groups["networking.istio.io"] == ("v1beta1", "v1alpha3")
    assert set(groups["security.istio.io"]) == {"v1", "v1beta1"}
    assert groups["telemetry.istio.io"] == ("v1alpha1",)


def test_an_object_that_was_read_at_another_version_is_written_all_the_same(stage: Stage) -> None:
    made = written(stage, VIRTUAL_SERVICE)
    newer = {**made, "apiVersion": VIRTUAL_SERVICE.api_version, "spec": {**made["spec"], "hosts": ["reviews.example.com"]}}
    result = stage.cluster.replace(newer, expect=version_of(made)).manifest
    assert (result["apiVersion"], result["spec"]["hosts"]) == (served(VIRTUAL_SERVICE), ["reviews.example.com"])


def test_a_patch_and_a_dry_run_work(stage: Stage) -> None:
    written(stage, GATEWAY)
    ref = ResourceRef(GATEWAY, stage.namespace, "reviews")
    op = JsonPatchOp("replace", "/spec/servers/0/hosts", ["shop.example.com"])
    assert stage.cluster.patch(ref, [op], dry_run=True).manifest["spec"]["servers"][0]["hosts"] == ["shop.example.com"]
    assert stage.live(ref)["spec"]["servers"][0]["hosts"] == ["*"]
    stage.cluster.patch(ref, [op])
    assert stage.live(ref)["spec"]["servers"][0]["hosts"] == ["shop.example.com"]


def test_a_plan_is_the_same_whatever_version_the_object_was_read_at(stage: Stage) -> None:
    made = written(stage, VIRTUAL_SERVICE)
    ref, fields = ResourceRef(VIRTUAL_SERVICE, stage.namespace, "reviews"), (("spec", "hosts"), ("spec", "http"))
    newer = {**made, "apiVersion": VIRTUAL_SERVICE.api_version}
    wanted = {**newer, "spec": {**made["spec"], "hosts": ["other"]}}
    plans = [Plan((PlanItem(ref, live, wanted, fields),)) for live in (made, newer)]
    assert plans[0].digest == plans[1].digest
    assert plans[0].base == plans[1].base
    assert not PlanItem(ref, made, newer, fields).changes_anything


# ---------------------------------------------------------------- the portal


@pytest.fixture
def server(older_api: dict[str, Any]) -> Iterator[Server]:
    """The older cluster with a route of reviews and a DestinationRule that lacks v2."""
    made = with_a_namespace(Server(older_api))
    made.put(virtual_service(v1=100), destination_rule("v1"))
    yield made
    made.remove(ROUTE, RULE, ResourceRef(NAMESPACE, "", ROUTE.namespace))


@pytest.mark.xdist_group("sandbox")
@pytest.mark.django_db
def test_the_observer_sees_everything(server: Server) -> None:
    chip, mirror = kubernetes_on_the_board(server)
    assert (chip.state, chip.error) == ("OK", "")
    assert mirror.istio_objects()[VIRTUAL_SERVICE][ROUTE]["apiVersion"] == served(VIRTUAL_SERVICE)


@pytest.mark.xdist_group("sandbox")
@pytest.mark.django_db
def test_a_change_is_carried_out(server: Server) -> None:
    change = applied(server)
    assert (change.status, change.note) == (Status.APPLIED, "")
    assert live(server) == ([90, 10], ["v1", "v2"])
