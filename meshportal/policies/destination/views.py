"""The page that says how requests reach a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from meshportal.changes.kinds import Subject
from meshportal.mesh.destinations.fields import OTHER, PASSTHROUGH
from meshportal.mesh.destinations.live import DestinationLive, Offer, Ready, destination_live, offers, pods_of
from meshportal.mesh.destinations.reading import group, own_policies, pairs_of, read, text_of
from meshportal.mesh.destinations.rows import pairs_in
from meshportal.mesh.destinations.typed import young
from meshportal.mesh.plans import other_managers
from meshportal.mesh.refs import ref_of
from meshportal.policies.destination.words import places
from meshportal.policies.editing import Editor, Outcome
from meshportal.policies.formkit import Form, Row
from meshportal.policies.live import live_of
from meshportal.policies.nesting import Raw, value_at

OFFERED = "offered"
GROUPS = frozenset(read(None))


@dataclass(frozen=True)
class SubsetRow:
    """One subset in the form. `pods` are those with its labels, None where the labels are no labels yet."""

    row: Row
    pods: Ready | None

    @property
    def name(self) -> str:
        return f"{self.row.path}.name"

    @property
    def labels(self) -> str:
        return f"{self.row.path}.labels"


@dataclass(frozen=True)
class OfferedSubset:
    """A subset to tick. `value` is what the tick sends: its name and its labels."""

    name: str
    labels: str
    ready: int | None
    total: int | None

    @property
    def value(self) -> str:
        return f"{self.name}:{self.labels}"


class DestinationEditor(Editor):
    kind = "destination"
    template = "policies/destination/edit.html"

    def raw_of_post(self, request: HttpRequest) -> Raw:
        """The groups of the form. A subset that was ticked among the offered ones is a row from here on."""
        raw = {key: value for key, value in super().raw_of_post(request).items() if key in GROUPS}
        rows = raw.get("subsets")
        added = [{"name": name, "labels": labels} for name, colon, labels in _ticked(request) if colon]
        if added:
            raw["subsets"] = [*(rows if isinstance(rows, list) else []), *added]
        return raw

    def title(self, subject: Subject) -> str:
        return _("How requests reach %(service)s") % {"service": subject.service}

    def crumb(self) -> str:
        return _("Destination")

    def offers(self, subject: Subject, form: Form, proposal: Outcome) -> Mapping[str, Any]:
        found = live_of(subject)
        live = destination_live(found.service, found.facts)
        rule = live.rules[0] if len(live.rules) == 1 else None
        rows = [SubsetRow(row, _pods(live, form, row)) for row in form.rows("subsets")]
        needs = young(live.facts.istio_version)
        return {
            "object": str(live.ref),
            "is_new": not live.rules,
            "managers": other_managers(rule, (("spec", "trafficPolicy"), ("spec", "subsets")), "meshportal"),
            "subset_rows": rows,
            "offered": [_offered(offer) for offer in offers(live) if not _is_there(offer, form)],
            "whole": live.facts.whole,
            "wildcards": [(str(ref_of(other)), text_of(group(other, "spec").get("host"))) for other in live.wildcards],
            "own_policies": [
                (places([name], []) if kind == "subset" else places([], [name]), ", ".join(sections))
                for (kind, name), sections in own_policies(rule).items()
            ],
            "ways": _ways(form.live("load_balancer.how") or ""),
            "switch": [("", _("as the mesh has it")), ("true", _("yes")), ("false", _("no"))],
            "old_errors": value_at(form.current.raw, "outlier_detection.consecutive_errors"),
            "warmup_needs": _needs(needs.get("warmup", ""), live.facts.istio_version),
            "idle_needs": _needs(needs.get("connection_pool.tcp.idle_timeout", ""), live.facts.istio_version),
        }


def _offered(offer: Offer) -> OfferedSubset:
    return OfferedSubset(offer.name, pairs_of(offer.labels), offer.pods.ready, offer.pods.total)


def _ticked(request: HttpRequest) -> list[tuple[str, str, str]]:
    return [value.partition(":") for value in request.POST.getlist(OFFERED)]


def _pods(live: DestinationLive, form: Form, row: Row) -> Ready | None:
    pairs = pairs_in(form.value(f"{row.path}.labels"))
    return None if pairs is None else pods_of(live, dict(pairs))


def _is_there(offer: Offer, form: Form) -> bool:
    """Whether the form has a subset of this name, or one with exactly these labels."""
    rows = [(form.value(f"{row.path}.name"), form.value(f"{row.path}.labels")) for row in form.rows("subsets")]
    return any(name == offer.name or pairs_of(dict(pairs_in(labels) or ())) == pairs_of(offer.labels) for name, labels in rows)


def _ways(now: str) -> list[tuple[str, str]]:
    """The ways to choose a pod; one that nobody can choose only where it is live."""
    ways = [
        ("", _("as Istio does by itself (the fewest open requests)")),
        ("least_request", _("the pod with the fewest open requests (least request)")),
        ("round_robin", _("the next pod in turn (round robin)")),
        ("random", _("any pod (random)")),
        ("header", _("the same pod for the same header (consistent hash)")),
        ("cookie", _("the same pod for the same cookie (consistent hash)")),
        ("source_ip", _("the same pod for the same source address (consistent hash)")),
        ("query_parameter", _("the same pod for the same query parameter (consistent hash)")),
    ]
    kept = {
        PASSTHROUGH: _("the address that the caller asked for (passthrough)"),
        OTHER: _("as the live object says, which is not one of these"),
    }
    return [*ways, *((way, words) for way, words in kept.items() if way == now)]


def _needs(release: str, has: str) -> str:
    """Why a field cannot be filled, "" where it can."""
    return _("Takes Istio %(needs)s; this mesh has %(has)s.") % {"needs": release, "has": has} if release else ""
