"""What a rule does to its requests besides where they go and how long they may take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

Row = Mapping[str, Any]


def effects(row: Row) -> list[str]:
    """In words, of a rule in the shape of the routes form."""
    return [*rewritten(row), *faults(row), *copies(row), *headers(row)]


def rewritten(row: Row) -> list[str]:
    said = []
    if row["rewrite"]["uri"]:
        said.append(_("their path becomes %(path)s") % {"path": row["rewrite"]["uri"]})
    if row["rewrite"]["authority"]:
        said.append(_("their host becomes %(host)s") % {"host": row["rewrite"]["authority"]})
    return said


def faults(row: Row) -> list[str]:
    abort, delay = row["fault"]["abort"], row["fault"]["delay"]
    said = []
    if delay["duration"]:
        said.append(
            _("%(percent)s %% of them wait %(delay)s first") % {"percent": delay["percent"] or 0, "delay": delay["duration"]}
        )
    if abort["status"]:
        said.append(
            _("%(percent)s %% of them fail with %(status)s on purpose")
            % {"percent": abort["percent"] or 0, "status": abort["status"]}
        )
    return said


def copies(row: Row) -> list[str]:
    return [
        _("%(percent)s %% of them are copied to %(target)s, whose answers nobody sees")
        % {"percent": mirror["percent"] or 100, "target": target_name("", mirror)}
        for mirror in row["mirrors"]
    ]


def headers(row: Row) -> list[str]:
    said = {
        ("request", "set"): _("their header %(name)s is set to %(value)s"),
        ("request", "add"): _("they get a header %(name)s: %(value)s"),
        ("request", "remove"): _("they lose their header %(name)s"),
        ("response", "set"): _("in answers, header %(name)s is set to %(value)s"),
        ("response", "add"): _("answers get a header %(name)s: %(value)s"),
        ("response", "remove"): _("answers lose their header %(name)s"),
    }
    return [said[header["on"], header["do"]] % header for header in row["headers"]]


def target_name(service: str, row: Row) -> str:
    """A destination by its shortest name: the subset of this service, or another host."""
    name = f"{row['host']} {row['subset']}".strip() or _("any pod of %(service)s") % {"service": service}
    return f"{name}:{row['port']}" if row["port"] and row["host"] else name
