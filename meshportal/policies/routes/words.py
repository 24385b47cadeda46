"""Routes in words: titles, and names and values of fields in the diff."""

from __future__ import annotations

import re
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import FieldChange
from meshportal.mesh.routes.comparing import NOTHING_CHANGES, OTHER_HOSTS, Compared

FIELDS: dict[str, str | Promise] = {
    "name": gettext_lazy("name"),
    "match": gettext_lazy("conditions"),
    "destinations": gettext_lazy("destinations"),
    "rewrite": gettext_lazy("rewrite"),
    "redirect": gettext_lazy("redirect"),
    "timeout": gettext_lazy("timeout"),
    "retries": gettext_lazy("retries"),
    "fault": gettext_lazy("faults"),
    "mirrors": gettext_lazy("mirroring"),
    "headers": gettext_lazy("headers"),
}


def title(service: str, compared: Compared, routed: bool) -> str:
    """One line for lists. `routed` is whether the service has rules already."""
    if not routed:
        return _("Set up rules for requests to %(service)s") % {"service": service}
    added, removed = len(compared.added), len(compared.removed)
    edited = [change for change in compared.changed if change.before is not None]
    values = {"service": service, "added": added, "removed": removed}
    if added and removed:
        return _("Replace rules of %(service)s: %(added)d new, %(removed)d removed") % values
    if added:
        return ngettext("Add %(added)d rule to %(service)s", "Add %(added)d rules to %(service)s", added) % values
    if removed:
        return ngettext("Remove %(removed)d rule of %(service)s", "Remove %(removed)d rules of %(service)s", removed) % values
    names = list(dict.fromkeys(str(FIELDS[name]) for change in edited for name in change.fields))
    if not names:
        return _("Try the rules of %(service)s in another order") % {"service": service}
    fields = _(", ").join(names[:4]) + (" …" if len(names) > 4 else "")
    if len(edited) == 1:
        return _("Change %(fields)s of rule %(number)d of %(service)s") % {
            "fields": fields,
            "number": edited[0].place + 1,
            "service": service,
        }
    return _("Change %(fields)s of %(count)d rules of %(service)s") % {"fields": fields, "count": len(edited), "service": service}


def remark(finding: Finding) -> tuple[str, str] | None:
    """What only this form says, None for a finding of the mesh's rules."""
    if finding.code == NOTHING_CHANGES:
        return _("This is what is live already: nothing would change."), _("Edit, add, remove or move a rule.")
    if finding.code == OTHER_HOSTS:
        said = _("The same VirtualService also routes %(hosts)s: these rules hold for them too.") % finding.values
        return said, _("Give them a VirtualService of their own if they should not.")
    return None


_LABELS: tuple[tuple[str, str | Promise], ...] = (
    (r"", gettext_lazy("Rule %(rule)d")),
    (r"\.name", gettext_lazy("Name of rule %(rule)d")),
    (r"\.timeout", gettext_lazy("Timeout of rule %(rule)d")),
    (r"\.retries", gettext_lazy("Retries of rule %(rule)d")),
    (r"\.retries\.attempts", gettext_lazy("Tries again, rule %(rule)d")),
    (r"\.retries\.perTryTimeout", gettext_lazy("Each try at most, rule %(rule)d")),
    (r"\.retries\.retryOn", gettext_lazy("Tries again on, rule %(rule)d")),
    (r"\.match", gettext_lazy("Conditions of rule %(rule)d")),
    (r"\.match\[(?P<one>\d+)\]", gettext_lazy("Condition %(one)d of rule %(rule)d")),
    (r"\.match\[\d+\]\.uri.*", gettext_lazy("Path, rule %(rule)d")),
    (r"\.match\[\d+\]\.ignoreUriCase", gettext_lazy("Path in any case, rule %(rule)d")),
    (r"\.match\[\d+\]\.method.*", gettext_lazy("Method, rule %(rule)d")),
    (r"\.match\[\d+\]\.headers.*", gettext_lazy("Header, rule %(rule)d")),
    (r"\.match\[\d+\]\.queryParams.*", gettext_lazy("Query parameter, rule %(rule)d")),
    (r"\.route", gettext_lazy("Destinations of rule %(rule)d")),
    (r"\.route\[(?P<one>\d+)\]", gettext_lazy("Destination %(one)d of rule %(rule)d")),
    (r"\.route\[(?P<one>\d+)\]\.weight", gettext_lazy("Weight of destination %(one)d, rule %(rule)d")),
    (r"\.route\[(?P<one>\d+)\]\.destination\.subset", gettext_lazy("Subset of destination %(one)d, rule %(rule)d")),
    (r"\.route\[(?P<one>\d+)\]\.destination\.host", gettext_lazy("Host of destination %(one)d, rule %(rule)d")),
    (r"\.route\[(?P<one>\d+)\]\.destination\.port.*", gettext_lazy("Port of destination %(one)d, rule %(rule)d")),
    (r"\.redirect.*", gettext_lazy("Redirect, rule %(rule)d")),
    (r"\.rewrite.*", gettext_lazy("Rewrite, rule %(rule)d")),
    (r"\.fault\.abort.*", gettext_lazy("Failures on purpose, rule %(rule)d")),
    (r"\.fault\.delay.*", gettext_lazy("Delays on purpose, rule %(rule)d")),
    (r"\.fault", gettext_lazy("Faults on purpose, rule %(rule)d")),
    (r"\.mirror.*", gettext_lazy("Copies, rule %(rule)d")),
    (r"\.headers\.request.*", gettext_lazy("Headers of requests, rule %(rule)d")),
    (r"\.headers\.response.*", gettext_lazy("Headers of responses, rule %(rule)d")),
    (r"\.headers", gettext_lazy("Headers, rule %(rule)d")),
)
_COMPILED = tuple((re.compile(rf"spec\.http\[(?P<rule>\d+)\]{path}", re.DOTALL), label) for path, label in _LABELS)
_SUBSET = re.compile(r"spec\.subsets\[\d+\]")


def field_label(change: FieldChange) -> str:
    """A name for a changed field, "" where its path has to do. Rules and their parts are counted from 1, as on the page."""
    for pattern, label in _COMPILED:
        if found := pattern.fullmatch(change.path):
            return str(label) % {name: int(number) + 1 for name, number in found.groupdict().items()}
    value = change.after if isinstance(change.after, dict) else change.before
    if _SUBSET.fullmatch(change.path) and isinstance(value, dict):
        return _("Subset %(subset)s") % {"subset": value.get("name", "")}
    return ""


def field_text(path: str, value: Any) -> str:
    """A value as a person writes it, "" where its YAML has to do."""
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and re.search(r"(\.weight|[pP]ercent|ercentage\.value)$", path)
    ):
        return f"{value} %"
    if isinstance(value, dict) and "labels" in value:
        return ", ".join(f"{label}: {text}" for label, text in value["labels"].items())
    return ""
