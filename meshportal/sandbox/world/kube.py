"""A small client of the Kubernetes API: list, watch, create, patch and delete by REST path. Errors carry the HTTP status."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from urllib3.exceptions import HTTPError

from meshportal.mesh.refs import CLUSTER_SCOPED, Kind, Manifest

FIELD_MANAGER = "sandbox-world"
_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_WATCH_SECONDS = 240


class KubeError(Exception):
    """The API server refused or did not answer. `status` is the HTTP status, 0 where there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Access:
    """What a kubeconfig says of its current context. `authority` is PEM text or "" for the system's."""

    server: str
    token: str
    authority: str
    verify: bool
    certificate: tuple[str, str] | None = None


def read_kubeconfig(path: Path) -> Access:
    """The current context of a kubeconfig file in YAML or JSON. Raises KubeError if it lacks something."""
    try:
        document = yaml.safe_load(path.read_text())
        context = _named(document, "contexts", document["current-context"])["context"]
        cluster = _named(document, "clusters", context["cluster"])["cluster"]
        user = _named(document, "users", context["user"])["user"]
        certificate = (user["client-certificate"], user["client-key"]) if "client-certificate" in user else None
        return Access(
            server=cluster["server"].rstrip("/"),
            token=user.get("token") or (Path(user["tokenFile"]).read_text().strip() if "tokenFile" in user else ""),
            authority=_authority(cluster, path.parent),
            verify=not cluster.get("insecure-skip-tls-verify", False),
            certificate=certificate,
        )
    except (KeyError, TypeError, StopIteration, OSError, ValueError, yaml.YAMLError) as error:
        raise KubeError(f"cannot use the kubeconfig {path}: {error!r}") from None


def _named(document: Any, section: str, name: str) -> Any:
    return next(entry for entry in document[section] if entry["name"] == name)


def _authority(cluster: Any, folder: Path) -> str:
    if "certificate-authority-data" in cluster:
        return base64.b64decode(str(cluster["certificate-authority-data"])).decode()
    if "certificate-authority" in cluster:
        return (folder / str(cluster["certificate-authority"])).read_text()
    return ""


def path_of(kind: Kind, namespace: str = "", name: str = "", subresource: str = "") -> str:
    parts = ["/api" if not kind.group else f"/apis/{kind.group}", kind.version]
    if namespace and kind not in CLUSTER_SCOPED:
        parts += ["namespaces", namespace]
    return "/".join([*parts, kind.plural, *filter(None, (name, subresource))])


class Kube:
    """One API server as one user."""

    def __init__(self, access: Access) -> None:
        context = ssl.create_default_context(cadata=access.authority or None)
        if not access.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if access.certificate:
            context.load_cert_chain(*access.certificate)
        headers = {"Accept": "application/json", "User-Agent": FIELD_MANAGER}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        self._headers = headers
        self._server = access.server
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False, maxsize=16)

    def list(self, kind: Kind) -> tuple[list[Manifest], str]:
        """All objects of a kind and the resourceVersion to watch from. Raises KubeError."""
        items: list[Manifest] = []
        token = ""
        while True:
            page = self.request("GET", path_of(kind), {"limit": "500", "continue": token} if token else {"limit": "500"})
            items += page.get("items") or []
            token = page.get("metadata", {}).get("continue", "")
            if not token:
                return items, page["metadata"]["resourceVersion"]

    def watch(self, kind: Kind, resource_version: str) -> Iterator[tuple[str, Manifest]]:
        """(type, object) of every event until the server ends the stream. Raises KubeError."""
        query = {
            "watch": "1",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        url = f"{self._server}{path_of(kind)}?{urlencode(query)}"
        try:
            response = self._pool.request(
                "GET",
                url,
                headers=self._headers,
                preload_content=False,
                timeout=urllib3.Timeout(connect=5, read=_WATCH_SECONDS + 30),
            )
            try:
                if response.status != 200:
                    raise KubeError(f"watch of {kind.plural}: HTTP {response.status}", response.status)
                for line in _lines(response):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise KubeError(event["object"].get("message", "watch failed"), event["object"].get("code", 0))
                    yield event["type"], event["object"]
            finally:
                # a half-read stream cannot be used for another request
                response.close()
        except (HTTPError, ValueError, KeyError) as error:
            raise KubeError(f"watch of {kind.plural}: {error!r}") from None

    def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """POST. Raises KubeError, 409 where the name is taken."""
        path = path_of(kind, manifest["metadata"].get("namespace", ""))
        return self.request("POST", path, {"fieldManager": FIELD_MANAGER}, manifest)

    def merge_status(self, kind: Kind, namespace: str, name: str, status: Manifest) -> Manifest:
        """Merges into the status of one object through its subresource. Raises KubeError."""
        return self.request(
            "PATCH",
            path_of(kind, namespace, name, "status"),
            {"fieldManager": FIELD_MANAGER},
            {"status": status},
            "application/merge-patch+json",
        )

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """DELETE; an absent object is success. Raises KubeError."""
        try:
            self.request("DELETE", path_of(kind, namespace, name), {})
        except KubeError as error:
            if error.status != 404:
                raise

    def request(
        self, method: str, path: str, query: dict[str, str], body: Any = None, content_type: str = "application/json"
    ) -> Manifest:
        """One request and its JSON answer. Raises KubeError."""
        headers = self._headers | ({"Content-Type": content_type} if body is not None else {})
        data = json.dumps(body).encode() if body is not None else None
        try:
            url = f"{self._server}{path}?{urlencode(query)}" if query else f"{self._server}{path}"
            response = self._pool.request(method, url, body=data, headers=headers, timeout=_TIMEOUT)
            document = json.loads(response.data or b"{}")
        except (HTTPError, ValueError) as error:
            raise KubeError(f"{method} {path}: {error!r}") from None
        if response.status >= 400:
            message = document.get("message", "") if isinstance(document, dict) else ""
            raise KubeError(f"{method} {path}: HTTP {response.status} {message[:300]}", response.status)
        return dict(document)


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in response.stream(1 << 16):
        rest += chunk
        *whole, rest = rest.split(b"\n")
        yield from (line for line in whole if line.strip())
