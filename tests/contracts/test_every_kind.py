"""Every kind of Istio's that the portal knows, through ClusterPort: in memory, on the sandbox's API, on one that serves older
versions of them, and on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest

from meshportal.clients.ports import Conflict, Rejected
from meshportal.mesh.refs import ISTIO_KINDS, Kind, ResourceRef, version_of
from tests.contracts.conftest import REAL
from tests.contracts.stages import Stage, fake_stage, wire_stage
from tests.fake_schema import BEFORE_1_22

pytestmark = pytest.mark.contract

OLDER = ("older fake", "older_api")


@pytest.fixture(
    params=[
        "fake",
        "older fake",
        pytest.param("sandbox_api", marks=pytest.mark.xdist_group("sandbox")),
        pytest.param("older_api", marks=pytest.mark.xdist_group("sandbox")),
        pytest.param("real_mesh", marks=REAL.marks),
    ]
)
def named_stage(request: pytest.FixtureRequest) -> Iterator[tuple[str, Stage]]:
    name: str = request.param
    if "fake" in name:
        with fake_stage(BEFORE_1_22 if name in OLDER else None) as made:
            yield name, made
    else:
        with wire_stage(request.getfixturevalue(name)) as made:
            yield name, made


@pytest.mark.parametrize("kind", ISTIO_KINDS, ids=lambda kind: kind.kind)
def test_it_is_written_read_listed_watched_and_removed(named_stage: tuple[str, Stage], kind: Kind) -> None:
    name, stage = named_stage
    served = f"{kind.group}/{BEFORE_1_22[kind][0]}" if name in OLDER else kind.api_version
    ref = ResourceRef(kind, stage.namespace, "reviews")
    before = stage.cluster.list(kind).resource_version
    made = stage.cluster.create(stage.smallest(kind)).manifest
    assert made["apiVersion"] == served
    assert stage.live(ref) == made
    assert made in stage.cluster.list(kind, stage.namespace).items
    changed = deepcopy(made)
    changed["metadata"]["labels"] = {"team": "books"}
    assert stage.cluster.replace(changed, expect=version_of(made)).manifest["metadata"]["labels"] == {"team": "books"}
    with pytest.raises(Conflict):
        stage.cluster.replace(changed, expect=version_of(made))
    stage.deleted(ref)
    assert stage.cluster.get(ref) is None
    events = [event for event in stage.cluster.watch(kind, before, timeout_seconds=1) if "name" in event.manifest["metadata"]]
    own = [event for event in events if event.manifest["metadata"]["namespace"] == stage.namespace]
    assert [event.type for event in own] == ["ADDED", "MODIFIED", "DELETED"]
    assert {event.manifest["apiVersion"] for event in own} == {served}


@pytest.mark.parametrize("kind", ISTIO_KINDS, ids=lambda kind: kind.kind)
def test_a_misspelt_field_is_refused_by_name(named_stage: tuple[str, Stage], kind: Kind) -> None:
    _, stage = named_stage
    wrong = stage.smallest(kind)
    wrong["spec"] = {**wrong["spec"], "bogus": 1}
    with pytest.raises(Rejected, match=r"spec\.bogus"):
        stage.cluster.create(wrong)
