"""The sandbox API as an operator meets it: a folder, one line of JSON, a port, an end."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tests.contracts.kube import MERGE_PATCH, Answer, Kube, split, stored
from tests.processes import ROOT, Info, sandbox_api


def kube_of(info: Info, namespace: str = "shop") -> Kube:
    return Kube(info, namespace, context=ssl.create_default_context(cafile=info["certificate_authority"]))


def with_namespace(info: Info, namespace: str = "shop") -> Kube:
    kube = kube_of(info, namespace)
    assert kube.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}).status == 201
    return kube


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """A server with the namespace shop, for tests that leave nothing behind."""
    with sandbox_api(tmp_path_factory.mktemp("api")) as info:
        yield with_namespace(info)


def test_everything_survives_a_restart_on_the_same_port(tmp_path: Path) -> None:
    with sandbox_api(tmp_path) as first:
        kube = with_namespace(first)
        item = stored(kube)
        port = urlsplit(first["server"]).port
    with sandbox_api(tmp_path, "--port", str(port)) as second:
        assert second["server"] == first["server"]
        assert second["tokens"] == first["tokens"]
        assert kube_of(second).get(kube.path("virtualservices", "reviews")).body == item
        events = kube_of(second).watch(kube.path("virtualservices"), str(int(item["metadata"]["resourceVersion"]) - 1))
        assert [event["object"] for event in events] == [item]
        assert int(stored(kube_of(second), name="next")["metadata"]["resourceVersion"]) > int(item["metadata"]["resourceVersion"])


def test_what_is_secret_is_for_its_owner_only(tmp_path: Path) -> None:
    with sandbox_api(tmp_path) as info:
        private = [*map(Path, info["kubeconfig"].values()), tmp_path / "tokens.json", tmp_path / "server.key"]
        assert [stat.S_IMODE(path.stat().st_mode) for path in private] == [0o600] * len(private)
        assert len(set(info["tokens"].values())) == 4


def test_a_kubeconfig_leads_to_the_server(tmp_path: Path) -> None:
    with sandbox_api(tmp_path) as info:
        config = yaml.safe_load(Path(info["kubeconfig"]["portal"]).read_text())
        assert config["clusters"][0]["cluster"] == {
            "server": info["server"],
            "certificate-authority": info["certificate_authority"],
        }
        assert config["users"] == [{"name": "portal", "user": {"token": info["tokens"]["portal"]}}]


def test_the_certificate_is_good_for_both_names_of_this_machine(tmp_path: Path) -> None:
    with sandbox_api(tmp_path) as info:
        context = ssl.create_default_context(cafile=info["certificate_authority"])
        for name in ("127.0.0.1", "localhost"):
            address = ("127.0.0.1", urlsplit(info["server"]).port)
            with socket.create_connection(address) as plain, context.wrap_socket(plain, server_hostname=name) as secure:
                assert secure.version() == "TLSv1.3"


def test_the_roles_are_a_file_that_can_be_edited(tmp_path: Path) -> None:
    (tmp_path / "roles.json").write_text('{"observer": [{"verbs": ["get"], "groups": [""], "namespaces": ["shop"]}]}')
    with sandbox_api(tmp_path) as info:
        observer = kube_of(info).as_user("observer")
        assert observer.get("/api/v1/namespaces/shop/configmaps/x").status == 404
        assert observer.get("/api/v1/namespaces/other/configmaps/x").status == 403
        assert observer.get("/api/v1/namespaces/shop/configmaps").status == 403
        assert kube_of(info).get("/api/v1/namespaces").status == 403


def test_every_accepted_write_is_in_the_log_with_its_token(tmp_path: Path) -> None:
    with sandbox_api(tmp_path) as info:
        kube = with_namespace(info)
        portal = kube.as_user("portal")
        item = portal.create(split(100, annotations={"meshportal.io/token": "t1"})).body
        assert portal.create(split(100)).status == 409
        assert portal.create(split(100, name="dry"), dryRun="All").status == 201
        portal.put(item)
        item["spec"]["hosts"] = ["ratings"]
        item["metadata"]["annotations"]["meshportal.io/token"] = "t2"
        portal.put(item)
        kube.ask("DELETE", kube.path("virtualservices", "reviews"))
        writes = kube.get("/sandbox/writes").body["items"]
        rows = [(w["user"], w["manager"], w["verb"], w["resource"], w["namespace"], w["name"], w["token"]) for w in writes]
        resource = "virtualservices.networking.istio.io"
        assert rows == [
            ("admin", "unknown", "create", "namespaces", "", "shop", ""),
            ("portal", "meshportal", "create", resource, "shop", "reviews", "t1"),
            ("portal", "meshportal", "update", resource, "shop", "reviews", "t2"),
            ("admin", "unknown", "delete", resource, "shop", "reviews", "t2"),
        ]
        assert portal.get("/sandbox/writes").status == 403


def test_history_is_as_long_as_asked(tmp_path: Path) -> None:
    with sandbox_api(tmp_path, "--keep-events", "5") as info:
        kube = with_namespace(info)
        path = kube.path("virtualservices")
        start = kube.get(path).version
        page = kube.get("/api/v1/namespaces", limit=1)
        stored(kube)
        for number in range(6):
            labels = {"metadata": {"labels": {"n": str(number)}}}
            kube.ask("PATCH", f"{path}/reviews", labels, content_type=MERGE_PATCH)
        (event,) = kube.watch(path, start)
        assert (event["type"], event["object"]["reason"]) == ("ERROR", "Expired")
        rest = kube.get("/api/v1/namespaces", limit=1, **{"continue": page.body["metadata"]["continue"]})
        assert (rest.status, rest.reason) == (410, "Expired")


def test_a_watch_ends_with_the_server(tmp_path: Path) -> None:
    with sandbox_api(tmp_path) as info:
        kube = kube_of(info)
        query = {"watch": "1", "resourceVersion": kube.get("/api/v1/pods").version}
        with kube.open("GET", "/api/v1/pods", None, **query) as response:
            os.kill(info["pid"], signal.SIGTERM)
            assert response.read() == b""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        f"command = [sys.executable, '-m', 'meshportal.sandbox', 'api', '--data', {str(tmp_path)!r}, '--with-parent']\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline().decode(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    assert parent.stdin is not None
    try:
        address = urlsplit(yaml.safe_load(parent.stdout.readline())["server"])
    finally:
        parent.kill()
        parent.wait()
        parent.stdin.close()
        parent.stdout.close()
    deadline = time.monotonic() + 20
    while _listens(address.port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _listens(address.port)


def _listens(port: int | None) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port or 0), timeout=1).close()
    except OSError:
        return False
    return True


# ---------------------------------------------------------------- what it does not do


def said_no(answer: Answer) -> bool:
    return answer.status == 501 and answer.message.startswith("the sandbox API does not do this: ")


def test_what_is_not_served_says_so(tmp_path: Path) -> None:
    with sandbox_api(tmp_path) as info:
        kube = with_namespace(info)
        stored(kube)
        path = kube.path("virtualservices", "reviews")
        query = {"fieldManager": "meshportal"}
        assert said_no(kube.ask("PATCH", path, split(100), content_type="application/apply-patch+yaml", **query))
        assert said_no(kube.get("/openapi/v3"))
        assert said_no(kube.get("/apis/batch/v1/jobs"))
        assert said_no(kube.get(kube.path("secrets", group_version="v1")))
        assert said_no(kube.get(f"{kube.path('deployments', 'd', 'apps/v1')}/scale"))
        definition = {"metadata": {"name": "x.example.org"}, "spec": {}}
        assert said_no(kube.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition))


@pytest.mark.parametrize(
    "item",
    [
        {"metadata": "x"},
        {"metadata": {"name": 1}},
        {"metadata": {"name": "x", "labels": {"a": 1}}},
        {"metadata": {"name": "x", "labels": []}},
        {"metadata": {"name": "x", "ownerReferences": [1]}},
        {"metadata": {"name": "x"}, "data": []},
        [],
        "no JSON at all",
    ],
)
def test_what_cannot_be_decoded_is_a_bad_request(shop: Kube, item: object) -> None:
    answer = shop.ask("POST", shop.path("configmaps", group_version="v1"), item)
    assert (answer.status, answer.reason) == (400, "BadRequest")


def test_a_fresh_cluster_has_istios_definitions(tmp_path: Path) -> None:
    with sandbox_api(tmp_path) as info:
        kube = kube_of(info)
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/virtualservices.networking.istio.io"
        spec = kube.get(path).body["spec"]
        assert [(version["name"], version["storage"]) for version in spec["versions"]] == [
            ("v1", True),
            ("v1beta1", False),
            ("v1alpha3", False),
        ]
        assert kube.get("/api/v1/namespaces/istio-system").status == 200


def test_a_collection_can_be_deleted_by_selector(tmp_path: Path) -> None:
    with sandbox_api(tmp_path) as info:
        kube = with_namespace(info)
        for name, colour in (("a", "red"), ("b", "green")):
            stored(kube, name=name, labels={"colour": colour})
        path = kube.path("virtualservices")
        assert kube.ask("DELETE", path, labelSelector="colour=red").status == 200
        assert [item["metadata"]["name"] for item in kube.get(path).body["items"]] == ["b"]
