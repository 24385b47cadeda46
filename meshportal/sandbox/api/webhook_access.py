"""The webhook on PeerAuthentication, AuthorizationPolicy and Telemetry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from meshportal.sandbox.api.complaints import Complaints, address, port_text, selector
from meshportal.sandbox.api.status import JsonObject

HTTP_ONLY = frozenset(
    {"requestPrincipals", "notRequestPrincipals", "hosts", "notHosts", "methods", "notMethods", "paths", "notPaths"}
)
HTTP_KEYS = ("request.",)
NOT_WITH_CUSTOM = ("principals", "notPrincipals", "namespaces", "notNamespaces", "requestPrincipals", "notRequestPrincipals")
TCP_WARNING = (
    "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP attributes "
    "in a DENY rule; it is recommended to explicitly specify the port"
)
TEMPLATE = re.compile(r"\{\*\*?\}")
ADDRESS_KEYS = ("source.ip", "remote.ip", "destination.ip")
PLAIN_KEYS = (
    "source.namespace",
    "source.principal",
    "source.serviceAccount",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "connection.sni",
)
BRACKET_KEYS = ("request.headers", "request.auth.claims", "experimental.envoy.filters.")


def peer_authentication(item: JsonObject, found: Complaints) -> None:
    selector((item.get("spec") or {}).get("selector"), "matchLabels", found)


# ---------------------------------------------------------------- AuthorizationPolicy


class _Stop(Exception):
    """istiod goes no further after most of its complaints about a policy."""


def authorization_policy(item: JsonObject, found: Complaints) -> None:
    metadata, spec = item["metadata"], item.get("spec") or {}
    title = f"invalid policy {metadata['name']}.{metadata.get('namespace', '')}: "
    selector(spec.get("selector"), "matchLabels", found)
    try:
        _policy(spec, title, found)
    except _Stop as stop:
        found.refusals[:], found.listed = [title + str(stop)], False


def _policy(spec: JsonObject, title: str, found: Complaints) -> None:
    action, rules, provider = spec.get("action", "ALLOW"), spec.get("rules") or [], spec.get("provider")
    if action == "CUSTOM":
        if not (provider or {}).get("name"):
            raise _Stop("`provider.name` must not be empty")
    elif provider is not None:
        raise _Stop(f"`provider` must not be with non CUSTOM action, found {action}")
    if action == "DENY" and not rules:
        raise _Stop(
            "DENY action without `rules` is meaningless as it will never be triggered, "
            "add an empty rule `{}` if you want it be triggered for every request"
        )
    for number, rule in enumerate(rules):
        for part in rule.get("from") or []:
            _source(part.get("source"), number, action, title, found)
        for part in rule.get("to") or []:
            _operation(part.get("operation"), number, title, found)
        for condition in rule.get("when") or []:
            _condition(condition, title, found)
        if action == "DENY" and _only_http(rule):
            found.warn(TCP_WARNING)


def _source(source: JsonObject | None, number: int, action: str, title: str, found: Complaints) -> None:
    if source is None:
        raise _Stop(f"`from.source` must not be nil, found at rule {number}")
    if not any(source.values()):
        raise _Stop(f"`from.source` must not be empty, found at rule {number}")
    for name in NOT_WITH_CUSTOM if action == "CUSTOM" else ():
        if source.get(name):
            raise _Stop(f"From.{name[0].upper()}{name[1:]} is currently not supported with CUSTOM action")
    for name in ("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"):
        _each(source.get(name) or [], address, title, found)
    for name, values in source.items():
        if "pBlocks" not in name:
            _no_empty(values, name)
    for name in ("serviceAccounts", "notServiceAccounts"):
        for value in source.get(name) or []:
            if value.count("/") > 1:
                title_name = f"{name[0].upper()}{name[1:]}"
                raise _Stop(f"expected format 'serviceAccount' or 'namespace/serviceAccount', found \"{value}\" in {title_name}")


def _operation(operation: JsonObject | None, number: int, title: str, found: Complaints) -> None:
    if operation is None:
        raise _Stop(f"`to.operation` must not be nil, found at rule {number}")
    if not any(operation.values()):
        raise _Stop(f"`to.operation` must not be empty, found at rule {number}")
    for name in ("ports", "notPorts"):
        _each(operation.get(name) or [], port_text, title, found)
    for name, values in operation.items():
        _no_empty(values, name)
    for name in ("paths", "notPaths"):
        for path in operation.get(name) or []:
            # {**} may come last only, and no other braces at all
            if any(brace in TEMPLATE.sub("", path) for brace in "{}") or "{**}" in path[:-4]:
                shown = path.removeprefix("/")
                where = f"{name[0].upper()}{name[1:]}"
                raise _Stop(
                    f"invalid or unsupported path {shown}, found in {where}. "
                    "Contains '{' or '}' beyond a supported path template"
                )


def _condition(condition: JsonObject, title: str, found: Complaints) -> None:
    key, values, others = condition.get("key", ""), condition.get("values") or [], condition.get("notValues") or []
    if not (values or others):
        raise _Stop(f"at least one of `values` or `notValues` must be set for key {key}")
    for name, given in (("value", values), ("notValue", others)):
        complaint = _attribute(key, given)
        if complaint:
            found.refuse(f"{title}invalid `{name}` for `key` {key}: {complaint}")


def _attribute(key: str, values: list[str]) -> str:
    """What istiod says against the values of a condition's key, "" if nothing."""
    judge: Callable[[str], str] | None = None
    if key in ADDRESS_KEYS:
        judge = address
    elif key == "destination.port":
        judge = port_text
    elif key.startswith(BRACKET_KEYS):
        if not re.fullmatch(r"[^\[\]]+(\[[^\[\]]+\])+", key):
            return f"bad key ({key}): should have format a[b]"
    elif key not in PLAIN_KEYS:
        return f"unknown attribute: {key}"
    if judge is None:
        return f"empty value not allowed, found in {key}" if "" in values else ""
    inner = Complaints()
    for complaint in filter(None, map(judge, values)):
        inner.refuse(complaint, listed=True)
    return inner.text() if inner.refusals else ""


