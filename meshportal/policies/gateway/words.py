"""Exposures in words: titles, what a change does, remarks, and names of fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import FieldChange, Plan, PlanItem
from meshportal.mesh.refs import GATEWAY
from meshportal.policies import findings

NEW, EDITED, REMOVED = "new", "edited", "removed"


def title(service: str, acts: Sequence[Mapping[str, Any]]) -> str:
    """One line for lists."""
    kinds = {act["act"] for act in acts}
    hosts = ", ".join(dict.fromkeys(str(act["hosts"]) for act in acts))
    values = {"service": service, "hosts": hosts}
    if kinds == {NEW}:
        return _("Expose %(service)s at %(hosts)s") % values
    if kinds == {REMOVED}:
        return _("Stop exposing %(service)s at %(hosts)s") % values
    return _("Change how %(service)s is exposed at %(hosts)s") % values


def plain_words(intent: Mapping[str, Any], plan: Plan) -> list[str]:
    """What the change does, for somebody who does not read YAML."""
    sentences: list[str] = []
    for act in intent.get("acts", []):
        sentences.extend(_act(str(intent["service"]), act))
    for item in plan.changing:
        sentences.extend(_object(item))
    return sentences


def _act(service: str, act: Mapping[str, Any]) -> Iterator[str]:
    values = {"service": service, "address": address(act), "port": act["target_port"], "rewrite": act["rewrite"]}
    if act["act"] == REMOVED:
        yield _("Requests from outside to %(address)s no longer reach %(service)s.") % values
        return
    if act["act"] == EDITED:
        fields = _(", ").join(str(_field_names()[field]) for field in act["edited"])
        yield _("The way in to %(service)s at %(address)s changes: %(fields)s.") % (values | {"fields": fields})
    elif act["target_port"]:
        yield _("Requests from outside to %(address)s reach %(service)s at its port %(port)s.") % values
    else:
        yield _("Requests from outside to %(address)s reach %(service)s.") % values
    if act["rewrite"] and (act["act"] == NEW or "rewrite" in act["edited"]):
        yield _("The service sees the path as %(rewrite)s.") % values
    if act["redirect"] and (act["act"] == NEW or "redirect" in act["edited"]):
        yield _("Plain HTTP on port 80 is answered with a redirect to HTTPS.")


def _object(item: PlanItem) -> Iterator[str]:
    name = {"object": str(item.ref)}
    if item.before is None:
        yield _("%(object)s is created.") % name
    elif item.after is None:
        yield _("%(object)s is removed: nothing is left in it.") % name
    elif item.ref.kind == GATEWAY:
        yield _("%(object)s is changed. What others expose there stays.") % name


def address(act: Mapping[str, Any]) -> str:
    """Hosts, port and paths as one would type them: https://shop.example.com/api*."""
    scheme = {"HTTPS": "https", "TLS": "https"}.get(str(act["protocol"]), "http")
    usual = {"http": "80", "https": "443"}[scheme]
    port = "" if str(act["port"]) in ("", usual) else f":{act['port']}"
    paths = str(act["paths"]).split(", ")
    return ", ".join(f"{scheme}://{host}{port}{path}" for host in str(act["hosts"]).split(", ") for path in paths)


def _field_names() -> dict[str, str]:
    return {
        "gateway": _("Gateway"),
        "workload": _("ingress gateway"),
        "hosts": _("hosts"),
        "port": _("port"),
        "protocol": _("protocol"),
        "tls_mode": _("TLS mode"),
        "credential": _("certificate"),
        "redirect": _("redirect from HTTP"),
        "paths": _("paths"),
        "target_port": _("port of the service"),
        "rewrite": _("rewritten path"),
    }


def finding_sentence(finding: Finding) -> tuple[str, str]:
    """A finding, and what to do about it: ours here, those of the mesh's rules where their words are."""
    sentences = {
        "MP0101": (_("This is what is live already: nothing would change."), _("Change a field, or add a row.")),
        "MP0801": (
            _(
                "%(hosts)s opens the service to everybody who reaches the gateway on port %(port)s, from outside the mesh too. "
                "An approver of %(namespaces)s has to agree."
            ),
            _("Make sure that the service asks for a login itself, or that an AuthorizationPolicy limits who may call it."),
        ),
        "MP0802": (
            _("The same hosts are answered at %(ports)s too, beside port %(port)s: a route counts at every port of its Gateway."),
            _("Use a Gateway of its own if only one port is to lead there."),
        ),
        "MP0803": (
            _("%(object)s is followed inside the mesh too: callers there get the same change."),
            _("Expose the service by a new row, and remove this one, if they should not."),
        ),
        "MP0804": (
            _("The certificate comes from the Secret %(name)s in the gateway's namespace. This portal never reads Secrets."),
            _("Make sure that it is there: without it the gateway refuses every connection of these hosts."),
        ),
        "MP0805": (
            _("Requests on port %(port)s are not encrypted on their way to the gateway."),
            _("Choose HTTPS if they carry anything that others must not read."),
        ),
        "MP0806": (
            _("%(hosts)s (%(path)s) no longer leads to the service at %(gateways)s: whoever still calls it gets 404."),
            _("Look at the service's callers first."),
        ),
        "MP0807": (
            _("%(gateway)s still lists %(hosts)s: it lies in another namespace, and others may need it."),
            _("Ask its owners to take the host out."),
        ),
        "MP0808": (
            _("%(path)s/x is handed on as %(rewrite)s/x, with a slash too many."),
            _("End both with a slash, or neither."),
        ),
    }
    if finding.code not in sentences:
        return findings.sentence(finding)
    sentence, remedy = sentences[finding.code]
    return sentence % finding.values, remedy


_LABELS = (
    (re.compile(r"^spec\.http\[\d+\]\.match(\[\d+\](\.uri(\..*)?)?)?$"), "paths"),
    (re.compile(r"^spec\.http\[\d+\]\.rewrite(\.uri)?$"), "rewrite"),
    (re.compile(r"^spec\.http\[\d+\]\.route\[\d+\]\.destination\.port(\.number)?$"), "target_port"),
    (re.compile(r"^spec\.hosts(\[\d+\])?$"), "hosts"),
    (re.compile(r"^spec\.gateways(\[\d+\])?$"), "gateway"),
    (re.compile(r"^spec\.servers\[\d+\]\.hosts(\[\d+\])?$"), "hosts"),
    (re.compile(r"^spec\.servers\[\d+\]\.tls\.credentialName$"), "credential"),
    (re.compile(r"^spec\.servers\[\d+\]\.tls\.mode$"), "tls_mode"),
    (re.compile(r"^spec\.servers\[\d+\]\.port\.number$"), "port"),
    (re.compile(r"^spec\.servers\[\d+\]\.port\.protocol$"), "protocol"),
)


def field_label(change: FieldChange) -> str:
    """A name for a changed field, "" where its path has to do."""
    field = next((field for pattern, field in _LABELS if pattern.match(change.path)), "")
    name = str(_field_names()[field]) if field else ""
    return name[:1].upper() + name[1:]


def field_text(path: str, value: Any) -> str:
    """A value as a person writes it, "" where its YAML has to do."""
    if isinstance(value, dict) and set(value) == {"prefix"}:
        return f"{value['prefix']}*"
    if isinstance(value, dict) and set(value) == {"exact"}:
        return str(value["exact"])
    if isinstance(value, list) and value and path.endswith("hosts"):
        return ", ".join(str(host) for host in value)
    return ""
