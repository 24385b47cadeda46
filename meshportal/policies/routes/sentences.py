"""What rules do, for somebody who does not read YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.mesh.plans import Plan, PlanItem, field_changes
from meshportal.mesh.refs import DESTINATION_RULE
from meshportal.mesh.routes.comparing import Compared, shares
from meshportal.mesh.routes.shape import is_blank
from meshportal.policies.route_effects import copies, faults, headers, rewritten, target_name

Row = Mapping[str, Any]


def plain_words(service: str, routes: Sequence[Row], compared: Compared, plan: Plan) -> list[str]:
    """What changes, rule by rule, then the rest."""
    said = [rule_sentence(service, change.row, last=change.place == len(routes) - 1) for change in compared.changed]
    said += [_("No longer: %(rule)s") % {"rule": rule_sentence(service, row, last=False)} for row in compared.removed]
    if compared.moved:
        order = _(", ").join(requests(row, last=place == len(routes) - 1) for place, row in enumerate(routes))
        said.append(_("Rules are tried in this order: %(order)s.") % {"order": order})
    for item in plan.items:
        said.extend(_objects(item))
    if compared.untouched:
        said.append(
            ngettext("%(count)d other rule is not touched.", "%(count)d other rules are not touched.", compared.untouched)
            % {"count": compared.untouched}
        )
    return said


def rule_sentence(service: str, row: Row, *, last: bool) -> str:
    """One rule: which requests, where they go, and what else happens to them. `last` is whether no rule comes after it."""
    parts = [_goes(service, row, requests(row, last=last)), *rewritten(row), *_waits(row), *faults(row), *copies(row)]
    return _("%(parts)s.") % {"parts": _("; ").join([*parts, *headers(row)])}


def summary(service: str, row: Row, *, last: bool) -> str:
    """One line for the head of a rule that may be half typed."""
    return _goes(service, row, requests(row, last=last))


def requests(row: Row, *, last: bool) -> str:
    """Which requests a rule takes."""
    if not row["match"]:
        return _("all other requests") if last else _("all requests")
    return _(" or ").join(_condition(match) for match in row["match"])


def _condition(match: Row) -> str:
    who = _("%(method)s requests") % {"method": match["method"]} if match["method"] else _("requests")
    parts = []
    if match["path"]:
        said = {
            "exact": _("to exactly %(path)s"),
            "prefix": _("to %(path)s…"),
            "regex": _("to paths like %(path)s"),
        }.get(match["path_how"], "%(path)s")
        parts.append(said % {"path": match["path"]})
    values = [_named(_("header %(name)s"), row) for row in match["headers"]]
    values += [_named(_("parameter %(name)s"), row) for row in match["query"]]
    if values:
        parts.append(_("with %(values)s") % {"values": _(" and ").join(values)})
    if is_blank(match):
        parts.append(_("under conditions that the form does not show"))
    for part in parts:  # one by one: in some languages a condition is not simply put behind
        who = _("%(requests)s %(which)s") % {"requests": who, "which": part}
    return who


def _named(kind: str, row: Row) -> str:
    said = {
        "exact": _("%(what)s: %(value)s"),
        "prefix": _("%(what)s: %(value)s…"),
        "regex": _("%(what)s like %(value)s"),
        "present": "%(what)s",
    }.get(row["how"] or "exact", "%(what)s")
    return said % {"what": kind % row, "value": row["value"]}


def _goes(service: str, row: Row, who: str) -> str:
    who = who[:1].upper() + who[1:]
    redirect = row["redirect"]
    if row["destinations"]:
        return _("%(requests)s go to %(targets)s") % {"requests": who, "targets": _targets(service, row)}
    if not is_blank(redirect):
        where = redirect["authority"] + redirect["uri"]
        return _("%(requests)s are redirected to %(where)s (%(code)s)") % {
            "requests": who,
            "where": where,
            "code": redirect["code"] or "301",
        }
    return _("%(requests)s are answered as the live rule does") % {"requests": who}


def _targets(service: str, row: Row) -> str:
    percents = shares(row)
    if len(row["destinations"]) == 1:
        return target_name(service, row["destinations"][0])
    said = []
    for target in row["destinations"]:
        share = percents.get((target["host"], target["subset"]), 0.0)
        said.append(
            f"{target_name(service, target)} ({share:.3g} %)"
            if share
            else _("%(target)s (none)") % {"target": target_name(service, target)}
        )
    return _(", ").join(said)


def _waits(row: Row) -> list[str]:
    said = []
    if row["timeout"]:
        said.append(_("they time out after %(timeout)s") % {"timeout": row["timeout"]})
    retries = row["retries"]
    if retries["attempts"]:
        if retries["attempts"].strip("0") == "":
            said.append(_("failed ones are not tried again"))
        else:
            tried = _tried(int(retries["attempts"]))
            each = retries["per_try_timeout"]
            said.append(_("%(tried)s, %(each)s each") % {"tried": tried, "each": each} if each else tried)
    return said


def _tried(attempts: int) -> str:
    return ngettext("failed ones are tried once more", "failed ones are tried up to %(attempts)d times more", attempts) % {
        "attempts": attempts
    }


def _objects(item: PlanItem) -> list[str]:
    if item.before is None:
        return [_("A new %(kind)s is created.") % {"kind": f"{item.ref.kind.kind} {item.ref.name}"}]
    if item.ref.kind != DESTINATION_RULE:
        return []
    added = [change.after["name"] for change in field_changes(item) if isinstance(change.after, dict) and "name" in change.after]
    return [
        _("A new subset %(subset)s is added first, so that the route never points at nothing.") % {"subset": subset}
        for subset in added
    ]
