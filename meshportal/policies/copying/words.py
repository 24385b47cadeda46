"""Copying a policy in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import Plan
from meshportal.mesh.refs import DESTINATION_RULE, VIRTUAL_SERVICE, Manifest, ServiceRef
from meshportal.policies import findings


def choose_source() -> str:
    return _("Choose the service to copy from.")


def no_source() -> str:
    return _("There is no such service, or no such object of it, in your scope. Choose what you may see.")


def same_service() -> str:
    return _("This is the service itself. Choose another one to copy from.")


def unknown_object(name: str, service: ServiceRef) -> str:
    return _("There is no “%(object)s” that routes %(service)s or is for it. Tick objects of the list.") % {
        "object": name,
        "service": service,
    }


def nothing_chosen(anything: bool) -> str:
    if anything:
        return _("Tick at least one object that is to be copied.")
    return _("That service has no VirtualService and no DestinationRule: there is nothing to copy.")


def not_copyable(code: str, names: str) -> str:
    """Why these objects cannot become the target's, and what to do."""
    sentences = {
        "several-chosen": _("Copy one of them at a time: %(names)s."),
        "several-live": _("This service has several of them already (%(names)s). Merge or remove them first."),
    }
    return sentences[code] % {"names": names}


def title(source: str, service: str) -> str:
    """One line for lists."""
    return _("Copy the policy of %(source)s to %(service)s") % {"source": source, "service": service}


def plain_words(intent: Mapping[str, Any], plan: Plan) -> list[str]:
    """What the change does, for somebody who does not read YAML."""
    source = intent["from"]
    values = {"source": f"{source['mesh']}/{source['namespace']}/{source['service']}", "service": intent["service"]}
    sentences = [_("%(service)s gets the policy that %(source)s has now.") % values]
    for item in plan.changing:
        made = _("%(object)s is made.") if item.before is None else _("What %(object)s says is replaced.")
        sentences.append(made % {"object": item.ref})
        spec = item.wanted["spec"]
        if item.ref.kind == VIRTUAL_SERVICE:
            sentences.append(_("Its routes lead to %(service)s wherever they led to the other service.") % values)
        elif subsets := spec.get("subsets"):
            names = ", ".join(str(subset.get("name", "")) for subset in subsets)
            named = {"names": names, "service": intent["service"]}
            sentences.append(_("Its subsets are %(names)s, picked from the pods of %(service)s.") % named)
    sentences.append(_("Later changes of the other service are not followed."))
    return sentences


def summary(manifest: Manifest) -> str:
    """One line of what an object of the source is for."""
    spec = manifest.get("spec") or {}
    if manifest["kind"] == DESTINATION_RULE.kind:
        names = ", ".join(str(subset.get("name", "")) for subset in spec.get("subsets") or [])
        return _("subsets %(names)s") % {"names": names} if names else _("no subsets")
    return _("routes %(hosts)s") % {"hosts": ", ".join(str(host) for host in spec.get("hosts") or [])}


def finding_sentence(finding: Finding) -> tuple[str, str]:
    """A finding, and what to do about it."""
    sentences = {
        "MP0711": (
            _("%(object)s is there already: all that it says now for %(service)s is replaced by the copy."),
            _("Look at what goes in the difference from live, or copy only the other object."),
        ),
        "MP0712": (
            _("The other object also routes %(hosts)s. Those hosts are left out: one host has one VirtualService."),
            "",
        ),
        "MP0713": (
            _("What holds at gateways alone (%(gateways)s) is left out."),
            _("Let requests in from outside by a change of their own."),
        ),
        "MP0714": (_("The policy of both is the same already: nothing would change."), _("Choose another object or service.")),
    }
    if finding.code not in sentences:
        return findings.sentence(finding)
    sentence, remedy = sentences[finding.code]
    return sentence % finding.values, remedy
