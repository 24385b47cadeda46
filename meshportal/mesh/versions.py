"""Which release of Istio a field came with. Before it the API server prunes the field silently, or refuses it when asked to be
strict, and no proxy obeys it.

Source of the table: the CRDs (manifests/charts/base/files/crd-all.gen.yaml) of the releases 1.20 to 1.31 of istio/istio, compared
with each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from meshportal.mesh.refs import Manifest

SINCE = {
    "DestinationRule": {
        "connectionPool.http.maxConcurrentStreams": "1.21",
        "connectionPool.tcp.idleTimeout": "1.21",
        "proxyProtocol": "1.21",
        "tls.caCrl": "1.22",
        "loadBalancer.warmup": "1.24",
        "retryBudget": "1.27",
        "loadBalancer.consistentHash.httpCookie.attributes": "1.28",
        "connectionPool.http.http2KeepAlive": "1.31",
        "loadBalancer.zoneAwareLbSetting": "1.31",
        "outlierDetection.outlierDetectionHttpErrorCodes": "1.31",
        "loadBalancer.backendUtilization": "1.32",
    },
    "VirtualService": {
        "http.corsPolicy.unmatchedPreflights": "1.23",
        "http.retries.backoff": "1.26",
        "http.retries.retryIgnorePreviousHosts": "1.26",
        "http.redirect.prefixRewrite": "1.31",
    },
    "AuthorizationPolicy": {
        "targetRefs": "1.22",
        "rules.from.source.serviceAccounts": "1.25",
        "rules.from.source.notServiceAccounts": "1.25",
        "rules.from.source.trustDomains": "1.30",
        "rules.from.source.notTrustDomains": "1.30",
    },
    "Telemetry": {
        "targetRefs": "1.22",
        "tracing.enableIstioTags": "1.25",
        "tracing.customTags.*.formatter": "1.29",
        "tracing.disableContextPropagation": "1.30",
    },
}
"""Kind → field → release. A field is named by how its path ends, without list numbers, because a traffic policy may stand in
three places; "*" is any key."""

_RELEASE = re.compile(r"v?(\d+)\.(\d+)")


def too_young(field: str, istio_version: str) -> str | None:
    """The release that `field` ("VirtualService.http.retries.backoff", a key of `SINCE`) needs, where the mesh has an older one.

    None where it is there, where nobody knows the version of the mesh, and for every field that is as old as all we know.
    Raises KeyError for a kind that is not in the table.
    """
    kind, _, name = field.partition(".")
    since, has = SINCE[kind].get(name), _release(oldest(istio_version))
    return since if since and has and has < _number(since) else None


def young_fields(manifest: Manifest, istio_version: str) -> list[tuple[str, str]]:
    """The fields of an object that the mesh is too old for, each with the release it needs, such as
    ("spec.http[0].retries.backoff", "1.26")."""
    kind = manifest["kind"]
    if kind not in SINCE or _release(oldest(istio_version)) is None:
        return []
    young = {tuple(name.split(".")): since for name in SINCE[kind] if (since := too_young(f"{kind}.{name}", istio_version))}
    found = []
    for path, steps in _paths(manifest.get("spec") or {}, "spec", ()):
        found += [(path, since) for name, since in young.items() if _ends(steps, name)]
    return found


def oldest(istio_version: str) -> str:
    """The oldest of the versions that a mesh is said to have ("1.30.3, 1.31.0" while it is upgraded), "" where none is known.

    A mesh whose control planes differ does only what all of them know.
    """
    told = [version.strip() for version in istio_version.split(",")]
    known = [version for version in told if _release(version)]
    return min(known, key=_number, default="")


def _release(version: str) -> tuple[int, int] | None:
    return _number(version) if _RELEASE.match(version) else None


def _number(version: str) -> tuple[int, int]:
    found = _RELEASE.match(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _paths(value: Any, path: str, steps: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every field below `value`: its path with list numbers, and its steps without."""
    if isinstance(value, list):
        for number, part in enumerate(value):
            yield from _paths(part, f"{path}[{number}]", steps)
    elif isinstance(value, dict):
        for name, part in value.items():
            inner = (*steps, name)
            yield f"{path}.{name}", inner
            yield from _paths(part, f"{path}.{name}", inner)


def _ends(steps: tuple[str, ...], name: tuple[str, ...]) -> bool:
    last = steps[len(steps) - len(name) :] if len(steps) >= len(name) else ()
    return len(last) == len(name) and all(wanted in ("*", step) for wanted, step in zip(name, last, strict=True))
