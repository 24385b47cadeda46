"""What was typed or sent for a destination: laid over what is live, checked value by value, and put into one shape.

What is live already is never refused: only values that differ from it are checked, so that one odd field does not keep a person
from changing another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from meshportal.mesh import durations
from meshportal.mesh.destinations import rows
from meshportal.mesh.destinations.fields import (
    CHOICES,
    DETAILS,
    HASHED,
    LEAVES,
    OUTLIERS,
    WARMUP,
    Leaf,
    Raw,
    What,
    at,
    put,
)
from meshportal.mesh.destinations.laying import laid_over
from meshportal.mesh.destinations.reading import entries, group, read
from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.refs import Manifest
from meshportal.mesh.versions import too_young

MAX_TEXT = 253

# RFC 9110, 5.6.2; Envoy also hashes by its pseudo headers, such as :path
_HEADER = re.compile(r":?[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_COOKIE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_COOKIE_PATH = re.compile(r"/[!-:<-~]*")
_QUERY = re.compile(r"[^\s&=#\x00-\x1f\x7f]+")
_TEXTS = {"header": _HEADER, "cookie_name": _COOKIE, "cookie_path": _COOKIE_PATH, "query_parameter": _QUERY}
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,6})?", re.ASCII)
# 1.20 knows nothing newer than these of what the form has
_YOUNG = {
    "warmup": "DestinationRule.loadBalancer.warmup",
    "connection_pool.tcp.idle_timeout": "DestinationRule.connectionPool.tcp.idleTimeout",
}


def typed(raw: Mapping[str, Any], live: Manifest | None, istio_version: str = "") -> Raw | list[FieldError]:
    """The whole destination as asked, every leaf as text, or every reason why not.

    A key that is absent keeps what is live; "" or null removes it. Numbers and booleans may come as such. `istio_version` is the
    mesh's, "" where nobody knows it.
    """
    now = read(live)
    errors: list[FieldError] = []
    asked = laid_over(raw, now, errors)
    _switches(raw, asked, now, errors)
    _load_balancer(asked, now, errors)
    for leaf in LEAVES:
        _leaf(leaf, asked, now, errors)
    _warmup(asked, now, errors)
    _outliers(asked, now, errors)
    asked["subsets"] = rows.subsets(asked["subsets"], entries(live, "spec", "subsets"), errors)
    _locality(asked, live, errors)
    for path in young(istio_version):
        _too_young(path, asked, now, istio_version, errors)
    return errors or asked


def young(istio_version: str) -> dict[str, str]:
    """Fields and groups of the form that the mesh's Istio is too old for, and the release each needs."""
    needed = {path: too_young(field, istio_version) for path, field in _YOUNG.items()}
    return {path: release for path, release in needed.items() if release}


def _too_young(path: str, asked: Raw, now: Raw, istio_version: str, errors: list[FieldError]) -> None:
    for leaf in LEAVES:
        inside = leaf.path == path or leaf.path.startswith(f"{path}.")
        if inside and at(asked, leaf.path) not in ("", at(now, leaf.path)):
            values = {"needs": young(istio_version)[path], "has": istio_version}
            errors.append(FieldError(leaf.path, "too-young", values))


# ---------------------------------------------------------------- switches


def _switches(raw: Mapping[str, Any], asked: Raw, now: Raw, errors: list[FieldError]) -> None:
    """Turn every way to say yes into "true", and take outlier detection as asked for by whoever fills in a field of it."""
    for path in ("outlier_detection.on", "outlier_detection.replace_consecutive_errors"):
        _flag(path, asked, errors, empty="")
    if at(asked, "locality.enabled"):
        _flag("locality.enabled", asked, errors, empty="false")
    says = group(raw, "outlier_detection")
    if "on" not in says and any(at(asked, leaf.path) not in ("", at(now, leaf.path)) for leaf in OUTLIERS):
        put(asked, "outlier_detection.on", "true")


def _flag(path: str, asked: Raw, errors: list[FieldError], empty: str) -> None:
    text = at(asked, path).lower()
    if text in {"true", "on", "yes", "1"}:
        put(asked, path, "true")
    elif text in {"", "false", "off", "no", "0"}:
        put(asked, path, empty)
    else:
        errors.append(FieldError(path, "not-a-switch", {"typed": text[:40]}))


# ---------------------------------------------------------------- single values


