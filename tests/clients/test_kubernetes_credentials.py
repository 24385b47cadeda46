"""The portal's credentials reach the API server and nobody else: no error shows them."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import ClientError, ClusterUnavailable
from tests.clients.conftest import TOKEN, configuration
from tests.clients.measured import REVIEWS, VERBS, cause, failing, status
from tests.recorder import Recorder


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 422, 500, 501, 503])
def test_a_token_that_a_proxy_echoes_is_not_passed_on(server: Recorder, cluster: KubernetesCluster, verb: str, code: int) -> None:
    echo = f"GET / Authorization: Bearer {TOKEN}"
    server.answers(code, status(echo, echo, [cause(echo, echo)]))
    try:
        VERBS[verb](cluster)
    except ClientError as error:
        shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        assert TOKEN not in shown


@pytest.mark.parametrize("token", ["sesame\nopen", "sesame-öffne-☃"])
def test_a_token_that_no_header_can_carry_is_not_shown(server: Recorder, token: str) -> None:
    error = failing(KubernetesCluster(configuration(server.url, token)), "get")
    assert isinstance(error, ClusterUnavailable)
    assert "sesame" not in "".join(traceback.format_exception(error)) + repr(error)


# ---------------------------------------------------------------- kubeconfig

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
clusters: [{name: a, cluster: {server: "SERVER"}}, {name: b, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: portal, user: {token: sesame-0123456789abcdef}}]
contexts:
  - {name: one, context: {cluster: a, user: portal}}
  - {name: two, context: {cluster: b, user: portal}}
  - {name: lost, context: {cluster: nowhere, user: portal}}
"""


def test_a_kubeconfig_gives_the_address_and_the_token(server: Recorder, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(KUBECONFIG.replace("SERVER", server.url))
    KubernetesCluster.from_kubeconfig(file).get(REVIEWS)
    assert server.last.headers["authorization"] == f"Bearer {TOKEN}"
    with pytest.raises(ClusterUnavailable, match="nothing accepts"):
        KubernetesCluster.from_kubeconfig(str(file), "two").get(REVIEWS)


def test_a_missing_kubeconfig_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailable, match="none, or a file it names, is missing"):
        KubernetesCluster.from_kubeconfig(tmp_path / "none")


@pytest.mark.parametrize(
    ("content", "context", "sentence"),
    [
        (KUBECONFIG, "three", 'has no context "three"'),
        (KUBECONFIG, "lost", "is broken"),
        ("users: [{token: sesame-0123456789abcdef", None, "is not valid YAML"),
        ("", None, "is broken"),
        ("just text", None, "is broken"),
        ("contexts: 5", None, "is broken"),
        (KUBECONFIG.replace('server: "SERVER"', "x: y"), None, "is broken"),
        (KUBECONFIG.replace("{name: portal, user: {", "{nam: portal, user: {"), None, "is broken"),
        (
            KUBECONFIG.replace("SERVER", "https://x").replace("token: sesame-0123456789abcdef", "tokenFile: /nowhere/t"),
            None,
            "broken",
        ),
    ],
)
def test_a_broken_kubeconfig_is_said_without_its_token(tmp_path: Path, content: str, context: str | None, sentence: str) -> None:
    file = tmp_path / "config"
    file.write_text(content)
    with pytest.raises(ClusterUnavailable, match=sentence) as caught:
        KubernetesCluster.from_kubeconfig(file, context)
    assert str(file) in str(caught.value)
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
