"""Where on the form a place in the VirtualService is: rules name spec.http[0].timeout, the form has routes[0].timeout."""

from __future__ import annotations

import re

_RULE = re.compile(r"spec\.http\[(\d+)\](?:\.(.*))?$", re.DOTALL)
_FIELDS = (
    (r"match\[(\d+)\]\.uri\b.*", r"match[\1].path"),
    (r"match\[(\d+)\]\.ignoreUriCase", r"match[\1].ignore_case"),
    (r"match\[(\d+)\]\.method\b.*", r"match[\1].method"),
    (r"match\[(\d+)\]\.headers\b.*", r"match[\1].headers"),
    (r"match\[(\d+)\]\.queryParams\b.*", r"match[\1].query"),
    (r"match\[(\d+)\].*", r"match[\1]"),
    (r"route\[(\d+)\]\.weight", r"destinations[\1].weight"),
    (r"route\[(\d+)\]\.destination\.(host|subset)", r"destinations[\1].\2"),
    (r"route\[(\d+)\]\.destination\.port\b.*", r"destinations[\1].port"),
    (r"route\[(\d+)\].*", r"destinations[\1]"),
    (r"route", r"destinations"),
    (r"mirror\.(host|subset)", r"mirrors[0].\1"),
    (r"mirror\.port\b.*", r"mirrors[0].port"),
    (r"mirror(?:Percent\w*|_percent)\b.*", r"mirrors[0].percent"),
    (r"mirror\b.*", r"mirrors[0]"),
    (r"mirrors\[(\d+)\]\.destination\.(host|subset)", r"mirrors[\1].\2"),
    (r"mirrors\[(\d+)\]\.destination\.port\b.*", r"mirrors[\1].port"),
    (r"mirrors\[(\d+)\]\.percentage\b.*", r"mirrors[\1].percent"),
    (r"mirrors\[(\d+)\].*", r"mirrors[\1]"),
    (r"redirect\.redirectCode", r"redirect.code"),
    (r"redirect\.(uri|authority)", r"redirect.\1"),
    (r"redirect\b.*", r"redirect.uri"),
    (r"rewrite\.authority", r"rewrite.authority"),
    (r"rewrite\b.*", r"rewrite.uri"),
    (r"retries\.perTryTimeout", r"retries.per_try_timeout"),
    (r"retries\.retryOn", r"retries.retry_on"),
    (r"retries\b.*", r"retries.attempts"),
    (r"fault\.abort\.percentage\b.*", r"fault.abort.percent"),
    (r"fault\.abort\b.*", r"fault.abort.status"),
    (r"fault\.delay\.percent\w*\b.*", r"fault.delay.percent"),
    (r"fault\.delay\b.*", r"fault.delay.duration"),
    (r"fault", r"fault.abort.status"),
    (r"headers\b.*", r"headers"),
    (r"(name|timeout|match)", r"\1"),
)
_COMPILED = tuple((re.compile(path, re.DOTALL), field) for path, field in _FIELDS)


def field_of(path: str) -> str:
    """The form's field for a path in the VirtualService: the rule as a whole where the form has no field for it, the list for
    what is about all rules, "" for what is about none."""
    if path == "spec.http":
        return "routes"
    rule = _RULE.match(path)
    if rule is None:
        return ""
    here = f"routes[{rule[1]}]"
    for pattern, field in _COMPILED:
        if found := pattern.fullmatch(rule[2] or ""):
            return f"{here}.{found.expand(field)}"
    return here
