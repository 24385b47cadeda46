"""Eleven writes that spoil a mesh, nine of which Kiali saves: here each is refused, or saves nothing, on the page and over REST.

docs/traffic.md has them in a table beside what Kiali answered when it was measured.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from meshportal.audit.models import AuditEvent
from meshportal.changes import deciding
from meshportal.changes.applying import apply
from meshportal.changes.models import ChangeRequest, Item, Review, Status
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ResourceRef
from tests.api.test_changes_api import Caller
from tests.cast import NOON, Cast, Clock, Mesh, destination_rule, people, virtual_service
from tests.demo.running import ROOT
from tests.policies.asking import TOOK, Page, Rest, Typed, Way

ROUTE, RULE = "VirtualService bookinfo/reviews", "DestinationRule bookinfo/reviews"
FIRST, SECOND = "routes[0].destinations[0]", "routes[0].destinations[1]"
SHOWN_VERSION, SHOWN_CODE = re.compile(r"resourceVersion (\w+)"), re.compile(r'mp-note__code">(\w+)<')
PAGE = AuditEvent.Via.PAGE

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people()


@pytest.fixture
def mesh(cast: Cast) -> Mesh:
    """reviews goes to v1 and v2."""
    mesh = Mesh()
    mesh.api.put(virtual_service(v1=90, v2=10))
    mesh.observe()
    return mesh


@pytest.fixture(params=["page", "rest"])
def way(request: pytest.FixtureRequest, cast: Cast, mesh: Mesh) -> Way:
    return Page(cast) if request.param == "page" else Rest(cast)


@pytest.fixture
def unsaved(mesh: Mesh) -> Callable[[], None]:
    """Fails if there is a change, or the mesh is not as it was before."""
    before = objects(mesh)

    def check() -> None:
        assert not ChangeRequest.objects.exists()
        assert objects(mesh) == before

    return check


def objects(mesh: Mesh) -> list[Manifest]:
    return [copy.deepcopy(manifest) for kind in (VIRTUAL_SERVICE, DESTINATION_RULE) for manifest in mesh.api.list(kind).items]


WRITES = [
    pytest.param({f"{FIRST}.weight": "60", f"{SECOND}.weight": "60"}, "add up to 120", id="weights-60-and-60"),
    pytest.param({f"{FIRST}.weight": "60", f"{SECOND}.weight": "20"}, "add up to 80", id="weights-60-and-20"),
    pytest.param(
        {f"{FIRST}.host": "reveiws.bookinfo.svc.cluster.local", f"{FIRST}.subset": ""},
        "requests sent there fail",
        id="unknown-host",
    ),
    pytest.param({f"{FIRST}.subset": "v9"}, "v9", id="unknown-subset"),
    pytest.param({"routes[0].htttp": "on"}, "no field “htttp”", id="unknown-field"),
    pytest.param({f"{FIRST}.weight": "-5", f"{SECOND}.weight": "105"}, "“-5”", id="weight-below-0"),
]


@pytest.mark.parametrize(("typed", "sentence"), WRITES)
def test_what_spoils_a_route_is_refused_before_anything_is_saved(
    way: Way, unsaved: Callable[[], None], typed: Typed, sentence: str
) -> None:
    said = way.ask("routes", way.opened("routes"), typed, "KIA1101", "KIA1107", "MP0203")
    assert said.status == 422, said.text
    assert sentence in said.text
    unsaved()


TIMEOUT = {"routes[0].timeout": "2s"}
REVIEWS = ResourceRef(VIRTUAL_SERVICE, "bookinfo", "reviews")


def timeout(mesh: Mesh) -> str:
    live = mesh.api.get(REVIEWS)
    assert live is not None
    return str(live["spec"]["http"][0]["timeout"])


def somebody_edits(mesh: Mesh, timeout: str) -> None:
    """With kubectl, past the portal."""
    manifest = virtual_service(v1=90, v2=10)
    manifest["spec"]["http"][0]["timeout"] = timeout
    mesh.api.put(manifest)


def test_what_was_read_before_somebody_elses_write_is_stale(way: Way, mesh: Mesh) -> None:
    opened = way.opened("destination")
    mesh.api.put(destination_rule("v1", "v2", "v3"))
    mesh.observe()
    said = way.ask("destination", opened, {"connection_pool.tcp.max_connections": "10"})
    assert said.status == 409, said.text
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "not-seen-yet"])
def test_without_a_version_the_worker_still_writes_over_nothing_that_nobody_reviewed(
    way: Way, mesh: Mesh, cast: Cast, seen: bool
) -> None:
    """A change that names no base is planned from what the portal knows. What was reviewed is compared once more before the
    write, so that nobody's edit in between is lost, whether the observer has seen it or not."""
    opened = without_base(way.opened("routes"))
    assert way.ask("routes", opened, TIMEOUT).status in TOOK
    change = ChangeRequest.objects.get()
    deciding.decide(change, Review.Decision.APPROVE, by=cast.bob, via=PAGE, digest=change.digest, now=NOON)
    somebody_edits(mesh, "9s")
    if seen:
        mesh.observe()
    apply(change.pk, cluster=mesh.api, clock=Clock())
    change.refresh_from_db()
    assert (change.status, timeout(mesh)) == (Status.IN_REVIEW, "9s")
    assert "somebody changed it since" in change.note


