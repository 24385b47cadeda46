"""What is wrong with a typed or sent value of a route, and what to do: one sentence a code."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from meshportal.mesh.field_errors import FieldError
from meshportal.policies.routes.naming import field_name

_SHAPE: dict[str, str | Promise] = {
    "unknown-field": _("There is no field “%(name)s” here. There is: %(known)s."),
    "not-a-group": _("This must be an object with the fields %(known)s."),
    "not-a-list": _("This must be a list of objects, empty for none."),
    "not-text": _("This must be a single value: text, a number, true or false."),
    "too-long": _("Keep this under %(limit)s bytes."),
    "control-character": _("This holds a line break or another character that cannot be seen. Type it again."),
    "origin-gone": _(
        "Somebody has changed or removed this entry in the mesh since you opened the form. "
        "Look at what is live now, then remove this row here and add what you want again."
    ),
    "origin-twice": _("Two rows come from the same live entry. Remove one, or send it without its origin to add a copy."),
    "not-a-choice": _("“%(typed)s” is not possible here. Choose one of: %(known)s."),
    "not-whole": _("“%(typed)s” is not a whole number from %(low)s to %(high)s."),
    "no-routes": _("At least one rule must stay. To leave the service without rules, remove its policy as a whole."),
}
_MATCHES: dict[str, str | Promise] = {
    "empty-match": _("This condition asks for nothing. Fill in a path, method, header or parameter, or remove it."),
    "path-missing": _("Write the path, such as /v1, or choose “any path”."),
    "path-how-missing": _("Choose how the path compares, or empty the path."),
    "path-start": _("“%(typed)s” does not begin with “/”. Write a path such as /v1."),
    "path-characters": _("A path has no blanks, “?” or “#”. Match query parameters in their own fields."),
    "path-blank": _("A path has no blanks. Write %%20 for one."),
    "ignore-case-regex": _("A regular expression decides about case by itself: begin it with (?i), and untick this."),
    "ignore-case-path": _("This is about the path. Write one, or untick this."),
    "not-a-method": _("“%(typed)s” is no HTTP method. Methods are in capitals, such as GET."),
    "not-a-header": _("“%(typed)s” is no header name. Use letters, digits and “-”, such as x-user."),
    "name-missing": _("Write a name, or remove this row."),
    "repeated-name": _("“%(name)s” stands here twice, and only one of them could hold. Remove one."),
    "value-missing": _("Write a value. If it is enough that the name is there, choose “is there”; else remove this row."),
    "value-needless": _("With “is there” the value does not matter. Empty it, or choose how it compares."),
    "regex-too-long": _("Istio takes regular expressions of up to %(limit)s bytes. Shorten it, or use a prefix."),
    "not-a-regex": _(
        "“%(typed)s” is no regular expression of RE2, which Istio uses (%(why)s). It has no lookaround and no backreferences."
    ),
}
_TARGETS: dict[str, str | Promise] = {
    "no-answer": _("This rule does nothing with its requests. Add a destination, or fill in where to redirect."),
    "answers-already": _(
        "This rule already answers with %(names)s, which this form does not change. Add a rule of its own instead."
    ),
    "sends-and-redirects": _(
        "A rule either sends requests on or redirects them. Remove its destinations, or empty the redirect."
    ),
    "redirect-excludes": _("A rule that does not send requests on can neither rewrite them nor inject faults. Empty this."),
    "unknown-subset": _("There is no subset “%(subset)s” and no version of that name. Known: %(known)s."),
    "not-a-subset": _("“%(typed)s” cannot be a subset's name: lower-case letters, digits and “-”, at most 63."),
    "not-a-host": _("“%(typed)s” is no host to send to. Write its name in full, such as ratings.bookinfo.svc.cluster.local."),
    "not-an-authority": _("“%(typed)s” is no host. Write one such as shop.example or shop.example:8443."),
    "repeated-destination": _("The same destination stands here twice. Make it one row with both weights."),
    "repeated-copy": _("Copies go there already. Remove one of the two rows."),
    "wrong-sum": _("The weights of this rule add up to %(sum)s %%, not to 100 %%. Change one so that they do."),
    "mirror-missing": _("Choose the subset or the host that gets the copies, or remove this row."),
}
_ACTS: dict[str, str | Promise] = {
    "not-a-duration": _("“%(typed)s” is not a duration. Write 3s or 500ms, at least 1ms."),
    "attempts-missing": _("Write how many times a failed request is tried again, or empty the other fields of the retries."),
    "attempts-kept": _("The live retries also have %(names)s, which this form keeps. Write how many times; 0 turns them off."),
    "retries-off": _("0 turns retries off, so nothing else may be said about them. Empty this, or write a number above 0."),
    "retries-off-kept": _(
        "The live retries also have retryRemoteLocalities, which Istio refuses beside 0. Write a number above 0."
    ),
    "not-a-retry-condition": _("“%(typed)s” is no reason to try again. Use status codes or: %(known)s."),
    "not-a-percentage": _("“%(typed)s” is not a percentage. Write a number from 0 to 100, such as 10 or 0.5."),
    "percentage-range": _("“%(typed)s” is out of range: 0, or from 0.0001 to 100."),
    "percent-missing": _("Write for how many percent of the requests. Without it Istio does nothing."),
    "status-missing": _("Write the status that these requests get, such as 503, or empty the percentage."),
    "delay-missing": _("Write how long these requests wait, such as 2s, or empty the percentage."),
    "abort-other": _("The live rule aborts with %(names)s, which this form does not change. Empty the status."),
    "delay-exponential": _("The live rule has an exponential delay, which this form does not change. Empty this."),
    "redirect-target": _("Write where to redirect to: a path, a host, or both."),
    "redirect-prefix": _("The live redirect replaces a prefix (prefixRewrite), which excludes a path. Empty the path."),
    "rewrite-regex": _(
        "The live rule rewrites by a regular expression (uriRegexRewrite), which excludes a path. Empty the path."
    ),
    "authority-twice": _("The host is set in two places. Keep it in one of them: under rewrite, or as a header."),
    "header-host": _("The host can only be set on requests. Choose request and set, or use the rewrite."),
    "header-pseudo": _("“%(typed)s” is no header that can be changed. Use rewrite for path and host."),
    "header-percent": _("A percent sign in a header's value is written %%%%, or it encloses a command such as %%START_TIME%%."),
    "header-command": _(
        "The proxies know no command %(typed)s and would refuse the whole configuration. Write %%%% for a percent sign."
    ),
    "header-value-missing": _("Write the value that the header gets, or choose “remove” to take the header away."),
    "value-of-removed": _("A header that is removed has no value. Empty it."),
}
SENTENCES = {**_SHAPE, **_MATCHES, **_TARGETS, **_ACTS}

NOT_EDITABLE: dict[str, str | Promise] = {
    "several-virtual-services": _(
        "More than one VirtualService routes this service (%(names)s). Merge them first: which one wins is undefined. KIA1106"
    ),
    "too-many-routes": _("%(names)s has lists of more than 200 entries, which a page cannot carry whole. Edit it by hand."),
    "name-taken": _("%(names)s is there already and routes other hosts. Rename it, or add this service's host to it by hand."),
}


def error_sentence(error: FieldError) -> str:
    """What is wrong, where, and what to do."""
    if error.code == "not-editable":
        return not_editable(str(error.values["why"]), str(error.values["names"]))
    said = str(SENTENCES[error.code]) % error.values
    where = field_name(error.field)
    return gettext("%(field)s: %(sentence)s") % {"field": where, "sentence": said} if where else said


def not_editable(why: str, names: str) -> str:
    """Why the objects that are live cannot be edited here, and what to do."""
    return str(NOT_EDITABLE[why]) % {"names": names}
