"""Both API servers: the sandbox always, the real one where it is built (`make real`).

Tests that take `api_server` or `kube` run once on each. With pytest-xdist use `--dist loadgroup`, so that one worker has the
real mesh.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from tests import processes
from tests.contracts.kube import Kube, stored
from tools.realmesh import build

REAL = pytest.param("real", marks=[pytest.mark.real, pytest.mark.xdist_group("real")])


@pytest.fixture(scope="session")
def sandbox_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the sandbox API printed when it was ready."""
    with processes.sandbox_api(tmp_path_factory.mktemp("sandbox-api")) as info:
        yield info


@pytest.fixture(scope="session")
def older_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A sandbox API that serves Istio's kinds as releases before 1.22 did."""
    with processes.sandbox_api(tmp_path_factory.mktemp("older-api"), "--serve", "v1beta1") as info:
        yield info


@pytest.fixture(scope="session")
def real_mesh() -> Iterator[dict[str, Any]]:
    """What the real control plane printed when it was ready; its users have the sandbox's rights."""
    if not build.ready():
        pytest.skip(f"the real control plane is {build.NOT_BUILT}")
    with processes.real_mesh() as info:
        yield info


@pytest.fixture(scope="session", params=["sandbox", REAL])
def api_server(request: pytest.FixtureRequest) -> dict[str, Any]:
    """server, certificate_authority, tokens and kubeconfig by user, of each API server in turn."""
    info: dict[str, Any] = request.getfixturevalue({"sandbox": "sandbox_api", "real": "real_mesh"}[request.param])
    return info


@pytest.fixture
def kube(api_server: dict[str, Any]) -> Iterator[Kube]:
    """An API server and a namespace in it that is the test's own."""
    context = ssl.create_default_context(cafile=api_server["certificate_authority"])
    kube = Kube(api_server, f"t-{secrets.token_hex(4)}", context=context)
    made = kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": kube.namespace}})
    assert made.status == 201, made.message
    yield kube
    kube.ask("DELETE", f"/api/v1/namespaces/{kube.namespace}")


@pytest.fixture
def three(kube: Kube) -> Kube:
    """The server with the VirtualServices a (red), b (green) and c (red)."""
    for name, colour in (("a", "red"), ("b", "green"), ("c", "red")):
        stored(kube, 100, name=name, labels={"colour": colour, name: ""})
    return kube


@pytest.fixture
def forgotten(three: Kube) -> Kube:
    """The same, on a server that has forgotten everything before: version 1 is too old."""
    processes.forget_history(three.info, three.get(three.path("virtualservices")).version)
    return three
