"""Who may do what, and how a refusal reads."""

from __future__ import annotations

import pytest

from tests.contracts.kube import Kube, split, stored

pytestmark = pytest.mark.contract


def test_a_bad_token(kube: Kube) -> None:
    answer = kube.get(kube.path("virtualservices"), token="no-such-token")
    assert (answer.status, answer.reason, answer.message) == (401, "Unauthorized", "Unauthorized")


def test_no_right_to_an_object(kube: Kube) -> None:
    answer = kube.as_user("nobody").get(kube.path("virtualservices", "reviews"))
    assert (answer.status, answer.reason) == (403, "Forbidden")
    assert answer.message == (
        'virtualservices.networking.istio.io "reviews" is forbidden: User "nobody" cannot get resource "virtualservices" '
        f'in API group "networking.istio.io" in the namespace "{kube.namespace}"'
    )


@pytest.mark.parametrize(
    ("method", "path", "verb", "where"),
    [
        ("GET", "/apis/networking.istio.io/v1/virtualservices", "list", "at the cluster scope"),
        ("GET", "/apis/networking.istio.io/v1/namespaces/shop/virtualservices", "list", 'in the namespace "shop"'),
        ("GET", "/apis/networking.istio.io/v1/namespaces/shop/virtualservices?watch=1", "watch", 'in the namespace "shop"'),
        ("POST", "/apis/networking.istio.io/v1/namespaces/shop/virtualservices", "create", 'in the namespace "shop"'),
        ("DELETE", "/apis/networking.istio.io/v1/namespaces/shop/virtualservices", "deletecollection", 'in the namespace "shop"'),
    ],
)
def test_no_right_to_a_collection(kube: Kube, method: str, path: str, verb: str, where: str) -> None:
    answer = kube.as_user("nobody").ask(method, path, {} if method == "POST" else None)
    assert answer.status == 403
    assert answer.message == (
        f'virtualservices.networking.istio.io is forbidden: User "nobody" cannot {verb} resource "virtualservices" '
        f'in API group "networking.istio.io" {where}'
    )


def test_no_token_is_a_stranger(kube: Kube) -> None:
    answer = kube.get("/api/v1/namespaces", token="")
    assert answer.status == 403
    assert 'User "system:anonymous" cannot list resource "namespaces" in API group "" at the cluster scope' in answer.message
    assert kube.get("/version", token="").status == 200


def test_a_path_that_is_no_resource(kube: Kube) -> None:
    assert kube.as_user("nobody").get("/nope").message == 'forbidden: User "nobody" cannot get path "/nope"'
    assert kube.get("/nope").status == 404


def test_the_portal_writes_istio_kinds_and_nothing_else(kube: Kube) -> None:
    portal = kube.as_user("portal")
    assert portal.create(split(100)).status == 201
    assert portal.get("/api/v1/pods").status == 200
    assert portal.ask("POST", kube.path("configmaps", group_version="v1"), {"metadata": {"name": "x"}}).status == 403
    assert portal.get(kube.path("secrets", "x", "v1")).status == 403


def test_the_observer_only_reads(kube: Kube) -> None:
    stored(kube)
    observer = kube.as_user("observer")
    assert observer.get(kube.path("virtualservices")).status == 200
    assert observer.create(split(100, name="other")).status == 403
    assert observer.ask("DELETE", kube.path("virtualservices", "reviews")).status == 403
    assert observer.get(kube.path("secrets", "x", "v1")).status == 403
