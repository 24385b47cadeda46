"""What is wrong with a value of a destination in words: the rule, and what to do."""

from __future__ import annotations

from django.utils.translation import gettext as _

from meshportal.mesh.field_errors import FieldError


def error_sentence(error: FieldError) -> str:
    """One sentence for the reader, beside the field. Raises KeyError for a code that `mesh.destinations` does not give."""
    sentences = {**_shapes(), **_values(), **_balancing(), **_rows(), **_locality()}
    return sentences[error.code] % error.values


def _shapes() -> dict[str, str]:
    return {
        "unknown-key": _("There is no field “%(key)s” here. Known: %(known)s."),
        "not-a-group": _("This takes an object with the fields %(known)s, or null to remove them all."),
        "not-a-list": _("This takes a list of objects, or null to remove them all."),
        "not-a-value": _("This takes one value, not a list or an object."),
        "too-many-rows": _("At most %(most)d rows fit here. Remove some."),
        "control-character": _("This holds a character that cannot be seen, such as a line break. Type it again."),
        "not-a-switch": _("“%(typed)s” is neither yes nor no. Write true or false."),
        "too-young": _("This takes Istio %(needs)s, and the mesh has %(has)s: it would do nothing. Leave it empty."),
    }


def _values() -> dict[str, str]:
    return {
        "not-a-duration": _("“%(typed)s” is not a duration of at least 1 ms. Write 30s, 500ms or 1h30m."),
        "not-a-duration-or-off": _("“%(typed)s” is not a duration. Write 30s, 500ms or 1h30m, or 0s to switch it off."),
        "not-a-lifetime": _("“%(typed)s” is not a duration. Write 30s or 1h30m, or 0s for a cookie that ends with the session."),
        "not-a-whole-number": _("“%(typed)s” is not a whole number. Write digits alone, such as 100, or leave it empty."),
        "too-large": _("“%(typed)s” is more than the %(most)d that fit here. Leave it empty for no limit."),
        "not-a-number": _("“%(typed)s” is not a number. Write one such as 10 or 2.5."),
        "not-a-percentage": _("“%(typed)s” is not a percentage from 0 to 100. Write one such as 50."),
        "not-positive": _("“%(typed)s” is not above 0. Write a number such as 1.0."),
        "needed-for-warmup": _("A warm-up needs a duration. Write one such as 30s, or clear its other fields."),
        "outliers-off": _("This counts only while failing pods are taken out. Tick that, or clear this."),
        "deprecated-errors": _("Istio no longer follows consecutiveErrors. Write the number as server errors in a row."),
    }


def _balancing() -> dict[str, str]:
    return {
        "unknown-way": _("There is no way “%(typed)s” to choose a pod. Known: %(known)s."),
        "not-used": _("This plays no part in the way to choose a pod above. Choose the way that uses it, or clear this."),
        "needed": _("The way to choose a pod above needs this. Fill it in, or choose another way."),
        "not-a-header": _("“%(typed)s” is no name of a header. Write letters, digits and dashes, such as x-user."),
        "not-a-cookie-name": _("“%(typed)s” is no name of a cookie. Write letters, digits and dashes, such as user."),
        "not-a-cookie-path": _("“%(typed)s” is no path of a cookie. Begin it with /, without spaces."),
        "not-a-query-parameter": _("“%(typed)s” is no name of a query parameter. Write it without spaces, &, = and #."),
    }


def _rows() -> dict[str, str]:
    return {
        "gone": _(
            "Row %(number)d is no longer what it was when you opened this form. Open it again, and make your change there."
        ),
        "needed-name": _("A subset needs a name. Write one such as v1, or remove the row."),
        "not-a-subset-name": _("“%(typed)s” is no name of a subset. Use up to 63 letters, digits and dashes, such as v1."),
        "repeated-name": _("Subset %(number)d has the name “%(name)s” too. Give one of them another."),
        "not-labels": _("“%(typed)s” is not a list of labels. Write them as version=v1, track=stable."),
        "repeated-label": _("The label “%(key)s” stands here twice. Keep one of them."),
        "not-a-label-key": _("“%(typed)s” is no name of a label. Write it as on the pods, such as version."),
        "not-a-label-value": _("“%(typed)s” is no value that a label (%(key)s) can have. Write it as on the pods, such as v1."),
    }


def _locality() -> dict[str, str]:
    return {
        "needed-region": _("A region is missing. Write one such as eu-west-1, or remove the row."),
        "not-a-region": _("“%(typed)s” is not a region. Write one such as eu-west-1, without zone and without *."),
        "same-region": _("Requests cannot move from %(region)s to itself. Write another region."),
        "needed-locality": _("A locality is missing. Write one such as eu-west-1/a, or remove the row."),
        "not-a-locality": _(
            "“%(typed)s” is not a locality. Write region, region/zone or region/zone/subzone, with * only at the end."
        ),
        "overlapping": _("“%(one)s” and “%(other)s” overlap. Name each place once."),
        "not-shares": _(
            "“%(typed)s” does not say where requests go. Write localities with percentages: eu-west-1=80, eu-west-2=20."
        ),
        "not-a-share": _("“%(typed)s” for %(locality)s is not a whole percentage from 1 to 100."),
        "wrong-sum": _("The percentages add up to %(sum)d, not to 100. Change one so that they do."),
        "failover-and-distribute": _("Istio takes either shares or failover, not both. Clear one of them."),
        "failover-and-priority": _(
            "The live object orders failover by %(label)s already, and Istio takes only one. Clear the regions here."
        ),
        "zone-aware": _(
            "The live object balances by zone (zoneAwareLbSetting), and Istio takes only one. Leave all of this empty."
        ),
    }
