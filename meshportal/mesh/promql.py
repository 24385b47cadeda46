"""Every PromQL query the portal sends, as data. Label values are escaped here and nowhere else.

Istio's standard metrics and labels: https://istio.io/latest/docs/reference/config/metrics/
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshportal.mesh.refs import ServiceRef

REQUESTS = "istio_requests_total"
BUCKETS = "istio_request_duration_milliseconds_bucket"
SERVICE_LABELS = "destination_service_namespace, destination_service_name"


def quoted(value: str) -> str:
    """A PromQL string literal for any text."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def one_of(values: Iterable[str]) -> str:
    """A literal for =~ that matches exactly `values` (Prometheus anchors both ends itself)."""
    # re.escape also escapes characters RE2 takes as they are, such as "-", and RE2 accepts that
    return quoted("|".join(re.escape(value) for value in sorted(set(values))))


def traffic(window_seconds: int) -> str:
    """T: requests per second by reporter, service, code and connection security."""
    labels = f"reporter, {SERVICE_LABELS}, response_code, connection_security_policy"
    return f"sum by ({labels}) (rate({REQUESTS}[{window_seconds}s]))"


def versions(services: Iterable[ServiceRef], window_seconds: int) -> str:
    """V: requests per second by version, for services whose route is split. Names are matched, the caller drops strangers."""
    labels = f"reporter, {SERVICE_LABELS}, destination_version, response_code"
    names = one_of(service.name for service in services)
    return f"sum by ({labels}) (rate({REQUESTS}{{destination_service_name=~{names}}}[{window_seconds}s]))"


def latency(window_seconds: int, quantile: float = 0.95) -> str:
    """L: a latency quantile in milliseconds by reporter and service."""
    return f"histogram_quantile({quantile}, sum by (le, reporter, {SERVICE_LABELS}) (rate({BUCKETS}[{window_seconds}s])))"


def mesh_latency(window_seconds: int, quantile: float = 0.95) -> str:
    """A latency quantile of all requests of the mesh in milliseconds, by reporter."""
    return f"histogram_quantile({quantile}, sum by (le, reporter) (rate({BUCKETS}[{window_seconds}s])))"


def proxies(fresh_seconds: int) -> str:
    """E: one sample for every Envoy that is live (state 0) and was scraped within `fresh_seconds`."""
    return (
        f"count by (namespace, pod) ((envoy_server_state == 0) and (timestamp(envoy_server_state) > (time() - {fresh_seconds})))"
    )


def control_plane() -> str:
    """P: istiod's uptime, the proxies connected to it and the configurations they refused, by metric name."""
    return 'sum by (__name__) ({__name__=~"istiod_uptime_seconds|pilot_xds|pilot_total_xds_rejects"})'


def canary_counts(services: Iterable[ServiceRef]) -> str:
    """Requests as counted so far, by whatever tells a failure from a success, and by the proxy that counts: whoever asks twice
    sees from each proxy alone whether its counter began anew. Names are matched, the caller drops strangers."""
    labels = (
        f"reporter, {SERVICE_LABELS}, destination_version, response_code, grpc_response_status, response_flags, pod, instance"
    )
    names = one_of(service.name for service in services)
    return f"sum by ({labels}) ({REQUESTS}{{destination_service_name=~{names}}})"


def canary_rest(services: Iterable[ServiceRef], bounds: Iterable[float]) -> str:
    """What else a verdict takes, in one query: the age in seconds of the youngest count of each version, by Prometheus' own
    clock, and for each of `bounds` (milliseconds) the requests within it and all that were timed (rows with `le`). A bound is
    written 500 or 500.0. All that were timed are asked for too, because Envoy adds to its histograms every few seconds only:
    beside its counters, which are never late, a bucket would make requests look slow that have not been put into any yet."""
    names = one_of(service.name for service in services)
    versions = f"{SERVICE_LABELS}, destination_version"
    age = f"time() - max by ({versions}) (timestamp({REQUESTS}{{destination_service_name=~{names}}}))"
    texts = [text for bound in bounds for text in (f"{bound:g}", f"{bound:g}.0")]
    if not texts:
        return age
    texts.append("+Inf")
    selector = f"{{destination_service_name=~{names}, le=~{one_of(texts)}}}"
    return f"sum by (reporter, {versions}, le, pod, instance) ({BUCKETS}{selector}) or ({age})"


def _of(service: ServiceRef) -> str:
    return f"destination_service_namespace={quoted(service.namespace)}, destination_service_name={quoted(service.name)}"


def service_requests(service: ServiceRef, window_seconds: int) -> str:
    """Requests per second of one service by reporter and code."""
    return f"sum by (reporter, response_code) (rate({REQUESTS}{{{_of(service)}}}[{window_seconds}s]))"


def service_buckets(service: ServiceRef, window_seconds: int) -> str:
    """Latency buckets of one service by reporter."""
    return f"sum by (reporter, le) (rate({BUCKETS}{{{_of(service)}}}[{window_seconds}s]))"


def service_requests_by_version(service: ServiceRef, window_seconds: int) -> str:
    return f"sum by (reporter, destination_version, response_code) (rate({REQUESTS}{{{_of(service)}}}[{window_seconds}s]))"


def service_buckets_by_version(service: ServiceRef, window_seconds: int) -> str:
    return f"sum by (reporter, destination_version, le) (rate({BUCKETS}{{{_of(service)}}}[{window_seconds}s]))"
