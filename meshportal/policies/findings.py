"""What a rule has found, in words: for every code of `mesh.rules.table`, and for those of the weights form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from meshportal.mesh.findings import Finding
from meshportal.policies.finding_refusals import REFUSALS
from meshportal.policies.finding_words import REMARKS
from meshportal.policies.traffic import words as traffic

SENTENCES = REMARKS | REFUSALS
NAMED = 5


def sentence(finding: Finding) -> tuple[str, str]:
    """(what is the matter, what to do about it). Rules on objects say where; the weights form's are about no object."""
    reason = finding.values.get("why") or finding.values.get("wrong")
    words = SENTENCES.get(f"{finding.code}:{reason}") or SENTENCES.get(finding.code)
    # KIA0203 is the weights form's too, which speaks of a weight
    if words is None or ("weight" in finding.values and finding.code == "KIA0203"):
        return traffic.finding_sentence(finding)
    values = {name: _written(name, value, finding.values) for name, value in finding.values.items()}
    return str(words[0]) % values, str(words[1]) % values


def _written(name: str, value: Any, values: Mapping[str, Any]) -> Any:
    if name == "names":
        return _names(list(value), int(values.get("hidden", 0)))
    if value == "":
        return _("none")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _names(names: list[str], hidden: int) -> str:
    """Objects by name, at most NAMED of them, and how many there are of which the reader may not know more."""
    shown, more = names[:NAMED], len(names) - NAMED
    if more > 0:
        shown.append(ngettext("%(count)d more", "%(count)d more", more) % {"count": more})
    if hidden:
        shown.append(
            ngettext("%(count)d object you may not see", "%(count)d objects you may not see", hidden) % {"count": hidden}
        )
    return _(", ").join(shown)
