"""Removing a policy in words: what goes, and what holds then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.mesh.findings import Finding
from meshportal.mesh.hosts import MESH_GATEWAY
from meshportal.mesh.plans import Plan, PlanItem
from meshportal.mesh.refs import DESTINATION_RULE, GATEWAY, VIRTUAL_SERVICE, Manifest
from meshportal.policies import findings


def unknown_object(name: str, service: str) -> str:
    return _("There is no “%(object)s” that belongs to %(service)s alone. Tick objects of the list.") % {
        "object": name,
        "service": service,
    }


def nothing_chosen(anything: bool) -> str:
    """Why nothing can be removed: nothing is ticked, or nothing is there."""
    if anything:
        return _("Tick at least one object that is to be removed.")
    return _("No VirtualService, DestinationRule or Gateway belongs to this service: there is nothing to remove.")


def title(service: str, plan: Plan, stays: bool) -> str:
    """One line for lists."""
    if not stays:
        return _("Remove the whole policy of %(service)s") % {"service": service}
    kinds = ", ".join(dict.fromkeys(item.ref.kind.kind for item in plan.items))
    return _("Remove %(kinds)s of %(service)s") % {"kinds": kinds, "service": service}


def plain_words(intent: Mapping[str, Any], plan: Plan) -> list[str]:
    """What goes, in the order in which it goes, and what holds then."""
    service = str(intent["service"])
    sentences = [_("%(object)s is removed.") % {"object": item.ref} for item in plan.items]
    if intent.get("unrouted"):
        sentences.append(
            _(
                "Requests to %(service)s are spread over all its pods again, whatever their version, "
                "without timeout and with Istio's two retries."
            )
            % {"service": service}
        )
    for item in plan.items:
        sentences.extend(_follows(item, service))
    if stays := intent.get("stays") or []:
        sentences.append(_("What stays: %(objects)s.") % {"objects": ", ".join(stays)})
    return sentences


def _follows(item: PlanItem, service: str) -> Iterator[str]:
    spec = (item.before or {}).get("spec") or {}
    if item.ref.kind == VIRTUAL_SERVICE:
        if any(name != MESH_GATEWAY for name in spec.get("gateways") or []):
            hosts = ", ".join(str(host) for host in spec.get("hosts") or [])
            yield _("Requests from outside for %(hosts)s are no longer led to %(service)s.") % {
                "hosts": hosts,
                "service": service,
            }
        if any(route.get("fault") for route in spec.get("http") or []):
            yield _("No delays or failures are injected any more.")
    elif item.ref.kind == DESTINATION_RULE:
        if subsets := [str(subset.get("name", "")) for subset in spec.get("subsets") or []]:
            yield ngettext(
                "The subset %(names)s is no longer there to route to.",
                "The subsets %(names)s are no longer there to route to.",
                len(subsets),
            ) % {"names": ", ".join(subsets)}
        if parts := _policy_parts(spec.get("trafficPolicy") or {}):
            yield _("Istio's own settings hold again instead of: %(parts)s.") % {"parts": _(", ").join(parts)}
    elif item.ref.kind == GATEWAY:
        ports = sorted({int((server.get("port") or {}).get("number") or 0) for server in spec.get("servers") or []})
        if ports:
            yield _("The gateway's proxies no longer listen for it on port %(ports)s.") % {
                "ports": ", ".join(str(port) for port in ports)
            }


def _policy_parts(policy: Mapping[str, Any]) -> list[str]:
    names = {
        "loadBalancer": _("load balancing"),
        "connectionPool": _("limits of the connection pool"),
        "outlierDetection": _("outlier detection"),
        "tls": _("TLS to its pods"),
        "portLevelSettings": _("settings of single ports"),
    }
    return [str(names.get(key, key)) for key in policy]


def summary(manifest: Manifest) -> str:
    """One line of what an object is for."""
    spec = manifest.get("spec") or {}
    if manifest["kind"] == VIRTUAL_SERVICE.kind:
        routes = sum(len(spec.get(protocol) or []) for protocol in ("http", "tls", "tcp"))
        hosts = ", ".join(str(host) for host in spec.get("hosts") or [])
        return ngettext("%(count)d route for %(hosts)s", "%(count)d routes for %(hosts)s", routes) % {
            "count": routes,
            "hosts": hosts,
        }
    if manifest["kind"] == GATEWAY.kind:
        hosts = ", ".join(dict.fromkeys(str(host) for server in spec.get("servers") or [] for host in server.get("hosts") or []))
        return _("listens for %(hosts)s") % {"hosts": hosts}
    parts = [str(subset.get("name", "")) for subset in spec.get("subsets") or []]
    policy = _policy_parts(spec.get("trafficPolicy") or {})
    told = [_("subsets %(names)s") % {"names": ", ".join(parts)}] if parts else []
    return _("; ").join([*told, *policy]) or _("no subsets and no settings")


def finding_sentence(finding: Finding) -> tuple[str, str]:
    """A finding, and what to do about it."""
    sentences = {
        "MP0701": (
            _("%(object)s also routes %(hosts)s: their routes go with it."),
            _("Take this service's host out of its hosts by hand instead if the others are to stay."),
        ),
        "MP0702": (
            _("%(version)s gets no requests now. Without the route its pods (%(pods)d ready) get their share of all of them."),
            _("Stop the pods of %(version)s first if it is not meant to serve."),
        ),
        "MP0703": (
            _("%(object)s is kept by %(owner)s, which may make it again right away."),
            _("Take it out there first: in its repository, or in what owns it."),
        ),
    }
    if finding.code not in sentences:
        return findings.sentence(finding)
    sentence, remedy = sentences[finding.code]
    return sentence % finding.values, remedy % finding.values
