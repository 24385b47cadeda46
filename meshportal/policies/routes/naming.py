"""Fields of the form by name, so that a message can be understood away from its field: "Rule 3, retries, tries again"."""

from __future__ import annotations

import re

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

_STEP = re.compile(r"([a-z_]+)(?:\[(\d+)\])?")
_ROWS: dict[str, str | Promise] = {
    "routes": _("Rule %(number)d"),
    "match": _("condition %(number)d"),
    "query": _("parameter %(number)d"),
    "destinations": _("destination %(number)d"),
    "mirrors": _("copy %(number)d"),
    "headers": _("header %(number)d"),
}
_NAMES: dict[str, str | Promise] = {
    "routes": _("Rules"),
    "match": _("conditions"),
    "query": _("parameters"),
    "destinations": _("destinations"),
    "mirrors": _("copies"),
    "headers": _("headers"),
    "name": _("name"),
    "path_how": _("how the path compares"),
    "path": _("path"),
    "ignore_case": _("upper or lower case"),
    "method_how": _("how the method compares"),
    "method": _("method"),
    "how": _("how it compares"),
    "value": _("value"),
    "host": _("host"),
    "subset": _("subset"),
    "port": _("port"),
    "weight": _("weight"),
    "percent": _("percent"),
    "rewrite": _("rewrite"),
    "redirect": _("redirect"),
    "uri": _("path"),
    "authority": _("host"),
    "code": _("status"),
    "timeout": _("timeout"),
    "retries": _("retries"),
    "attempts": _("tries again"),
    "per_try_timeout": _("each try at most"),
    "retry_on": _("tries again on"),
    "fault": _("faults"),
    "abort": _("failures"),
    "delay": _("delays"),
    "status": _("status"),
    "duration": _("time"),
    "on": _("where"),
    "do": _("what"),
    "origin": _("origin"),
}


def field_name(path: str) -> str:
    """A path of the form in words, "" for the whole form and for what has no name."""
    said = []
    for name, place in _STEP.findall(path):
        if place and name in _ROWS:
            said.append(str(_ROWS[name]) % {"number": int(place) + 1})
        elif name in _NAMES:
            said.append(str(_NAMES[name]))
    return gettext(", ").join(said)
