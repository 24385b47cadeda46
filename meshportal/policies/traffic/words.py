"""Traffic weights in words: sentences, remedies and names of fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.mesh.field_errors import FieldError
from meshportal.mesh.findings import Finding
from meshportal.mesh.plans import FieldChange, Plan, PlanItem, field_changes
from meshportal.mesh.refs import DESTINATION_RULE, ServiceRef
from meshportal.mesh.traffic import NotEditable, TrafficLive, live_weights


def error_sentence(error: FieldError) -> str:
    """What is wrong with a typed weight, and what to do."""
    if error.code == "not-editable":
        return not_editable(str(error.values["why"]), str(error.values["names"]))
    sentences = {
        "not-a-number": _("“%(typed)s” is not a whole number. Write a percentage from 0 to 100, such as 10."),
        "out-of-range": _("A weight lies between 0 and 100."),
        "unknown-subset": _("There is no subset “%(subset)s” and no version of that name. Known: %(known)s."),
        "wrong-sum": _("The weights add up to %(sum)s %%, not to 100 %%. Change one so that they do."),
    }
    return sentences[error.code] % error.values


def not_editable(why: str, names: str) -> str:
    """Why the objects that are live cannot carry weights, and what to do."""
    sentences = {
        "several-virtual-services": _(
            "More than one VirtualService routes this service (%(names)s). Merge them first: which one wins is undefined. KIA1106"
        ),
        "several-destination-rules": _(
            "More than one DestinationRule is for this service (%(names)s). Merge them first. KIA0201"
        ),
        "foreign-route": _(
            "The route also sends requests elsewhere (%(names)s), so weights between versions do not tell all. Edit it by hand."
        ),
        "repeated-subset": _("The route names the same subset more than once (%(names)s). Make it one entry first. KIA1105"),
    }
    return sentences[why] % {"names": names}


def title(service: str, weights: Mapping[str, int], before: Mapping[str, float]) -> str:
    """One line for lists: the canary's share where there are two versions, else all of them."""
    given = {subset: weight for subset, weight in weights.items() if weight > 0}
    if len(given) == 1:
        return _("Route all of %(service)s to %(subset)s") % {"service": service, "subset": next(iter(given))}
    risen = [subset for subset, weight in given.items() if weight > before.get(subset, 0)]
    if len(risen) == 1:
        values = {"percent": given[risen[0]], "service": service, "subset": risen[0]}
        return _("Route %(percent)d %% of %(service)s to %(subset)s") % values
    shares = ", ".join(f"{subset} {weight} %" for subset, weight in given.items())
    return _("Route %(service)s to %(shares)s") % {"service": service, "shares": shares}


def plain_words(service: str, weights: Mapping[str, int], plan: Plan, per_second: float | None) -> list[str]:
    """What the change does, for somebody who does not read YAML."""
    before = _weights_before(plan, service)
    sentences: list[str] = []
    # what grows is what the change is about, so it comes first
    for subset in sorted(weights, key=lambda name: before.get(name, 0) - weights[name]):
        weight = weights[subset]
        values = {"percent": weight, "service": service, "subset": subset}
        if weight == 0:
            if before.get(subset):
                sentences.append(_("No requests go to %(subset)s any more.") % values)
        elif per_second:
            values["rate"] = _rate(per_second * weight / 100)
            sentences.append(_("%(percent)d %% of requests to %(service)s go to %(subset)s, about %(rate)s a second.") % values)
        else:
            sentences.append(_("%(percent)d %% of requests to %(service)s go to %(subset)s.") % values)
    for item in plan.items:
        sentences.extend(_objects(item))
    others = _other_routes(plan)
    if others:
        sentences.append(
            ngettext(
                "%(count)d other route of the VirtualService is not touched.",
                "%(count)d other routes of the VirtualService are not touched.",
                others,
            )
            % {"count": others}
        )
    return sentences


def _weights_before(plan: Plan, service: str) -> Mapping[str, float]:
    item = plan.items[-1]
    if item.before is None:
        return {}
    live = TrafficLive(ServiceRef(item.ref.namespace, service), virtual_services=(item.before,))
    try:
        return live_weights(live) or {}
    except NotEditable:
        return {}


