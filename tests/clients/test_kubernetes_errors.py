"""Every answer that a real API server was measured to give, and what the portal makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.clients.kubernetes import KubernetesCluster
from meshportal.clients.ports import ClusterUnavailable, Conflict, Forbidden, Gone, Reason, Rejected
from tests.clients.conftest import configuration
from tests.clients.measured import REFUSALS, UNKNOWN, VERBS, cause, failing, status
from tests.recorder import Recorder, recorder

WHOLE = r"{\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"reviews\"},\"spec\":{\"secret\":\"hunter2\"}}"


# ---------------------------------------------------------------- not as it was read

OPERATION = 'Operation cannot be fulfilled on virtualservices.networking.istio.io "reviews": '


@pytest.mark.parametrize(
    ("verb", "code", "body", "sentence"),
    [
        (
            "replace",
            409,
            status(
                OPERATION + "the object has been modified; please apply your changes to the latest version and try again",
                "Conflict",
            ),
            "VirtualService shop/reviews has changed since it was read.",
        ),
        (
            "replace",
            409,
            status(
                OPERATION + "StorageError: invalid object, Code: 4, Key: /registry/x, ResourceVersion: 0, AdditionalErrorMsg: "
                "Precondition failed: UID in precondition: zz, UID in object meta: 1e63",
                "Conflict",
            ),
            "VirtualService shop/reviews was deleted and made again since it was read.",
        ),
        (
            "delete",
            409,
            status(
                "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (399). "
                "The object might have been modified",
                "Conflict",
            ),
            "VirtualService shop/reviews has changed since it was read.",
        ),
        (
            "create",
            409,
            status('virtualservices.networking.istio.io "reviews" already exists', "AlreadyExists"),
            "VirtualService shop/reviews exists already.",
        ),
        ("replace", 404, status("not found", "NotFound"), "VirtualService shop/reviews no longer exists."),
        ("patch", 404, status("not found", "NotFound"), "VirtualService shop/reviews no longer exists."),
        (
            "patch",
            422,
            status("the server rejected our request due to an error in our request", "Invalid"),
            "VirtualService shop/reviews is not as it was read: a value that was to be changed differs or is missing.",
        ),
    ],
)
def test_an_object_that_is_not_as_it_was_read_is_a_conflict(
    server: Recorder, cluster: KubernetesCluster, verb: str, code: int, body: dict[str, Any], sentence: str
) -> None:
    server.answers(code, body)
    error = failing(cluster, verb)
    assert isinstance(error, Conflict)
    assert str(error) == sentence


# ---------------------------------------------------------------- refused objects


@pytest.mark.parametrize(("verb", "code", "body", "reasons"), REFUSALS)
def test_a_refused_object_is_rejected_with_its_reasons(
    server: Recorder, cluster: KubernetesCluster, verb: str, code: int, body: Any, reasons: list[Reason]
) -> None:
    server.answers(code, body)
    error = failing(cluster, verb)
    assert isinstance(error, Rejected)
    assert list(error.reasons) == reasons
    assert not error.retry_helps


@pytest.mark.parametrize("with_causes", [True, False])
def test_a_message_that_holds_the_whole_object_loses_it(server: Recorder, cluster: KubernetesCluster, with_causes: bool) -> None:
    sentence = f'Invalid value: "{WHOLE}": strict decoding error: unknown field "spec.bogus"'
    server.answers(
        422, status(f' "" is invalid: patch: {sentence}', "Invalid", [cause("patch", sentence)] if with_causes else None)
    )
    error = failing(cluster, "replace")
    assert isinstance(error, Rejected)
    assert error.reasons == (Reason("spec.bogus", UNKNOWN),)
    assert "hunter2" not in str(error)


def test_an_endless_sentence_is_cut(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(422, status("…", "Invalid", [cause("spec", "Invalid value: {" + "x" * 5000)]))
    assert len(str(failing(cluster, "create"))) < 400


# ---------------------------------------------------------------- missing rights


def test_a_missing_right_is_named(server: Recorder, cluster: KubernetesCluster) -> None:
    server.answers(
        403,
        status(
            'virtualservices.networking.istio.io "reviews" is forbidden: User "nobody" cannot get resource "virtualservices" '
            'in API group "networking.istio.io" in the namespace "shop"',
            "Forbidden",
        ),
    )
    error = failing(cluster, "get")
    assert isinstance(error, Forbidden)
    assert (error.verb, error.resource) == ("get", "virtualservices.networking.istio.io")
    assert str(error) == "The portal has no right to get virtualservices.networking.istio.io in the namespace shop."


def test_a_right_on_the_core_group_in_the_whole_cluster_is_named(server: Recorder, cluster: KubernetesCluster) -> None:
    message = 'pods is forbidden: User "nobody" cannot list resource "pods" in API group "" at the cluster scope'
    server.answers(403, status(message, "Forbidden"))
    error = failing(cluster, "list")
    assert isinstance(error, Forbidden)
    assert (error.verb, error.resource) == ("list", "pods")
    assert str(error) == "The portal has no right to list pods in the whole cluster."


@pytest.mark.parametrize("verb", VERBS)
def test_a_token_the_server_does_not_know_is_forbidden(server: Recorder, cluster: KubernetesCluster, verb: str) -> None:
    server.answers(401, status("Unauthorized", "Unauthorized"))
    error = failing(cluster, verb)
    assert isinstance(error, Forbidden)
    assert (error.verb, error.resource) == ("", "")
    assert str(error) == "The API server does not accept the portal's credentials."


# ---------------------------------------------------------------- no answer


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_unavailable(server: Recorder, cluster: KubernetesCluster, verb: str, code: int) -> None:
    server.answers(code, status(f"etcdserver: request timed out {WHOLE}", "Timeout"))
    error = failing(cluster, verb)
    assert isinstance(error, ClusterUnavailable)
    assert error.retry_helps
    assert str(code) in str(error)
    assert "hunter2" not in str(error)


def test_a_webhook_that_does_not_answer_is_named(server: Recorder, cluster: KubernetesCluster) -> None:
    message = (
        'Internal error occurred: failed calling webhook "rev.validation.istio.io": failed to call webhook: '
        'Post "https://istiod:443/validate?timeout=10s": dial tcp 127.0.0.1:15017: connect: connection refused'
    )
    server.answers(500, status(message, "InternalError"))
    error = failing(cluster, "create")
    assert isinstance(error, ClusterUnavailable)
    assert "The admission webhook rev.validation.istio.io did not answer" in str(error)
    assert "127.0.0.1" not in str(error)


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_a_version_the_server_forgot_is_gone(server: Recorder, cluster: KubernetesCluster, verb: str) -> None:
    server.answers(410, status("too old resource version: 1 (333)", "Expired"))
    assert isinstance(failing(cluster, verb), Gone)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with recorder() as gone:
        url = gone.url
    error = failing(KubernetesCluster(configuration(url)), "get")
    assert isinstance(error, ClusterUnavailable)
    assert "nothing accepts the connection" in str(error)


def test_a_name_that_nobody_knows_is_unavailable() -> None:
    error = failing(KubernetesCluster(configuration("https://mesh.invalid")), "get")
    assert isinstance(error, ClusterUnavailable)
    assert "host name cannot be resolved" in str(error)


def test_a_server_without_trusted_tls_is_unavailable(server: Recorder) -> None:
    error = failing(KubernetesCluster(configuration(server.url.replace("http:", "https:"))), "create")
    assert isinstance(error, ClusterUnavailable)
    assert "TLS" in str(error)


def test_a_connection_closed_without_an_answer_is_unavailable(server: Recorder, cluster: KubernetesCluster) -> None:
    server.drops()
    error = failing(cluster, "replace")
    assert isinstance(error, ClusterUnavailable)
    assert "closed the connection" in str(error)
