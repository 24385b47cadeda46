"""Where a rule claims a code of Istio's, `istioctl analyze` gives the same code to the same object, and the other way round.

The objects are Istio's own samples, read where Go keeps the module, and those that the tests of the rules break and mend.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from meshportal.mesh.facts import Facts
from meshportal.mesh.refs import SERVICE_ENTRY, Manifest
from tests.mesh.rules.mesh import facts, http, service, to
from tests.mesh.rules.refusals import REFUSED
from tests.mesh.rules.remarks import REMARKABLE, TWO_PORTS
from tests.real.analyzing import KINDS, OF_A_CLUSTER, Said, ours, pod_object, service_object, theirs
from tests.real.rights import NAMESPACE, Server, real_server
from tools.realmesh import build, go

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

BROKEN, MENDED = 2, 3
Case = tuple[str, str, int]
"""Our code, its place, and whether the object is the broken or the mended one."""
NOT_THERE = "a Gateway that is not there serves no host either; KIA1102 says it once"
ALONE = "a VirtualService that names a host twice is its own rival to istioctl; MP0221 says it"
DIFFERENT: dict[Case, dict[str, str]] = {
    ("MP0210", "spec.http[0].timeout", BROKEN): {"IST0106": "a duration without a unit is no object to istioctl: it reads none"},
    ("MP0221", "spec.hosts[1]", BROKEN): {"IST0109": ALONE},
    ("MP0229", "spec.http[0].match[0].headers.@request.auth.claims.group", MENDED): {"IST0132": NOT_THERE},
    ("KIA1108", "spec.gateways[0]", BROKEN): {"IST0132": NOT_THERE},
    ("KIA1108", "spec.gateways[0]", MENDED): {"IST0132": NOT_THERE},
    ("KIA1102", "spec.gateways[0]", BROKEN): {"IST0132": NOT_THERE},
    ("KIA1107", "spec.http[0].route[0].destination.subset", MENDED): {
        "IST0101": "istiod falls back to the DestinationRule of a wildcard host; istioctl only compares names"
    },
    ("IST0131", "spec.http[1].match[0]", MENDED): {"IST0131": "no method means any to istiod, but GET to istioctl"},
}
"""Where the two disagree: by case, the code and the reason."""
SAMPLES: dict[str, dict[str, str]] = {"tcp-echo/tcp-echo-20-v2.yaml": {"IST0132": NOT_THERE}}


def cases() -> Iterator[tuple[Case, Facts]]:
    for code, path, *objects in REFUSED:
        yield from (((code, path, which), facts(manifest)) for which, manifest in enumerate(objects, BROKEN))
    for code, path, *meshes in REMARKABLE:
        yield from (((code, path, which), mesh) for which, mesh in enumerate(meshes, BROKEN) if mesh.whole)


def disagreement(one: Said, other: Said) -> set[str]:
    return {code for code, _name in one ^ other}


@pytest.fixture(scope="module")
def differences() -> list[tuple[Case, set[str]]]:
    """Every case, and the codes in which the two disagree there."""
    with ThreadPoolExecutor(2) as pool:
        told = [(case, mesh, pool.submit(theirs, mesh.objects)) for case, mesh in cases()]
        return [(case, disagreement(said.result(), ours(mesh))) for case, mesh, said in told]


def test_objects_of_the_rules_tests(differences: list[tuple[Case, set[str]]]) -> None:
    assert [(case, differ) for case, differ in differences if not differ <= set(DIFFERENT.get(case, {}))] == []


def test_no_difference_is_listed_in_vain(differences: list[tuple[Case, set[str]]]) -> None:
    found = {(case, code) for case, differ in differences for code in differ}

    assert found == {(case, code) for case, codes in DIFFERENT.items() for code in codes}


def samples() -> Path:
    """Istio's samples. They come with the module that istioctl is built from."""
    folder = go.find(build.cache(), build.to_stderr).module(build.ISTIO) / "samples"
    if not folder.is_dir():
        pytest.skip("the module of Istio has no samples")
    return folder


def objects_in(file: Path) -> list[Manifest]:
    try:
        documents = [found for found in yaml.safe_load_all(file.read_text()) if isinstance(found, dict)]
    except yaml.YAMLError:
        return []  # a template
    kinds = {*KINDS, SERVICE_ENTRY.kind}
    found = [
        each for each in documents if each.get("kind") in kinds and str(each.get("apiVersion")).startswith("networking.istio.io/")
    ]
    for manifest in found:
        manifest["metadata"].setdefault("namespace", "default")
    return found


def test_samples_of_istio() -> None:
    folder, seen, wrong = samples(), 0, []
    for file in sorted(folder.rglob("*.yaml")):
        objects = objects_in(file)
        if not any(manifest["kind"] in KINDS for manifest in objects):
            continue
        seen += 1
        name = str(file.relative_to(folder))
        differ = disagreement(theirs(objects), ours(Facts(objects=tuple(objects))))
        if differ != set(SAMPLES.get(name, {})):
            wrong.append((name, differ))

    assert wrong == []
    assert seen > 20


# ---------------------------------------------------------------- what needs Services and Pods

WORLD = facts(more_services=(service("many", ports=TWO_PORTS),))
MENDED_REMARKS = {(code, path, MENDED) for code, path, *_meshes in REMARKABLE}
WILD = "a wildcard stands for every service beneath it to istiod; istioctl only knows the wildcards of ServiceEntries"
CLUSTER_DIFFERENT: dict[Case, dict[str, str]] = {
    ("KIA1107", "spec.http[0].route[0].destination.subset", MENDED): {"IST0101": WILD, "IST0174": WILD},
    ("KIA0202", "spec.host", MENDED): {"IST0174": WILD},
    ("KIA0201", "spec.subsets[0].name", MENDED): {"IST0173": "istioctl takes pods of any service for those of a subset"},
    ("IST0138", "spec.servers[0].tls", MENDED): {"IST0101": "the Secret of a certificate, which the portal never reads"},
}


def cluster_cases() -> Iterator[tuple[Case, Facts]]:
    """The cases for which the services and pods of WORLD are enough: those that only a cluster judges, and mended remarks."""
    for case, mesh in cases():
        known = all(one in WORLD.services for one in mesh.services) and all(one in WORLD.pods for one in mesh.pods)
        if known and (case[0] in OF_A_CLUSTER or case in MENDED_REMARKS):
            yield case, replace(mesh, services=WORLD.services, pods=WORLD.pods)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    with real_server() as server:
        yield server


def test_objects_beside_services_and_pods_of_a_real_api_server(cluster: Server) -> None:
    assert NAMESPACE == "bookinfo"
    cluster.put(*map(service_object, WORLD.services), *map(pod_object, WORLD.pods))
    kubeconfig = cluster.info["kubeconfig"]["admin"]
    known = {**DIFFERENT, **CLUSTER_DIFFERENT}
    wrong = []
    for case, mesh in cluster_cases():
        differ = disagreement(theirs(mesh.objects, kubeconfig), ours(mesh, cluster=True))
        if not differ <= set(known.get(case, {})):
            wrong.append((case, differ))

    assert wrong == []


def test_the_sound_mesh_of_the_tests_is_sound_to_istioctl() -> None:
    mesh = facts(http(route=[to("v1", 50), to("v2", 50)]))

    assert theirs(mesh.objects) == ours(mesh) == set()