def _objects(item: PlanItem) -> list[str]:
    if item.before is None:
        return [_("A new %(kind)s is created.") % {"kind": f"{item.ref.kind.kind} {item.ref.name}"}]
    if item.ref.kind != DESTINATION_RULE:
        return []
    after = item.after or {}
    added = [change.after["name"] for change in field_changes(item) if isinstance(change.after, dict) and "name" in change.after]
    if isinstance(after["spec"].get("subsets"), list) and not item.before["spec"].get("subsets") and item.changes_anything:
        added = [subset["name"] for subset in after["spec"]["subsets"]]
    return [
        _("A new subset %(subset)s is added first, so that the route never points at nothing.") % {"subset": subset}
        for subset in added
    ]


def _other_routes(plan: Plan) -> int:
    after = plan.items[-1].after or {"spec": {}}
    return max(0, len(after["spec"].get("http") or []) - 1)


def _rate(per_second: float) -> str:
    return f"{per_second:.0f}" if per_second >= 10 else f"{per_second:.1f}"


def finding_sentence(finding: Finding) -> tuple[str, str]:
    """A finding, and what to do about it."""
    if finding.code == "MP0102":
        values = finding.values
        return (
            _(
                "%(weight)d %% is about %(rate)s requests a second. "
                "Ruling out 1 %% of errors takes %(clean)d clean ones: about %(seconds)d s."
            )
            % {
                "weight": values["weight"],
                "rate": _rate(float(values["per_second"])),
                "clean": values["clean"],
                "seconds": round(float(values["seconds"])),
            },
            "",
        )
    sentences = {
        "KIA0203": (
            _("No pod of %(subset)s is ready (0 of %(total)d), so %(weight)d %% of requests would fail."),
            _("Start a pod of that version first, or give it no weight."),
        ),
        "MP0101": (_("This is what is live already: nothing would change."), _("Change a weight.")),
        "MP0105": (
            _("The same VirtualService also routes %(hosts)s: requests to them follow the same weights."),
            _("Give them a VirtualService of their own if they should not."),
        ),
        "MP0104": (
            _("Nobody knows whether a pod of %(subset)s is ready."),
            _("See for yourself first: Kubernetes does not answer, or the subset is not chosen by version."),
        ),
        "MP0103": (
            _("Only %(ready)d of %(total)d pods of %(subset)s are ready, and %(weight)d %% of requests would go there."),
            _("See why the others are not ready before you send it that much."),
        ),
    }
    sentence, remedy = sentences[finding.code]
    return sentence % finding.values, remedy


_ROUTE = re.compile(r"^spec\.http\[(\d+)\]\.route\[(\d+)\](.*)$")
_SUBSET = re.compile(r"^spec\.subsets\[(\d+)\]$")


def field_label(change: FieldChange, before: Any, after: Any) -> str:
    """A name for a changed field, "" where its path has to do."""
    if match := _ROUTE.match(change.path):
        http, place, rest = int(match[1]), int(match[2]), match[3]
        subset = _subset_of(after, http, place) or _subset_of(before, http, place)
        if subset and rest in {"", ".weight"}:
            return _("Weight of %(subset)s") % {"subset": subset}
    if match := _SUBSET.match(change.path):
        value = change.after if isinstance(change.after, dict) else change.before
        if isinstance(value, dict):
            return _("Subset %(subset)s") % {"subset": value.get("name", "")}
    return ""


def field_text(path: str, value: Any) -> str:
    """A value as a person writes it, "" where its YAML has to do."""
    if path.endswith(".weight") and isinstance(value, int):
        return f"{value} %"
    if isinstance(value, dict) and "destination" in value:
        return f"{value.get('weight', 100)} %"
    if isinstance(value, dict) and "labels" in value:
        return ", ".join(f"{label}: {text}" for label, text in value["labels"].items())
    return ""


def _subset_of(manifest: Any, http: int, place: int) -> str:
    try:
        return str(manifest["spec"]["http"][http]["route"][place]["destination"].get("subset", ""))
    except (KeyError, IndexError, TypeError):
        return ""
