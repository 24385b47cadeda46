"""What ClusterPort promises, held against the fake, the adapter on the sandbox's API, and the adapter on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from meshportal.clients.ports import ClusterPort, Conflict, Forbidden, JsonPatchOp, Rejected, WatchType
from meshportal.mesh.refs import NAMESPACE, VIRTUAL_SERVICE, Manifest, ResourceRef, Version, ref_of, version_of
from tests.contracts.stages import NEGATIVE_WEIGHT, TWO_TRACINGS, Stage, fake_stage, wire_stage
from tests.processes import real_mesh, sandbox_api

pytestmark = pytest.mark.contract
WEIGHT = "/spec/http/0/route/{}/weight"


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with sandbox_api(tmp_path_factory.mktemp("sandbox-api")) as info:
        yield info


@pytest.fixture(scope="session")
def real_process() -> Iterator[dict[str, Any]]:
    with real_mesh() as info:
        yield info


@pytest.fixture(
    params=[
        "fake",
        pytest.param("sandbox_process", marks=pytest.mark.xdist_group("sandbox")),
        pytest.param("real_process", marks=[pytest.mark.real, pytest.mark.xdist_group("real")]),
    ]
)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with fake_stage() if request.param == "fake" else wire_stage(request.getfixturevalue(request.param)) as made:
        yield made


@pytest.fixture
def reviews(stage: Stage) -> ResourceRef:
    """A route that exists, 90 to 10."""
    stage.cluster.create(stage.route())
    return ResourceRef(VIRTUAL_SERVICE, stage.namespace, "reviews")


def weights(manifest: Manifest) -> list[int]:
    return [destination["weight"] for destination in manifest["spec"]["http"][0]["route"]]


# ---------------------------------------------------------------- create, get


def test_what_was_created_is_read_back(stage: Stage) -> None:
    written = stage.cluster.create(stage.route())
    assert written.warnings == ()
    assert stage.live(ref_of(stage.route())) == written.manifest
    assert written.manifest["spec"] == stage.route()["spec"]
    assert written.manifest["metadata"]["generation"] == 1
    assert all(version_of(written.manifest).__dict__.values())


def test_a_core_kind_is_written_like_any_other(stage: Stage) -> None:
    made = stage.cluster.create(stage.manifest("ConfigMap", "istio", data={"mesh": "a: 1\n"})).manifest
    changed = {**made, "data": {"mesh": "a: 2\n"}}
    assert stage.cluster.replace(changed, expect=version_of(made)).manifest["data"] == {"mesh": "a: 2\n"}
    with pytest.raises(Conflict):
        stage.cluster.replace(changed, expect=version_of(made))
    with pytest.raises(Rejected, match="bogus"):
        stage.cluster.create(stage.manifest("VirtualService", "other", spec={"hosts": ["a"], "bogus": 1}))


def test_what_does_not_exist_is_none(stage: Stage) -> None:
    assert stage.cluster.get(ResourceRef(VIRTUAL_SERVICE, stage.namespace, "none")) is None
    assert stage.cluster.get(ResourceRef(VIRTUAL_SERVICE, "no-such-namespace", "none")) is None


def test_a_name_that_is_taken_is_a_conflict(stage: Stage, reviews: ResourceRef) -> None:
    before = stage.live(reviews)
    with pytest.raises(Conflict, match="exists already"):
        stage.cluster.create(stage.route(weights=(50, 50)))
    assert stage.live(reviews) == before


def test_writes_are_in_the_portals_name(stage: Stage, reviews: ResourceRef) -> None:
    assert [owner["manager"] for owner in stage.live(reviews)["metadata"]["managedFields"]] == ["meshportal"]


# ---------------------------------------------------------------- replace


def test_replace_stores_the_new_and_tells_its_version(stage: Stage, reviews: ResourceRef) -> None:
    before = stage.live(reviews)
    after = stage.cluster.replace(stage.route(weights=(80, 20)), expect=version_of(before)).manifest
    assert weights(stage.live(reviews)) == [80, 20]
    assert stage.live(reviews) == after
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    assert after["metadata"]["generation"] == 2


def test_replacing_with_the_same_changes_nothing(stage: Stage, reviews: ResourceRef) -> None:
    before = stage.live(reviews)
    assert stage.cluster.replace(deepcopy(before), expect=version_of(before)).manifest == before
    assert stage.live(reviews) == before


def test_a_label_is_a_new_version_but_not_a_new_generation(stage: Stage, reviews: ResourceRef) -> None:
    before = stage.live(reviews)
    after = stage.somebody_else_changes(reviews)
    assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    assert after["metadata"]["generation"] == 1


def test_replace_over_somebody_elses_change_is_a_conflict(stage: Stage, reviews: ResourceRef) -> None:
    before = stage.live(reviews)
    theirs = stage.somebody_else_changes(reviews)
    with pytest.raises(Conflict, match="has changed since it was read"):
        stage.cluster.replace(before, expect=version_of(before))
    assert stage.live(reviews) == theirs


def test_a_deleted_object_is_never_resurrected(stage: Stage, reviews: ResourceRef) -> None:
    before = stage.live(reviews)
    stage.deleted(reviews)
    with pytest.raises(Conflict, match="no longer exists"):
        stage.cluster.replace(before, expect=version_of(before))
    assert stage.cluster.get(reviews) is None


def test_an_object_that_was_made_again_is_another_one(stage: Stage, reviews: ResourceRef) -> None:
    before = stage.live(reviews)
    stage.deleted(reviews)
    again = stage.cluster.create(stage.route(weights=(1, 99))).manifest
    with pytest.raises(Conflict):
        stage.cluster.replace(before, expect=version_of(before))
    with pytest.raises(Conflict, match="made again"):
        stage.cluster.replace(before, expect=Version(before["metadata"]["uid"], again["metadata"]["resourceVersion"]))
    assert stage.live(reviews) == again


# ---------------------------------------------------------------- patch


def test_patch_moves_weights_that_are_as_expected(stage: Stage, reviews: ResourceRef) -> None:
    ops = [JsonPatchOp("test", WEIGHT.format(1), 10), JsonPatchOp("replace", WEIGHT.format(0), 80)]
    ops += [JsonPatchOp("replace", WEIGHT.format(1), 20), JsonPatchOp("add", "/metadata/annotations", {"by": "us"})]
    written = stage.cluster.patch(reviews, ops).manifest
    assert weights(written) == [80, 20]
    assert stage.live(reviews) == written
    stage.cluster.patch(
        reviews, [JsonPatchOp("test", "/metadata/annotations/by", "us"), JsonPatchOp("remove", "/metadata/annotations")]
    )
    assert "annotations" not in stage.live(reviews)["metadata"]


@pytest.mark.parametrize(
    "last",
    [
        JsonPatchOp("test", WEIGHT.format(1), 11),
        JsonPatchOp("replace", WEIGHT.format(7), 10),
        JsonPatchOp("remove", "/spec/tcp"),
        JsonPatchOp("test", "/metadata/resourceVersion", "1"),
    ],
)
def test_a_patch_that_does_not_fit_changes_nothing(stage: Stage, reviews: ResourceRef, last: JsonPatchOp) -> None:
    before = stage.live(reviews)
    with pytest.raises(Conflict, match="not as it was read"):
        stage.cluster.patch(reviews, [JsonPatchOp("replace", WEIGHT.format(0), 5), last])
    assert stage.live(reviews) == before


def test_a_patch_of_what_is_gone_is_a_conflict(stage: Stage, reviews: ResourceRef) -> None:
    stage.deleted(reviews)
    with pytest.raises(Conflict, match="no longer exists"):
        stage.cluster.patch(reviews, [JsonPatchOp("add", "/metadata/labels", {"a": "b"})])
    assert stage.cluster.get(reviews) is None


# ---------------------------------------------------------------- delete


def test_delete_takes_the_object_and_absent_is_success(stage: Stage, reviews: ResourceRef) -> None:
    version = version_of(stage.live(reviews))
    stage.cluster.delete(reviews, expect=version)
    assert stage.cluster.get(reviews) is None
    stage.cluster.delete(reviews, expect=version)


@pytest.mark.parametrize("stale", ["uid", "resourceVersion"])
def test_delete_of_another_version_is_a_conflict(stage: Stage, reviews: ResourceRef, stale: str) -> None:
    metadata = stage.live(reviews)["metadata"] | {stale: "1"}
    with pytest.raises(Conflict):
        stage.cluster.delete(reviews, expect=version_of({"metadata": metadata}))
    assert stage.cluster.get(reviews) is not None


def test_an_object_with_finalizers_stays_the_same_object_until_they_are_gone(stage: Stage) -> None:
    route = stage.route("kept")
    route["metadata"]["finalizers"] = ["meshportal.io/test"]
    before = stage.cluster.create(route).manifest
    stage.cluster.delete(ref_of(route), expect=version_of(before))
    leaving = stage.live(ref_of(route))
    assert leaving["metadata"]["deletionTimestamp"]
    assert leaving["metadata"]["uid"] == before["metadata"]["uid"]
    stage.cluster.delete(ref_of(route), expect=version_of(leaving))
    assert stage.cluster.get(ref_of(route)) is not None
    leaving["metadata"]["finalizers"] = []
    stage.cluster.replace(leaving, expect=version_of(leaving))
    assert stage.cluster.get(ref_of(route)) is None


# ---------------------------------------------------------------- dry run, refusals


def test_a_dry_run_answers_as_if_and_stores_nothing(stage: Stage, reviews: ResourceRef) -> None:
    before = stage.live(reviews)
    other = stage.route("other")
    assert stage.cluster.create(other, dry_run=True).manifest["spec"] == other["spec"]
    replaced = stage.cluster.replace(stage.route(weights=(60, 40)), expect=version_of(before), dry_run=True)
    patched = stage.cluster.patch(reviews, [JsonPatchOp("replace", WEIGHT.format(0), 70)], dry_run=True)
    stage.cluster.delete(reviews, expect=version_of(before), dry_run=True)
    assert (weights(replaced.manifest), weights(patched.manifest)) == ([60, 40], [70, 10])
    assert stage.cluster.get(ref_of(other)) is None
    assert stage.live(reviews) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_finds_what_the_write_would(stage: Stage, reviews: ResourceRef, dry_run: bool) -> None:
    stale = stage.live(reviews)
    stage.somebody_else_changes(reviews)
    with pytest.raises(Conflict):
        stage.cluster.create(stage.route(), dry_run=dry_run)
    with pytest.raises(Conflict):
        stage.cluster.replace(stale, expect=version_of(stale), dry_run=dry_run)
    with pytest.raises(Conflict):
        stage.cluster.patch(reviews, [JsonPatchOp("test", WEIGHT.format(0), 1)], dry_run=dry_run)
    with pytest.raises(Conflict):
        stage.cluster.delete(reviews, expect=version_of(stale), dry_run=dry_run)


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_unknown_field_is_named(stage: Stage, reviews: ResourceRef, dry_run: bool) -> None:
    before = stage.live(reviews)
    misspelt = stage.manifest("VirtualService", "other", spec={"hosts": ["reviews"], "bogus": 1})
    with pytest.raises(Rejected) as refused:
        stage.cluster.create(misspelt, dry_run=dry_run)
    assert [reason.field for reason in refused.value.reasons] == ["spec.bogus"]
    misspelt["metadata"]["name"] = "reviews"
    with pytest.raises(Rejected) as refused:
        stage.cluster.replace(misspelt, expect=version_of(before), dry_run=dry_run)
    assert [reason.field for reason in refused.value.reasons] == ["spec.bogus"]
    assert stage.live(reviews) == before


def test_a_foreign_namespace_is_named(stage: Stage) -> None:
    elsewhere = stage.route()
    elsewhere["metadata"]["namespace"] = "no-such-namespace"
    with pytest.raises(Rejected) as refused:
        stage.cluster.create(elsewhere)
    assert [reason.field for reason in refused.value.reasons] == ["metadata.namespace"]
    assert "no-such-namespace does not exist" in str(refused.value)


def test_a_bad_name_is_named(stage: Stage) -> None:
    with pytest.raises(Rejected) as refused:
        stage.cluster.create(stage.route("A_b"))
    assert [reason.field for reason in refused.value.reasons] == ["metadata.name"]


def test_an_object_that_has_a_version_already_cannot_be_created(stage: Stage, reviews: ResourceRef) -> None:
    with pytest.raises(Rejected) as refused:
        stage.cluster.create({**stage.live(reviews), "metadata": {**stage.live(reviews)["metadata"], "name": "other"}})
    assert [reason.field for reason in refused.value.reasons] == ["metadata.resourceVersion"]


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_the_webhook_says_is_handed_on(stage: Stage, reviews: ResourceRef, dry_run: bool) -> None:
    stage.expect_refusal_of_negative_weights(reviews)
    before = stage.live(reviews)
    with pytest.raises(Rejected) as refused:
        stage.cluster.replace(stage.route(weights=(-4, 104)), expect=version_of(before), dry_run=dry_run)
    assert str(refused.value) == NEGATIVE_WEIGHT
    with pytest.raises(Rejected) as refused:
        stage.cluster.patch(reviews, [JsonPatchOp("replace", WEIGHT.format(0), -4)], dry_run=dry_run)
    assert str(refused.value) == NEGATIVE_WEIGHT
    assert stage.live(reviews) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_the_server_warns_of_is_handed_on(stage: Stage, dry_run: bool) -> None:
    stage.expect_warning_of_two_tracings()
    tracing = [{"randomSamplingPercentage": 1.0}, {"randomSamplingPercentage": 2.0}]
    written = stage.cluster.create(stage.manifest("Telemetry", "two", spec={"tracing": tracing}), dry_run=dry_run)
    assert written.warnings == (TWO_TRACINGS,)


# ---------------------------------------------------------------- list, watch


def test_list_has_every_object_of_a_kind(stage: Stage, reviews: ResourceRef) -> None:
    stage.cluster.create(stage.route("other"))
    here = stage.cluster.list(VIRTUAL_SERVICE, stage.namespace)
    assert [item["metadata"]["name"] for item in here.items] == ["other", "reviews"]
    assert here.items[1] == stage.live(reviews)
    assert reviews in [ref_of(item) for item in stage.cluster.list(VIRTUAL_SERVICE).items]
    assert ResourceRef(NAMESPACE, "", stage.namespace) in [ref_of(item) for item in stage.cluster.list(NAMESPACE).items]


def test_a_watch_tells_what_happened_since_the_list(stage: Stage, reviews: ResourceRef) -> None:
    since = stage.cluster.list(VIRTUAL_SERVICE).resource_version
    stage.cluster.create(stage.route("other"))
    changed = stage.somebody_else_changes(reviews)
    stage.deleted(ref_of(stage.route("other")))
    events = [
        event
        for event in stage.cluster.watch(VIRTUAL_SERVICE, since, timeout_seconds=1)
        if event.manifest["metadata"].get("namespace") == stage.namespace
    ]
    assert [(event.type, event.manifest["metadata"]["name"]) for event in events] == [
        (WatchType.ADDED, "other"),
        (WatchType.MODIFIED, "reviews"),
        (WatchType.DELETED, "other"),
    ]
    assert events[1].manifest == changed
    later = list(stage.cluster.watch(VIRTUAL_SERVICE, changed["metadata"]["resourceVersion"], timeout_seconds=1))
    assert WatchType.DELETED in [event.type for event in later]


# ---------------------------------------------------------------- rights, discovery


def test_nobody_may_nothing_and_learns_which_right_is_missing(stage: Stage) -> None:
    def refused(ask: Any) -> tuple[str, str]:
        with pytest.raises(Forbidden) as caught:
            ask()
        return caught.value.verb, caught.value.resource

    nobody: ClusterPort = stage.nobody
    ref, name = ResourceRef(VIRTUAL_SERVICE, stage.namespace, "reviews"), "virtualservices.networking.istio.io"
    assert refused(lambda: nobody.get(ref)) == ("get", name)
    assert refused(lambda: nobody.list(VIRTUAL_SERVICE)) == ("list", name)
    assert refused(lambda: list(nobody.watch(VIRTUAL_SERVICE, "1", timeout_seconds=1))) == ("watch", name)
    assert refused(lambda: nobody.create(stage.route())) == ("create", name)
    assert refused(lambda: nobody.replace(stage.route(), expect=Version("a", "1"))) == ("update", name)
    assert refused(lambda: nobody.patch(ref, [JsonPatchOp("test", "/spec", 1)])) == ("patch", name)
    assert refused(lambda: nobody.delete(ref, expect=Version("a", "1"))) == ("delete", name)


def test_the_server_tells_its_version_and_istios_groups(stage: Stage) -> None:
    served = stage.cluster.served()
    assert served.kubernetes.startswith("v1.")
    assert "v1" in served.groups[""]
    for group in ("networking.istio.io", "security.istio.io", "telemetry.istio.io"):
        assert "v1" in served.groups[group]
