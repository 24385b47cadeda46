"""A Kubernetes API by raw HTTPS: no client library stands between a contract test and the answer it checks."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

Json = dict[str, Any]

JSON, JSON_PATCH, MERGE_PATCH = "application/json", "application/json-patch+json", "application/merge-patch+json"
NETWORKING, SECURITY, TELEMETRY = "networking.istio.io/v1", "security.istio.io/v1", "telemetry.istio.io/v1"
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
KINDS = {
    "VirtualService": (NETWORKING, "virtualservices"),
    "DestinationRule": (NETWORKING, "destinationrules"),
    "Gateway": (NETWORKING, "gateways"),
    "ServiceEntry": (NETWORKING, "serviceentries"),
    "Sidecar": (NETWORKING, "sidecars"),
    "PeerAuthentication": (SECURITY, "peerauthentications"),
    "AuthorizationPolicy": (SECURITY, "authorizationpolicies"),
    "Telemetry": (TELEMETRY, "telemetries"),
}


@dataclass(frozen=True)
class Answer:
    """Status code, decoded body and the texts of Warning headers as they were sent."""

    status: int
    body: Json
    warnings: list[str]

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", ""))

    @property
    def causes(self) -> list[Json]:
        return list((self.body.get("details") or {}).get("causes", []))

    @property
    def version(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])


@dataclass(frozen=True)
class Kube:
    """One API server, asked as `user` and mostly about one namespace of the test's own."""

    info: Json
    namespace: str
    user: str = "admin"
    context: ssl.SSLContext = field(repr=False, default_factory=ssl.create_default_context)

    def as_user(self, user: str) -> Kube:
        return Kube(self.info, self.namespace, user, self.context)

    def path(self, plural: str, name: str = "", group_version: str = NETWORKING) -> str:
        """The path of a collection, or of one object, in the test's namespace."""
        root = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
        return f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    @contextmanager
    def open(
        self, method: str, path: str, body: Any = None, *, content_type: str = JSON, token: str | None = None, **query: object
    ) -> Iterator[http.client.HTTPResponse]:
        """The response before its body is read. `body` may be text; `token` "" sends none, a query value None neither."""
        query = {name: value for name, value in query.items() if value is not None}
        address = urlsplit(self.info["server"])
        assert address.hostname is not None
        connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=30, context=self.context)
        token = self.info["tokens"][self.user] if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = body if isinstance(body, str) or body is None else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = content_type
        try:
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, data, headers)
            yield connection.getresponse()
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        with self.open(method, path, body, **more) as response:
            text = response.read().decode()
            warnings = response.headers.get_all("Warning") or []
        try:
            decoded = json.loads(text)
        except ValueError:
            decoded = {"text": text}
        return Answer(response.status, decoded, warnings)

    def get(self, path: str, **query: object) -> Answer:
        return self.ask("GET", path, **query)

    def create(self, item: Json, *, strict: bool = True, **query: object) -> Answer:
        """POST as the portal does it."""
        group_version, plural = KINDS[item["kind"]]
        query = {"fieldManager": "meshportal"} | ({"fieldValidation": "Strict"} if strict else {}) | query
        return self.ask("POST", self.path(plural, group_version=group_version), item, **query)

    def put(self, item: Json, **query: object) -> Answer:
        """PUT as the portal does it."""
        group_version, plural = KINDS[item["kind"]]
        path = self.path(plural, item["metadata"]["name"], group_version)
        return self.ask("PUT", path, item, **({"fieldManager": "meshportal", "fieldValidation": "Strict"} | query))

    def watch(self, path: str, version: str, **query: Any) -> list[Json]:
        """The events after `version`, as a watch of one second gives them."""
        parameters: dict[str, Any] = {"watch": "true", "resourceVersion": version, "timeoutSeconds": 1} | query
        with self.open("GET", path, **parameters) as response:
            assert response.status == http.client.OK
            return [json.loads(line) for line in response]


def owners(item: Json) -> dict[str, Json]:
    """manager → fieldsV1."""
    return {entry["manager"]: entry["fieldsV1"] for entry in item["metadata"].get("managedFields", [])}


def make(kind: str, name: str, spec: Json, **metadata: Any) -> Json:
    group_version, _ = KINDS[kind]
    return {"apiVersion": group_version, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}


def split(*weights: int, name: str = "reviews", **metadata: Any) -> Json:
    """A VirtualService that sends `weights` to the subsets v1, v2, …"""
    routes = [
        {"destination": {"host": "reviews", "subset": f"v{number}"}, "weight": weight}
        for number, weight in enumerate(weights, start=1)
    ]
    return make("VirtualService", name, {"hosts": ["reviews"], "http": [{"route": routes}]}, **metadata)


def stored(kube: Kube, *weights: int, **metadata: Any) -> Json:
    """A VirtualService as the server stored it."""
    made = kube.create(split(*(weights or (90, 10)), **metadata))
    assert made.status == http.client.CREATED, made.message
    return made.body


def is_conflict(answer: Answer) -> bool:
    return (answer.status, answer.reason) == (http.client.CONFLICT, "Conflict")