def _leaf(leaf: Leaf, asked: Raw, now: Raw, errors: list[FieldError]) -> None:
    text = at(asked, leaf.path)
    if text in ("", at(now, leaf.path)):
        return
    values = {"typed": text[:40], "most": leaf.most}
    if leaf.what in {What.DURATION, What.OFF_OR_DURATION}:
        zero = leaf.what is What.OFF_OR_DURATION
        if durations.parse(text, zero=zero) is None:
            errors.append(FieldError(leaf.path, "not-a-duration-or-off" if zero else "not-a-duration", values))
    elif leaf.what in {What.SHARE, What.POSITIVE}:
        if not _NUMBER.fullmatch(text):
            errors.append(FieldError(leaf.path, "not-a-number", values))
        elif leaf.what is What.SHARE and float(text) > 100:
            errors.append(FieldError(leaf.path, "not-a-percentage", values))
        elif leaf.what is What.POSITIVE and float(text) <= 0:
            errors.append(FieldError(leaf.path, "not-positive", values))
    elif not (text.isascii() and text.isdecimal()):
        errors.append(FieldError(leaf.path, "not-a-percentage" if leaf.what is What.PERCENT else "not-a-whole-number", values))
    elif len(text) > 12 or int(text) > leaf.most:
        errors.append(FieldError(leaf.path, "not-a-percentage" if leaf.what is What.PERCENT else "too-large", values))
    else:
        put(asked, leaf.path, str(int(text)))


# ---------------------------------------------------------------- load balancing


def _load_balancer(asked: Raw, now: Raw, errors: list[FieldError]) -> None:
    how = at(asked, "load_balancer.how")
    if how not in CHOICES and how != at(now, "load_balancer.how"):
        errors.append(
            FieldError("load_balancer.how", "unknown-way", {"typed": how[:40], "known": ", ".join(filter(None, CHOICES))})
        )
        return
    used = HASHED.get(how, ())
    for detail in DETAILS:
        path = f"load_balancer.{detail}"
        text, was = at(asked, path), at(now, path)
        if detail not in used:
            if text not in ("", was):
                errors.append(FieldError(path, "not-used", {"how": how}))
            put(asked, path, "")
        elif text != was:
            _detail(detail, text, errors)
    if used and not at(asked, f"load_balancer.{used[0]}"):
        errors.append(FieldError(f"load_balancer.{used[0]}", "needed", {"how": how}))


def _detail(detail: str, text: str, errors: list[FieldError]) -> None:
    path = f"load_balancer.{detail}"
    if not text:
        return
    if detail == "cookie_ttl":
        if durations.parse(text, zero=True) is None:
            errors.append(FieldError(path, "not-a-lifetime", {"typed": text[:40]}))
    elif len(text) > MAX_TEXT or not _TEXTS[detail].fullmatch(text):
        errors.append(FieldError(path, f"not-a-{detail.replace('_', '-')}", {"typed": text[:40]}))


def _warmup(asked: Raw, now: Raw, errors: list[FieldError]) -> None:
    duration, *rest = (leaf.path for leaf in WARMUP)
    if not at(asked, duration) and any(at(asked, path) for path in rest):
        errors.append(FieldError(duration, "needed-for-warmup"))


# ---------------------------------------------------------------- outlier detection


def _outliers(asked: Raw, now: Raw, errors: list[FieldError]) -> None:
    old, new = "outlier_detection.consecutive_errors", "outlier_detection.consecutive_5xx_errors"
    if at(asked, old) not in ("", at(now, old)):
        errors.append(FieldError(old, "deprecated-errors"))
    if at(asked, "outlier_detection.replace_consecutive_errors"):
        put(asked, old, "")
        if not at(asked, new):
            put(asked, new, at(now, old))
    if at(asked, "outlier_detection.on"):
        return
    for leaf in OUTLIERS:
        if at(asked, leaf.path) not in ("", at(now, leaf.path)):
            errors.append(FieldError(leaf.path, "outliers-off"))
        put(asked, leaf.path, "")
    put(asked, old, "")


# ---------------------------------------------------------------- locality


def _locality(asked: Raw, live: Manifest | None, errors: list[FieldError]) -> None:
    balancer = group(live, "spec", "trafficPolicy", "loadBalancer")
    settings = group(balancer, "localityLbSetting")
    locality = asked["locality"]
    before = len(errors)
    locality["failover"] = rows.failover(locality["failover"], entries(settings, "failover"), errors)
    locality["distribute"] = rows.distribute(locality["distribute"], entries(settings, "distribute"), errors)
    if len(errors) > before or locality == read(live)["locality"]:
        return
    if locality["failover"] and locality["distribute"]:
        errors.append(FieldError("locality.distribute", "failover-and-distribute"))
    topology = [label for label in entries(settings, "failoverPriority") if label in rows.TOPOLOGY]
    if locality["failover"] and topology:
        errors.append(FieldError("locality.failover", "failover-and-priority", {"label": topology[0]}))
    if (
        any((locality["enabled"], locality["failover"], locality["distribute"]))
        and balancer.get("zoneAwareLbSetting") is not None
    ):
        errors.append(FieldError("locality.enabled", "zone-aware"))