def without_base(opened: dict[str, Any]) -> dict[str, Any]:
    return opened | {"base": [""] if isinstance(opened["base"], list) else ""}


def test_a_look_saves_nothing_whatever_its_address_says(way: Way, unsaved: Callable[[], None]) -> None:
    said = way.look("routes", way.opened("routes"), TIMEOUT)
    assert said.status == 200
    assert "time out after 2s" in said.text
    unsaved()


def test_a_pipeline_that_means_to_try_does_not_ask(cast: Cast, unsaved: Callable[[], None]) -> None:
    """Who knows Kubernetes' own parameter hears which address only looks."""
    way = Rest(cast)
    body = way.wanted("routes", way.opened("routes"), TIMEOUT) | {"reason": "because"}
    answer = way.caller.post("changes?dryRun=All", body)
    assert answer.status_code == 422
    [problem] = answer.json()["problems"]
    assert problem["field"] == "dryRun"
    assert "/changes/preview" in problem["message"]
    unsaved()


def test_a_second_route_for_the_same_host_cannot_be_asked_for(way: Way, mesh: Mesh) -> None:
    """The form edits the VirtualService that is there. Where somebody has made a second one by hand, it says so and stops."""
    assert way.ask("routes", way.opened("routes"), TIMEOUT).status in TOOK
    [item] = [item for item in Item.objects.all() if item.kind == "VirtualService"]
    assert (item.name, item.before is not None) == ("reviews", True)
    ChangeRequest.objects.all().delete()

    opened = way.opened("routes")
    second = virtual_service(v1=100)
    second["metadata"]["name"] = "reviews-again"
    mesh.api.put(second)
    mesh.observe()
    said = way.ask("routes", opened, TIMEOUT)
    assert said.status == 422
    assert "reviews-again" in said.text
    assert not ChangeRequest.objects.exists()


def test_subsets_that_a_route_uses_cannot_be_deleted(way: Way, unsaved: Callable[[], None]) -> None:
    said = way.ask("removal", way.opened("removal"), {"objects": [RULE]}, "KIA1107", "MP0702")
    assert said.status == 422
    assert "has a subset “v1”" in said.text
    unsaved()


def test_one_subset_that_a_route_uses_cannot_be_taken_away(way: Way, unsaved: Callable[[], None]) -> None:
    said = way.ask("destination", way.opened("destination"), {"subsets[1].name": "v2-renamed"}, "KIA1107")
    assert said.status == 422
    assert "has a subset “v2”" in said.text
    unsaved()


@pytest.mark.parametrize("what", ["page", "endpoint"])
def test_a_verdict_belongs_to_the_version_beside_it(cast: Cast, mesh: Mesh, what: str) -> None:
    """Each look judges what it shows: there is no moment with the new object and the old verdict."""
    look = Findings(cast, what).read
    mesh.api.put(virtual_service(v1=90, v9=10))
    mesh.observe()
    broken = version(mesh)
    assert look() == {"KIA1107": broken}
    mesh.api.put(virtual_service(v1=90, v2=20))
    mesh.observe()
    assert version(mesh) != broken
    assert look() == {"MP0203": version(mesh)}
    mesh.api.put(virtual_service(v1=90, v2=10))
    mesh.observe()
    assert look() == {}


def version(mesh: Mesh) -> str:
    live = mesh.api.get(REVIEWS)
    assert live is not None
    return str(live["metadata"]["resourceVersion"])


class Findings:
    """What is said of reviews' VirtualService: the version that is shown beside it, by code."""

    def __init__(self, cast: Cast, what: str) -> None:
        self.pipeline, self.browser = Caller(cast.alice), Client()
        self.browser.force_login(cast.alice)
        self.read = self.of_page if what == "page" else self.of_endpoint

    def of_endpoint(self) -> dict[str, str]:
        found = self.pipeline.get("meshes/demo/findings").json()["findings"]
        places = {one["code"]: one["object"] for one in found}
        return {code: at["resource_version"] for code, at in places.items() if at and at["kind"] == "VirtualService"}

    def of_page(self) -> dict[str, str]:
        page = self.browser.get("/diagnostics/findings/demo/").content.decode()
        [section] = [section for section in page.split("<h3")[1:] if ROUTE in section] or [""]
        return {code: SHOWN_VERSION.findall(section)[0] for code in SHOWN_CODE.findall(section)}


def test_the_page_about_traffic_names_each_of_these_tests() -> None:
    table = (ROOT / "docs" / "traffic.md").read_text().partition("## Eleven writes")[2].partition("## How it is held")[0]
    here = {name for name in globals() if name.startswith("test_")} - {"test_the_page_about_traffic_names_each_of_these_tests"}
    assert set(re.findall(r"`(test_\w+)(?:\[[\w-]+\])?`", table)) == here
    for one in WRITES:
        assert f"[{one.id}]`" in table
