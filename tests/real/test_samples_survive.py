"""The objects of Istio's own samples, as its Go module has them, survive every form: what is read and written back is what was
there, whatever else a newer Istio may have put into them."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshportal.mesh import traffic
from meshportal.mesh.destinations.live import destination_live
from meshportal.mesh.destinations.reading import read as read_destination
from meshportal.mesh.destinations.rendering import DestinationIntent
from meshportal.mesh.destinations.rendering import render as render_destination
from meshportal.mesh.destinations.typed import typed
from meshportal.mesh.facts import Facts
from meshportal.mesh.gateways.intent import GatewayIntent
from meshportal.mesh.gateways.reading import read as read_gateways
from meshportal.mesh.gateways.rendering import render as render_gateways
from meshportal.mesh.gateways.typed import parse as parse_gateways
from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import DESTINATION_RULE, GATEWAY, VIRTUAL_SERVICE, Manifest, ServiceRef
from meshportal.mesh.routes.live import RoutesLive
from meshportal.mesh.routes.reading import read as read_routes
from meshportal.mesh.routes.rendering import render as render_routes
from meshportal.mesh.routes.typed import RoutesIntent
from meshportal.mesh.routes.typed import parse as parse_routes
from meshportal.mesh.traffic import NotEditable, TrafficIntent, TrafficLive, whole_percents
from tools.realmesh.build import ISTIO

pytestmark = pytest.mark.real

FEWEST_FILES, FEWEST_OBJECTS = 100, 50  # there are 139 and 53 in the version that is built; a wrong folder has none
NAMESPACE = "default"
KINDS = (VIRTUAL_SERVICE, DESTINATION_RULE, GATEWAY)


@dataclass(frozen=True)
class Sample:
    """One object of one file."""

    file: str
    manifest: Manifest

    def __str__(self) -> str:
        return f"{self.file}: {self.manifest['kind']} {self.manifest['metadata']['name']}"


def folder() -> Path:
    """Where Go keeps the sources of Istio that this project builds."""
    asked = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True) if shutil.which("go") else None
    kept = asked.stdout.strip() if asked and not asked.returncode else os.environ.get("GOMODCACHE", "")
    return Path(kept or Path.home() / "go" / "pkg" / "mod") / ISTIO / "samples"


@cache
def samples() -> tuple[Sample, ...]:
    """Every VirtualService, DestinationRule and Gateway of Istio's in the samples. Skips the test where there are none."""
    if not folder().is_dir():
        pytest.skip("Istio's sources are not in Go's module cache: make real")
    files = sorted([*folder().rglob("*.yaml"), *folder().rglob("*.yml")])
    found = [Sample(str(path.relative_to(folder())), manifest) for path in files for manifest in objects_in(path)]
    assert len(files) >= FEWEST_FILES
    assert len(found) >= FEWEST_OBJECTS
    return tuple(found)


def objects_in(path: Path) -> Iterator[Manifest]:
    kinds = {kind.kind for kind in KINDS}
    try:
        documents = list(yaml.safe_load_all(path.read_text()))
    except yaml.YAMLError:
        return  # a template of Helm's
    for document in documents:
        group = str(document.get("apiVersion", "")).partition("/")[0] if isinstance(document, dict) else ""
        if group == "networking.istio.io" and document.get("kind") in kinds:
            document["metadata"].setdefault("namespace", NAMESPACE)
            # as the API server would send it: JSON has no dates
            yield json.loads(json.dumps(document, default=str))


def services_of(manifest: Manifest) -> list[ServiceRef]:
    """Every service that an object names as a host or a destination."""
    hosts: set[str] = set()
    pending: list[Any] = [manifest.get("spec")]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            hosts.update(host for host in (value.get("host"), *(value.get("hosts") or [])) if isinstance(host, str))
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    parts = [host.split(".") for host in sorted(hosts) if host and "*" not in host]
    own = manifest["metadata"]["namespace"]
    return [ServiceRef(part[1] if len(part) > 1 else own, part[0]) for part in parts]


# ---------------------------------------------------------------- each form, with nothing edited


def by_routes(manifest: Manifest, service: ServiceRef) -> Plan | None:
    live = RoutesLive(service, (manifest,))
    raw = read_routes(live)
    intent = parse_routes(raw, live)
    assert isinstance(intent, RoutesIntent), intent
    return render_routes(intent, live)


def by_destination(manifest: Manifest, service: ServiceRef) -> Plan | None:
    live = destination_live(service, Facts(objects=(manifest,)))
    if not live.rules:
        return None
    asked = typed(read_destination(live.rule), live.rule)
    assert not isinstance(asked, list), asked
    return render_destination(DestinationIntent(service, asked), live)


