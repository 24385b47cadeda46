"""One connection to an API server: the official client authenticates and connects, we read plain JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from meshportal.clients.kubernetes_errors import Attempt, not_an_api_server, translate, translate_transport
from meshportal.clients.ports import ClusterUnavailable

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
USER_AGENT = "meshportal"

TRANSPORT_ERRORS = (ApiException, ConfigException, HTTPError, OSError, ValueError)
"""What the client raises when there is no answer. ValueError: a token or address that HTTP cannot carry."""

_WARNING = re.compile(r'\b299 \S+ "((?:[^"\\]|\\.)*)"')

Query = Sequence[tuple[str, str]]


def configuration_of(path: str | Path, context: str | None = None) -> client.Configuration:
    """What `context` (default: the current one) of a kubeconfig file says.

    Raises ClusterUnavailable if the file is missing, not YAML, or lacks what the context needs. The library's texts are
    not passed on: they quote the user's entry with its token.
    """
    file = Path(path).expanduser()
    configuration = client.Configuration()
    configuration.host = ""
    try:
        content = yaml.safe_load(file.read_text())
        names = [entry["name"] for entry in content.get("contexts") or []]
        if context is not None and context not in names:
            raise ClusterUnavailable(f'The kubeconfig {file} has no context "{context}".')
        # persist_config would write a refreshed token back into the operator's file
        config.load_kube_config(str(file), context, configuration, persist_config=False)  # type: ignore[no-untyped-call]
    except OSError:
        raise ClusterUnavailable(f"The kubeconfig {file}, or a file it names, is missing or cannot be read.") from None
    except yaml.YAMLError:
        raise ClusterUnavailable(f"The kubeconfig {file} is not valid YAML.") from None
    except (ConfigException, AttributeError, KeyError, TypeError, ValueError):
        configuration.host = ""
    if not configuration.host:
        raise ClusterUnavailable(f"The kubeconfig {file} is broken: its context, cluster or user is incomplete.")
    return configuration


class Wire:
    """Requests and answers. Every failure is a ClientError whose text holds no credential. Safe to share between threads."""

    def __init__(self, configuration: client.Configuration, connect_seconds: float, read_seconds: float) -> None:
        # by default urllib3 sends a request up to four times; a write whose answer was lost must not be sent again
        configuration.retries = False
        configuration.keep_alive = True  # else a watch that a proxy dropped while idle goes unnoticed
        self._api = client.ApiClient(configuration)
        self._api.user_agent = USER_AGENT
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds

    def close(self) -> None:
        self._api.close()  # type: ignore[no-untyped-call]

    def json(
        self,
        attempt: Attempt,
        method: str,
        path: str,
        query: Query = (),
        body: object = None,
        content_type: str = "application/json",
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The object that a request is answered with, and the warnings beside it."""
        status, answer, warnings = self.exchange(method, path, query, body, content_type)
        return decoded(attempt, status, answer), warnings

    def exchange(
        self, method: str, path: str, query: Query = (), body: object = None, content_type: str = "application/json"
    ) -> tuple[int, bytes, tuple[str, ...]]:
        """Status, body and warnings of one request. Raises ClusterUnavailable if there is no answer."""
        response = self._open(method, path, query, body, content_type, self._read_seconds)
        answer = self._rest_of(response)
        return response.status, answer, _warnings(response.headers)

    def stream(self, attempt: Attempt, path: str, query: Query, read_seconds: float) -> Iterator[dict[str, Any]]:
        """The objects of an answer that has one per line, as they arrive, until either side or the network ends it."""
        response = self._open("GET", path, query, None, "", read_seconds)
        try:
            if response.status != 200:
                raise translate(attempt, response.status, self._rest_of(response))
            for line in _lines(_chunks(response.response)):
                yield decoded(attempt, 200, line)
        finally:
            response.response.close()

    def hidden(self, body: bytes) -> bytes:
        """An error's body without our token, in case a proxy echoes the request."""
        for secret in self._api.configuration.api_key.values():
            if token := secret.rpartition(" ")[2].encode():
                body = body.replace(token, b"[token]")
        return body

    def _rest_of(self, response: Any) -> bytes:
        try:
            answer = bytes(response.read())
        except TRANSPORT_ERRORS as error:
            raise translate_transport(error) from None
        finally:
            response.response.release_conn()
        return answer if 200 <= response.status < 300 else self.hidden(answer)

    def _open(self, method: str, path: str, query: Query, body: object, content_type: str, read_seconds: float) -> Any:
        headers = {"Accept": "application/json"} | ({} if body is None else {"Content-Type": content_type})
        try:
            request = self._api.param_serialize(
                method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            return self._api.call_api(*request, _request_timeout=(self._connect_seconds, read_seconds))
        except TRANSPORT_ERRORS as error:
            raise translate_transport(error) from None


def decoded(attempt: Attempt, status: int, body: bytes) -> dict[str, Any]:
    """The object in an answer. Raises what `translate` says for a status outside 2xx, ClusterUnavailable for anything else."""
    if not 200 <= status < 300:
        raise translate(attempt, status, body)
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise not_an_api_server() from None
    if not isinstance(answer, dict):
        raise not_an_api_server()
    return answer


def _warnings(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The texts of all `Warning: 299 - "…"` headers (RFC 7234 §5.5), unescaped."""
    joined = headers.get("Warning", "").encode("latin-1", "replace").decode("utf-8", "replace")
    return tuple(re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(joined))


def _chunks(response: Any) -> Iterator[bytes]:
    try:
        while chunk := response.read1(1 << 16):
            yield chunk
    except TRANSPORT_ERRORS:
        return


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines. What follows the last newline was cut off by the end of the stream and is dropped."""
    parts: list[bytes] = []
    for chunk in chunks:
        *whole, tail = chunk.split(b"\n")
        for line in whole:
            if complete := b"".join((*parts, line)).strip():
                yield complete
            parts = []
        parts.append(tail)