def _each(values: Iterable[str], judge: Callable[[str], str], title: str, found: Complaints) -> None:
    for complaint in filter(None, map(judge, values)):
        found.refuse(title + complaint, listed=True)


def _no_empty(values: list[str], name: str) -> None:
    if "" in values:
        raise _Stop(f"empty value not allowed, found in {name[0].upper()}{name[1:]}")


def _only_http(rule: JsonObject) -> bool:
    """Whether a rule has attributes of HTTP and says nothing of ports."""
    sources = [part.get("source") or {} for part in rule.get("from") or []]
    operations = [part.get("operation") or {} for part in rule.get("to") or []]
    keys = [condition.get("key", "") for condition in rule.get("when") or []]
    ports = any(part.get("ports") or part.get("notPorts") for part in operations) or "destination.port" in keys
    of_http = any(name in HTTP_ONLY and values for part in (*sources, *operations) for name, values in part.items())
    return not ports and (of_http or any(key.startswith(HTTP_KEYS) for key in keys))


# ---------------------------------------------------------------- Telemetry


def telemetry(item: JsonObject, found: Complaints) -> None:
    spec = item.get("spec") or {}
    selector(spec.get("selector"), "matchLabels", found)
    tracing = spec.get("tracing") or []
    if len(tracing) > 1:
        found.warn("multiple tracing is not currently supported")
    for part in tracing:
        if len(part.get("providers") or []) > 1:
            found.warn("multiple providers is not currently supported")
        if "" in (part.get("customTags") or {}):
            found.refuse("tag name may not be empty")
    for part in spec.get("accessLogging") or []:
        if "filter" in part:
            _expression(part["filter"].get("expression", ""), found)


def _expression(text: str, found: Complaints) -> None:
    # imported late for the same reason as in cel_rules.py
    import cel

    try:
        cel.compile(text)
    except ValueError as error:
        _, _, why = str(error).partition(": ERROR: ")
        # Go's library indents the quotation of the text, this one does not
        quoted = why.replace("\n|", "\n |")
        found.refuse(f"must be a valid CEL expression, ERROR: {quoted}")
