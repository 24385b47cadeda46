"""MetricsPort over the Prometheus HTTP API, through prometheus-api-client."""

from __future__ import annotations

import ast
import base64
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3.util.retry import Retry

from meshportal.clients.canaries import canary_counts
from meshportal.clients.history import history_of
from meshportal.clients.ports import CanaryCounts, CanaryTarget, History, MetricsUnavailable
from meshportal.mesh import promql
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rows import ControlPlane, LatencyRow, TrafficRow, VersionRow

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
SHORTEST_RATE_SECONDS = 60
"""A rate over less than four scrapes (15 s by default) has gaps."""
LONGEST_SENTENCE = 200

_REFUSED = re.compile(r"HTTP Status Code (\d+) \((.*)\)", re.DOTALL)

Labels = Mapping[str, str]
T = TypeVar("T")
Entry = tuple[Labels, dict[int, float]]


class PrometheusMetrics:
    """A Prometheus at `url`, which may hold a user and a password. Safe to share between threads.

    `headers` go with every request (such as Authorization); `timeout` is the seconds to connect and to wait for an answer;
    `certificate_authority` is a file to trust instead of the usual ones. Nothing is read from the environment.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        certificate_authority: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        basic = base64.b64encode(":".join(auth).encode()).decode() if auth else ""
        # of "Bearer …" the last word is what must not be shown
        words = [word for value in (headers or {}).values() for word in value.split()[-1:]]
        self._secrets = [secret for secret in (basic, auth[1] if auth else "", *words) if secret]
        session = requests.Session()
        # from the environment requests would take a proxy, and from ~/.netrc a password that replaces our Authorization header
        session.trust_env = False
        session.max_redirects = 0  # credentials go to the address that was configured and nowhere else
        session.verify = certificate_authority or True
        self._evaluation_limit = f"{math.ceil(timeout[1])}s"
        self._prometheus = PrometheusConnect(
            # credentials in the address would be in every exception's text
            urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")),
            headers=dict(headers or {}),
            auth=auth,
            session=session,
            timeout=timeout,
            retry=Retry(0, read=False),  # by default up to three more attempts with pauses: a page's query would pile up
        )

    def close(self) -> None:
        """Close idle connections."""
        self._prometheus.close()

    def traffic(self, window_seconds: int) -> list[TrafficRow]:
        return [
            TrafficRow(
                labels.get("reporter", ""),
                _service(labels),
                labels.get("response_code", ""),
                labels.get("connection_security_policy", ""),
                value,
            )
            for labels, value in self._now(promql.traffic(window_seconds))
        ]

    def versions(self, services: Sequence[ServiceRef], window_seconds: int) -> list[VersionRow]:
        asked = set(services)
        if not asked:
            return []
        return [
            VersionRow(
                labels.get("reporter", ""),
                _service(labels),
                labels.get("destination_version", ""),
                labels.get("response_code", ""),
                value,
            )
            for labels, value in self._now(promql.versions(services, window_seconds))
            if _service(labels) in asked
        ]

    def latency(self, window_seconds: int) -> list[LatencyRow]:
        rows = self._now(promql.latency(window_seconds))
        return [LatencyRow(labels.get("reporter", ""), _service(labels), value) for labels, value in rows]

    def mesh_latency(self, window_seconds: int) -> dict[str, float]:
        return {labels.get("reporter", ""): value for labels, value in self._now(promql.mesh_latency(window_seconds))}

    def proxies(self, fresh_seconds: int) -> set[tuple[str, str]]:
        rows = self._now(promql.proxies(fresh_seconds))
        return {(labels["namespace"], labels["pod"]) for labels, _ in rows if "namespace" in labels and "pod" in labels}

    def control_plane(self) -> ControlPlane:
        by_name = {labels.get("__name__"): value for labels, value in self._now(promql.control_plane())}
        return ControlPlane(
            uptime_seconds=by_name.get("istiod_uptime_seconds"),
            connected_proxies=by_name.get("pilot_xds"),
            rejects=by_name.get("pilot_total_xds_rejects"),
        )

    def canary(self, targets: Sequence[CanaryTarget]) -> dict[str, CanaryCounts | None]:
        if not targets:
            return {}
        services = [target.service for target in targets]
        bounds = sorted({target.bound for target in targets if target.bound is not None})
        queries = promql.canary_counts(services), promql.canary_rest(services, bounds)
        return canary_counts(targets, queries, *(self._raw(query) for query in queries))

    def history(self, service: ServiceRef, *, start: datetime, end: datetime, step_seconds: int) -> History:
        """Rates are over one step, but at least a minute. Of the versions too: over that long before `end`."""
        window = max(step_seconds, SHORTEST_RATE_SECONDS)
        return history_of(
            service,
            times=range(round(start.timestamp()), round(end.timestamp()) + 1, step_seconds),
            requests=self._over(promql.service_requests(service, window), start, end, step_seconds),
            buckets=self._over(promql.service_buckets(service, window), start, end, step_seconds),
            version_requests=self._now(promql.service_requests_by_version(service, window), at=end),
            version_buckets=self._now(promql.service_buckets_by_version(service, window), at=end),
        )

    # ------------------------------------------------------------ the wire

    def _now(self, query: str, at: datetime | None = None) -> list[tuple[Labels, float]]:
        """Labels and value of every series at Prometheus' own time, or `at`. Values that are not finite are left out."""
        params = {"timeout": self._evaluation_limit} | ({"time": str(round(at.timestamp()))} if at else {})
        entries = self._entries(lambda: self._prometheus.custom_query(query, params=params))
        return [(labels, value) for labels, values in entries for value in values.values()]

    def _raw(self, query: str) -> list[tuple[Labels, float]]:
        """As `_now`, with what is not finite as it is."""
        params = {"timeout": self._evaluation_limit}
        entries = self._answers(lambda: self._prometheus.custom_query(query, params=params), _sample)
        return list(entries)

    def _over(self, query: str, start: datetime, end: datetime, step_seconds: int) -> list[Entry]:
        """Labels and finite values by Unix time of every series."""
        params = {"timeout": self._evaluation_limit}
        step = str(step_seconds)
        return self._entries(lambda: self._prometheus.custom_query_range(query, start, end, step, params=params))

    def _entries(self, ask: Callable[[], Iterable[Any]]) -> list[Entry]:
        return self._answers(ask, _entry)

    def _answers(self, ask: Callable[[], Iterable[Any]], read: Callable[[Any], T]) -> list[T]:
        """The series of an answer. The library's texts are not passed on: they hold addresses, headers and whole bodies."""
        try:
            return [read(entry) for entry in ask()]
        except requests.exceptions.JSONDecodeError:
            raise _not_prometheus() from None
        except requests.exceptions.Timeout:
            raise MetricsUnavailable("Prometheus did not answer in time.") from None
        except requests.exceptions.SSLError:
            raise MetricsUnavailable("No trusted TLS connection to Prometheus: its certificate is not accepted.") from None
        except requests.exceptions.TooManyRedirects:
            raise MetricsUnavailable("Prometheus' address leads elsewhere: configure the address it redirects to.") from None
        except requests.exceptions.ConnectionError:
            raise MetricsUnavailable("Prometheus cannot be reached.") from None
        except requests.exceptions.RequestException:
            raise MetricsUnavailable("Prometheus' address or credentials cannot be used for a request.") from None
        except PrometheusApiClientException as error:
            raise self._refused(str(error)) from None
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):  # the library takes "data" for granted
            raise _not_prometheus() from None

    def _refused(self, text: str) -> MetricsUnavailable:
        """An answer other than 200, with Prometheus' own words where the body has them."""
        match = _REFUSED.fullmatch(text)
        status, body = (match[1], match[2]) if match else ("with an error", "b''")
        try:
            words = json.loads(ast.literal_eval(body))["error"]  # the library hands the body on as Python source
        except (ValueError, KeyError, TypeError, SyntaxError):
            words = ""
        sentence = " ".join(words.split()) if isinstance(words, str) else ""
        for secret in self._secrets:
            sentence = sentence.replace(secret, "[secret]")
        if len(sentence) > LONGEST_SENTENCE:
            sentence = sentence[: LONGEST_SENTENCE - 1] + "…"
        return MetricsUnavailable(f"Prometheus answered {status}{f': {sentence}' if sentence else ''}.")


def _entry(entry: Any) -> Entry:
    """Labels and finite values by Unix time of one series of a vector or a matrix."""
    samples = entry["values"] if "values" in entry else [entry["value"]]
    values = {round(at): float(value) for at, value in samples}
    return dict(entry["metric"]), {at: value for at, value in values.items() if math.isfinite(value)}


def _sample(entry: Any) -> tuple[Labels, float]:
    return dict(entry["metric"]), float(entry["value"][1])


def _service(labels: Labels) -> ServiceRef:
    return ServiceRef(labels.get("destination_service_namespace", ""), labels.get("destination_service_name", ""))


def _not_prometheus() -> MetricsUnavailable:
    return MetricsUnavailable("The answer is not one of Prometheus. Does the address lead to something else?")
