"""Pods as the world makes them where nobody else does, and what it reads from a kubeconfig."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path

import pytest

from meshportal.mesh.refs import DEPLOYMENT, Manifest
from meshportal.sandbox.world.demo import GATEWAY, deployments, objects
from meshportal.sandbox.world.kube import KubeError, read_kubeconfig
from meshportal.sandbox.world.kubelet import deployment_status, new_pod, pod_status, template_hash
from meshportal.sandbox.world.pods import has_sidecar, ready


def deployment(name: str, **annotations: str) -> Manifest:
    found = next(manifest for kind, manifest in objects() if kind is DEPLOYMENT and manifest["metadata"]["name"] == name)
    copy: Manifest = json.loads(json.dumps(found))
    copy["metadata"] |= {"uid": f"uid-of-{name}", "generation": 4}
    if annotations:
        copy["spec"]["template"]["metadata"]["annotations"] = annotations
    return copy


def containers(pod: Manifest) -> list[str]:
    return [container["name"] for container in pod["spec"]["containers"]]


def test_pods_of_an_injected_namespace_get_a_sidecar_and_say_so() -> None:
    pod = new_pod(deployment("reviews-v2"), injected=True)
    assert containers(pod) == ["reviews", "istio-proxy"]
    assert "sidecar.istio.io/status" in pod["metadata"]["annotations"]
    assert (
        pod["metadata"]["labels"] | {"app": "reviews", "version": "v2", "security.istio.io/tlsMode": "istio"}
        == pod["metadata"]["labels"]
    )


def test_a_pod_can_stay_out_of_the_mesh() -> None:
    assert containers(new_pod(deployment("report-v1"), injected=False)) == ["report"]
    opted_out = deployment("reviews-v2", **{"sidecar.istio.io/inject": "false"})
    assert not has_sidecar(new_pod(opted_out, injected=True))


def test_a_gateway_is_a_proxy_already_and_gets_no_second_one() -> None:
    assert containers(new_pod(deployment(GATEWAY), injected=True)) == ["istio-proxy"]


def test_a_new_template_makes_other_pods_and_the_deployment_is_left_as_it_was() -> None:
    before, after = deployment("reviews-v1"), deployment("reviews-v1", **{"kubectl.kubernetes.io/restartedAt": "now"})
    assert template_hash(before) != template_hash(after)
    new_pod(before, injected=True)
    assert before == deployment("reviews-v1")


def test_a_deployment_is_available_once_its_pods_are_ready() -> None:
    owner = deployment("reviews-v2")
    pods = [new_pod(owner, injected=True) for _ in range(2)]
    assert deployment_status(owner, pods)["readyReplicas"] == 0
    for number, pod in enumerate(pods):
        pod["status"] = pod_status(pod, f"10.42.0.{number + 2}")
    assert all(ready(pod) for pod in pods)
    status = deployment_status(owner, pods)
    assert (status["readyReplicas"], status["updatedReplicas"], status["observedGeneration"]) == (2, 2, 4)
    assert status["conditions"][0] | {"type": "Available", "status": "True"} == status["conditions"][0]


def test_the_demo_stays_small_and_names_every_deployment() -> None:
    kinds = [kind.kind for kind, _ in objects()]
    assert kinds.count("Service") <= 20
    assert len(deployments()) == kinds.count("Deployment")


# ---------------------------------------------------------------- kubeconfig


def kubeconfig(folder: Path, cluster: dict[str, object], user: dict[str, object]) -> Path:
    path = folder / "config"
    path.write_text(
        json.dumps(
            {
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return path


def test_a_kubeconfig_may_name_files_or_hold_their_content(tmp_path: Path) -> None:
    authority = ssl.DER_cert_to_PEM_cert(b"not looked into")
    (tmp_path / "ca.crt").write_text(authority)
    (tmp_path / "token").write_text("abc\n")
    by_name = kubeconfig(
        tmp_path, {"server": "https://x/", "certificate-authority": "ca.crt"}, {"tokenFile": str(tmp_path / "token")}
    )
    access = read_kubeconfig(by_name)
    assert (access.server, access.token, access.authority) == ("https://x", "abc", authority)
    inline = kubeconfig(
        tmp_path,
        {"server": "https://x", "certificate-authority-data": base64.b64encode(authority.encode()).decode()},
        {"token": "abc"},
    )
    assert read_kubeconfig(inline) == access


def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    for text in ("", "[1", "current-context: x\ncontexts: []\n"):
        (tmp_path / "broken").write_text(text)
        with pytest.raises(KubeError, match="broken"):
            read_kubeconfig(tmp_path / "broken")
    with pytest.raises(KubeError, match="absent"):
        read_kubeconfig(tmp_path / "absent")
