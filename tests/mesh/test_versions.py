from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshportal.mesh import refs
from meshportal.mesh.versions import SINCE, oldest, too_young, young_fields

BACKOFF = "VirtualService.http.retries.backoff"
CRDS = json.loads((Path(refs.__file__).parent.parent / "sandbox" / "api" / "schema_facts.json").read_text())


@pytest.mark.parametrize("version", ["1.25.4", "1.25.0-rc.1", "1.9.9", "v1.20.0", "1.25.0, 1.31.0", "1.31.0, 1.25.0"])
def test_a_mesh_older_than_a_field_is_named_the_release_it_needs(version: str) -> None:
    assert too_young(BACKOFF, version) == "1.26"


@pytest.mark.parametrize("version", ["1.26.0", "1.31.0", "1.32-alpha.5a9f", "1.100.0", "2.0.0"])
def test_a_mesh_as_old_as_the_field_has_it(version: str) -> None:
    assert too_young(BACKOFF, version) is None


@pytest.mark.parametrize("version", ["", "latest", "unknown"])
def test_of_an_unknown_version_nothing_is_said(version: str) -> None:
    assert too_young(BACKOFF, version) is None
    assert young_fields({"kind": "VirtualService", "spec": {"http": [{"retries": {"backoff": "1s"}}]}}, version) == []


def test_an_old_field_is_not_too_young_for_anything() -> None:
    assert too_young("VirtualService.http.timeout", "1.20.0") is None


def test_young_fields_are_found_wherever_they_stand_in_an_object() -> None:
    policy = {"loadBalancer": {"simple": "ROUND_ROBIN", "warmup": {"duration": "30s"}}}
    rule = {
        "kind": "DestinationRule",
        "spec": {
            "host": "reviews",
            "trafficPolicy": policy,
            "subsets": [{"name": "v1"}, {"name": "v2", "trafficPolicy": policy}],
        },
    }
    assert young_fields(rule, "1.23.6") == [
        ("spec.trafficPolicy.loadBalancer.warmup", "1.24"),
        ("spec.subsets[1].trafficPolicy.loadBalancer.warmup", "1.24"),
    ]
    assert young_fields(rule, "1.24.0") == []


def test_a_custom_tag_may_be_called_anything() -> None:
    tags = {"tracing": [{"customTags": {"formatter": {"literal": {"value": "x"}}, "path": {"formatter": {"value": "%REQ%"}}}}]}
    assert young_fields({"kind": "Telemetry", "spec": tags}, "1.28.0") == [("spec.tracing[0].customTags.path.formatter", "1.29")]


def test_the_oldest_of_several_versions_counts() -> None:
    assert oldest("1.31.0, 1.9.2") == "1.9.2"
    assert oldest("") == oldest("latest") == ""


def described(kind: str) -> set[str]:
    """The paths of all fields that the CRD of Istio 1.31 has for `kind`, without "spec." and list numbers."""
    known = next(kind_facts for kind_facts in CRDS.values() if kind_facts["names"]["kind"] == kind)

    def below(schema: dict[str, Any], path: str) -> set[str]:
        found = set()
        for name, inner in [*(schema.get("properties") or {}).items()]:
            found |= {f"{path}.{name}", *below(inner, f"{path}.{name}")}
        if isinstance(schema.get("items"), dict):
            found |= below(schema["items"], path)
        if isinstance(schema.get("additionalProperties"), dict):
            found |= {f"{path}.*", *below(schema["additionalProperties"], f"{path}.*")}
        return found

    return below(known["schemas"][0]["properties"]["spec"], "")


@pytest.mark.parametrize("kind", SINCE)
def test_every_field_of_the_table_is_one_that_istio_has(kind: str) -> None:
    paths = described(kind)
    invented = [name for name, since in SINCE[kind].items() if since < "1.32" and not any(p.endswith(f".{name}") for p in paths)]
    assert invented == []
