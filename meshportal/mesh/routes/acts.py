"""What a rule does with its requests: which parts go together, as Istio has it (validateHTTPRouteConflict, validateHTTPRedirect,
validateHTTPRetry, validateHTTPFaultInjection, validateAuthorityRewrite in pkg/config/validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshportal.mesh.routes import headers
from meshportal.mesh.routes.reading import group
from meshportal.mesh.routes.shape import ORIGIN, Raw, Walk, is_blank

ANSWERS = ("directResponse", "delegate")
_REDIRECT = frozenset({"uri", "authority", "redirectCode"})
_RETRIES = frozenset({"attempts", "perTryTimeout", "retryOn"})


def check(route: Raw, live: Mapping[str, Any], path: str, walk: Walk) -> None:
    """Judge a rule that was touched. `live` is its entry of spec.http, empty for a new rule."""
    _answer(route, live, path, walk)
    _redirect(route, live, path, walk)
    _rewrite(route, live, path, walk)
    _retries(route["retries"], group(live, "retries"), f"{path}.retries", walk)
    _abort(route["fault"]["abort"], group(group(live, "fault"), "abort"), f"{path}.fault.abort", walk)
    _delay(route["fault"]["delay"], group(group(live, "fault"), "delay"), f"{path}.fault.delay", walk)
    _headers(route, path, walk)


def _answer(route: Raw, live: Mapping[str, Any], path: str, walk: Walk) -> None:
    """A rule does exactly one of: send on, redirect, or what this form cannot show (answer by itself, delegate)."""
    sends = bool(route["destinations"])
    redirects = not is_blank(route["redirect"]) or bool(set(group(live, "redirect")) - _REDIRECT)
    other = [name for name in ANSWERS if name in live]
    if other and (sends or not is_blank(route["redirect"])):
        at = f"{path}.destinations" if sends else _filled(route, "redirect", path)
        walk.wrong(at, "answers-already", names=", ".join(other))
    elif sends and redirects:
        walk.wrong(_filled(route, "redirect", path), "sends-and-redirects")
    elif not (sends or redirects or other):
        walk.wrong(f"{path}.destinations", "no-answer")
    if redirects or "directResponse" in live:
        for name in ("fault", "rewrite"):
            if not is_blank(route[name]):
                walk.wrong(_filled(route, name, path), "redirect-excludes")


def _redirect(route: Raw, live: Mapping[str, Any], path: str, walk: Walk) -> None:
    row, hidden = route["redirect"], set(group(live, "redirect")) - _REDIRECT
    if not walk.touched(f"{path}.redirect"):
        return
    if row["code"] and not (row["uri"] or row["authority"] or hidden):
        walk.wrong(f"{path}.redirect.uri", "redirect-target")
    if row["uri"] and "prefixRewrite" in hidden:
        walk.wrong(f"{path}.redirect.uri", "redirect-prefix")


def _rewrite(route: Raw, live: Mapping[str, Any], path: str, walk: Walk) -> None:
    if route["rewrite"]["uri"] and "uriRegexRewrite" in group(live, "rewrite"):
        walk.wrong(f"{path}.rewrite.uri", "rewrite-regex")
    hosts = [
        number
        for number, row in enumerate(route["headers"])
        if row["name"].lower() in {"host", ":authority"} and row["on"] != "response" and row["do"] != "remove"
    ]
    if hosts and route["rewrite"]["authority"]:
        walk.wrong(f"{path}.rewrite.authority", "authority-twice")
    elif len(hosts) > 1:
        walk.wrong(f"{path}.headers[{hosts[1]}].name", "authority-twice")


def _retries(row: Raw, live: Mapping[str, Any], path: str, walk: Walk) -> None:
    if not walk.touched(path):
        return
    hidden = sorted(set(live) - _RETRIES)
    filled = [name for name in ("per_try_timeout", "retry_on") if row[name]]
    if not row["attempts"]:
        if filled:
            walk.wrong(f"{path}.attempts", "attempts-missing")
        elif hidden:
            walk.wrong(f"{path}.attempts", "attempts-kept", names=", ".join(hidden))
    elif row["attempts"].strip("0") == "":
        if filled:
            walk.wrong(f"{path}.{filled[0]}", "retries-off")
        elif "retryRemoteLocalities" in hidden:
            walk.wrong(f"{path}.attempts", "retries-off-kept")


def _abort(row: Raw, live: Mapping[str, Any], path: str, walk: Walk) -> None:
    if not walk.touched(path):
        return
    other = [name for name in ("grpcStatus", "http2Error") if name in live]
    if row["status"] and other:
        walk.wrong(f"{path}.status", "abort-other", names=", ".join(other))
    elif row["status"] and not row["percent"]:
        walk.wrong(f"{path}.percent", "percent-missing")
    elif row["percent"] and not (row["status"] or other):
        walk.wrong(f"{path}.status", "status-missing")


def _delay(row: Raw, live: Mapping[str, Any], path: str, walk: Walk) -> None:
    if not walk.touched(path):
        return
    if row["duration"] and "exponentialDelay" in live:
        walk.wrong(f"{path}.duration", "delay-exponential")
    elif row["duration"] and not row["percent"]:
        walk.wrong(f"{path}.percent", "percent-missing")
    elif row["percent"] and not (row["duration"] or "exponentialDelay" in live):
        walk.wrong(f"{path}.duration", "delay-missing")


def _headers(route: Raw, path: str, walk: Walk) -> None:
    seen: set[tuple[str, str, str]] = set()
    for number, row in enumerate(route["headers"]):
        here = f"{path}.headers[{number}]"
        row["on"], row["do"] = row["on"] or "request", row["do"] or "set"
        identity = (row["on"], row["do"], row["name"].lower())
        if walk.touched(here):
            _header(row, here, walk)
            if row["name"] and identity in seen:
                walk.wrong(f"{here}.name", "repeated-name", name=row["name"])
        seen.add(identity)


def _header(row: Raw, path: str, walk: Walk) -> None:
    gives = row["do"] != "remove"
    named = walk.touched(f"{path}.name", f"{path}.on", f"{path}.do") or not row.get(ORIGIN)
    if not row["name"]:
        walk.wrong(f"{path}.name", "name-missing")
    elif named and (found := headers.name_wrong(row["name"], request_value=row["on"] == "request" and gives)):
        walk.wrong(f"{path}.name", found[0], **found[1])
    if not gives:
        if row["value"]:
            walk.wrong(f"{path}.value", "value-of-removed")
    elif not row["value"]:
        walk.wrong(f"{path}.value", "header-value-missing")
    elif found := headers.value_wrong(row["value"]):
        walk.wrong(f"{path}.value", found[0], **found[1])


def _filled(route: Raw, name: str, path: str) -> str:
    """The first field of a group that has something in it: where a message about the group stands."""
    here, value = f"{path}.{name}", route[name]
    while isinstance(value, Mapping):
        key = next((key for key, inner in value.items() if not is_blank(inner)), next(iter(value)))
        here, value = f"{here}.{key}", value[key]
    return here