def by_gateways(manifest: Manifest, service: ServiceRef) -> Plan | None:
    """Beside every Gateway of the samples, so that those that a VirtualService names are there."""
    gateways = {
        sample.manifest["metadata"]["name"]: sample.manifest for sample in samples() if sample.manifest["kind"] == "Gateway"
    }
    if manifest["kind"] == "Gateway":
        gateways[manifest["metadata"]["name"]] = manifest
    # something is bound to each, so that a Gateway is looked at even where the samples leave its routes to the reader
    bound = [_bound(name, gateway, service) for name, gateway in gateways.items()]
    others = [manifest] if manifest["kind"] == "VirtualService" else []
    facts = Facts(objects=(*gateways.values(), *bound, *others))
    intent = parse_gateways(read_gateways(facts, service), facts, service)
    assert isinstance(intent, GatewayIntent), intent
    return render_gateways(intent, facts)


def _bound(name: str, gateway: Manifest, service: ServiceRef) -> Manifest:
    route = {"route": [{"destination": {"host": f"{service.name}.{service.namespace}.svc.cluster.local"}}]}
    spec = {"hosts": ["*"], "gateways": [f"{gateway['metadata']['namespace']}/{name}"], "http": [route]}
    metadata = {"name": f"bound-to-{name}", "namespace": NAMESPACE}
    return {"apiVersion": VIRTUAL_SERVICE.api_version, "kind": "VirtualService", "metadata": metadata, "spec": spec}


def by_weights(manifest: Manifest, service: ServiceRef) -> Plan | None:
    rules = tuple(sample.manifest for sample in samples() if sample.manifest["spec"].get("host") == service.name)[:1]
    live = TrafficLive(service, (manifest,), rules)
    try:
        shares = traffic.live_weights(live)
    except NotEditable:
        return None
    if not shares or not sum(shares.values()):
        return None
    return traffic.render(TrafficIntent(service, whole_percents(shares)), live)


Form = Callable[[Manifest, ServiceRef], Plan | None]
FORMS: dict[str, list[Form]] = {
    "VirtualService": [by_routes, by_gateways, by_weights],
    "DestinationRule": [by_destination],
    "Gateway": [by_gateways],
}


def changed_by(form: Form, manifest: Manifest) -> list[str]:
    """What a form would write back although nothing was edited."""
    before = copy.deepcopy(manifest)
    told = []
    for service in services_of(manifest) or [ServiceRef(NAMESPACE, "anything")]:
        plan = form(manifest, service)
        if plan is None:
            continue
        for item in plan.items:
            if item.before is not None and item.after != weighed(item.before, form):
                told.append(f"{form.__name__} of {service}: {item.before} became {item.after}")
    assert manifest == before, "the form changed what it was given"
    return told


def weighed(before: Manifest, form: Form) -> Manifest:
    """What is expected: what was there. The quick form writes 100 at a lone destination without a weight, which is what Istio
    takes it for."""
    expected = copy.deepcopy(before)
    routes = expected["spec"].get("http") or [] if form is by_weights else []
    first: dict[str, Any] = next((route for route in routes if not route.get("match")), {})
    if len(first.get("route") or []) == 1:
        first["route"][0].setdefault("weight", 100)
    return expected


def test_every_sample_is_the_same_after_every_form() -> None:
    told = [
        f"{sample}: {change}"
        for sample in samples()
        for form in FORMS[sample.manifest["kind"]]
        for change in changed_by(form, sample.manifest)
    ]
    assert told == []


@pytest.mark.parametrize("form", [by_routes, by_gateways, by_weights, by_destination], ids=lambda form: form.__name__)
def test_each_form_has_been_at_work(form: Form) -> None:
    """A form that turns every sample down would pass the test above."""
    looked_at = 0
    for sample in samples():
        if form in FORMS[sample.manifest["kind"]]:
            looked_at += any(form(sample.manifest, service) for service in services_of(sample.manifest))
    assert looked_at >= 5


# ---------------------------------------------------------------- with fields that nobody knows yet

UNKNOWN = st.sampled_from(["later", "x-new", "mode2"])
anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 99999) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any) -> list[dict[str, Any]]:
    """Every mapping in a value, itself among them."""
    if isinstance(value, dict):
        return [value, *(place for inner in value.values() for place in places(inner))]
    return [place for inner in value for place in places(inner)] if isinstance(value, list) else []


@given(st.data())
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_unknown_fields_anywhere_in_a_sample_survive_every_form(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(samples()))
    manifest = copy.deepcopy(sample.manifest)
    found = places(manifest["spec"])
    for _ in range(data.draw(st.integers(1, 3))):
        place = found[data.draw(st.integers(0, len(found) - 1))]
        place[data.draw(UNKNOWN)] = data.draw(anything)
    told = [change for form in FORMS[manifest["kind"]] for change in changed_by(form, manifest)]
    assert told == [], str(sample)
