"""The runbook for traffic in words: what each check asks, what was seen, and what a fix does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.mesh.runbooks.checks import Evidence, Fix
from meshportal.policies import route_words
from meshportal.policies.route_effects import effects
from meshportal.web.words import number


def question(code: str) -> str:
    """What a check asks."""
    return {
        "pods": _("Are its pods ready?"),
        "objects": _("Which objects steer its requests?"),
        "routes": _("Which route takes which requests, and does one never match?"),
        "hosts": _("Do all hosts, ports and gateways that they name exist?"),
        "subsets": _("Do the subsets exist, and is a pod of each ready?"),
        "weights": _("Do requests arrive as the weights say?"),
        "proxies": _("Have the proxies taken the configuration?"),
        "rest": _("Is anything else remarkable about these objects?"),
    }[code]


def nothing_seen(code: str) -> str:
    """What a check without evidence and findings means."""
    return {
        "hosts": _("Every host, port and gateway that they name exists."),
        "rest": _("No other rule has anything to say."),
    }.get(code, "")


def hosts_unknown() -> str:
    return _("Services and pods are not known, so nobody can say whether a host exists.")


def evidence(line: Evidence) -> str:
    """One line of what was seen."""
    values = dict(line.values)
    if line.code in {"route-takes", "route-never"}:
        return _route(line.code, values)
    if line.code.startswith("weight"):
        return _weight(line.code, values)
    if line.code == "pods":
        said = ngettext("%(ready)d of %(total)d pod is ready.", "%(ready)d of %(total)d pods are ready.", values["total"])
        return said % values if values["total"] else _("It has no pods.")
    sentences = {
        "pods-unknown": _("Kubernetes does not answer, so its pods are unknown."),
        "virtual-service": _("%(object)s routes it inside the mesh."),
        "no-virtual-service": _("No VirtualService routes it: every request goes to any of its ready pods."),
        "destination-rule": _("%(object)s holds its subsets and how they are reached."),
        "no-destination-rule": _("No DestinationRule is for it: there are no subsets, and Istio's defaults hold."),
        "subset": _("%(subset)s (%(labels)s): %(ready)d of %(total)d pods ready. %(object)s"),
        "subset-empty": _("%(subset)s (%(labels)s): no pod is ready, of %(total)d. %(object)s"),
        "subset-unknown": _("%(subset)s (%(labels)s): its pods are unknown. %(object)s"),
        "subset-missing": _(
            "%(subset)s: a route sends requests there, and no DestinationRule has it. They are answered with 503."
        ),
        "not-split": _("No route splits its requests between versions."),
        "no-proxies": _("It has no proxies: nothing of what callers' routes say about its answers can be measured on its side."),
        "sync-unknown": _(
            "Whether its proxies have the newest configuration is unknown: istiod does not answer or is not asked."
        ),
        "sync-partly": _("istiod vouches for %(count)d of its %(total)d proxies only."),
        "in-sync": _("All of its %(total)d proxies have the newest configuration."),
        "out-of-sync": _("%(count)d of its %(total)d proxies have not taken the newest configuration. %(reason)s"),
        "callers-out-of-sync": _(
            "%(count)d proxies of the whole mesh have not taken theirs. Callers carry out the routes, and may be among them."
        ),
    }
    return (sentences[line.code] % values).strip()


def _route(code: str, values: Mapping[str, Any]) -> str:
    http = values["route"]
    said = {
        "number": values["number"],
        "requests": route_words.requests(http.get("match") or []),
        "to": route_words.destinations(http) or _("nowhere"),
    }
    if code == "route-never":
        return _("Route %(number)d (%(requests)s) never gets a request: an earlier route takes them all.") % said
    takes = _("Route %(number)d takes %(requests)s and sends them to %(to)s.") % said
    others = effects(values["row"])
    return " ".join([takes, *([_("%(parts)s.") % {"parts": _("; ").join(others)}] if others else [])])


def _weight(code: str, values: Mapping[str, Any]) -> str:
    said = {
        "version": values["version"],
        "configured": f"{values['configured']:.3g}",
        "measured": "-" if values["measured"] is None else f"{values['measured']:.3g}",
        "requests": number(values["requests"]),
    }
    if code == "weight-unknown":
        return _("%(version)s: %(configured)s %% configured; nobody knows what arrives, Prometheus does not say.") % said
    if code == "weight-too-few":
        return _("%(version)s: %(configured)s %% configured; %(requests)s requests in the window are too few to compare.") % said
    if code == "weight-off":
        return _("%(version)s: %(configured)s %% configured, %(measured)s %% measured: more than chance explains.") % said
    return _("%(version)s: %(configured)s %% configured, %(measured)s %% measured over %(requests)s requests.") % said


def fix(found: Fix) -> str:
    """What a fix does, for its button."""
    return {
        "add-subset": _("Add subset %(subset)s to the DestinationRule"),
        "drain-empty": _("Send no requests to %(subset)s"),
        "drain-missing": _("Send no requests to %(subset)s, which nobody has"),
        "never-removed": _("Remove what never gets a request: route %(numbers)s"),
        "all-others-last": _("Send all other requests where the last route sends its own"),
        "catch-all-last": _("Move the route for all requests to the end"),
    }[found.code] % dict(found.values)
