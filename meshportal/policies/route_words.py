"""An HTTP route of a VirtualService in words. Nothing is interpreted that is not written there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def requests(matches: Sequence[Mapping[str, Any]]) -> str:
    """Which requests a route takes: its matches are alternatives, the conditions of one match all hold."""
    if not matches:
        return _("all requests")
    return _(" or ").join(
        _(" and ").join(condition for key in match for condition in conditions(key, match[key])) for match in matches
    )


def conditions(key: str, value: Any) -> list[str]:
    """One field of a match: `uri: {prefix: /a}` is "uri prefix /a"."""
    if key in {"headers", "queryParams", "withoutHeaders"} and isinstance(value, Mapping):
        named = _("without %(header)s") if key == "withoutHeaders" else "%(header)s"
        return [f"{named % {'header': header}} {text(rule)}".strip() for header, rule in value.items()]
    return [f"{key} {text(value)}"]


def text(rule: Any) -> str:
    if isinstance(rule, Mapping):
        return " ".join(f"{kind} {value}" for kind, value in rule.items())
    return str(rule)


def destinations(http: Mapping[str, Any]) -> str:
    """Where the requests go: "75 % v2, 25 % v3"; a redirect or a direct answer by its name."""
    entries = http.get("route") or []
    if not entries:
        return next((f"{key} {text(http[key])}" for key in ("redirect", "directResponse") if http.get(key)), "")
    # Weights are relative, and one destination alone gets everything whatever its weight.
    total = sum(entry.get("weight", 0) for entry in entries)
    if len(entries) == 1 or not total:
        return _(", ").join(target(entry) for entry in entries)
    shares = [
        _("%(percent)s %% %(target)s") % {"percent": f"{100 * entry.get('weight', 0) / total:.3g}", "target": target(entry)}
        for entry in entries
    ]
    return _(", ").join(shares)


def target(entry: Mapping[str, Any]) -> str:
    """The subset of a destination, or its host where it names no subset."""
    destination = entry.get("destination") or {}
    return str(destination.get("subset") or destination.get("host", ""))


def retries(rule: Mapping[str, Any] | None) -> str:
    """In words: "2 tries again on 5xx"; "" where the route says nothing and Istio's default holds."""
    if not rule:
        return ""
    attempts = rule.get("attempts", 0)
    if not attempts:
        return _("no retries")
    times = ngettext("%(count)d retry", "%(count)d retries", attempts) % {"count": attempts}
    return _("%(times)s on %(codes)s") % {"times": times, "codes": rule["retryOn"]} if rule.get("retryOn") else times
