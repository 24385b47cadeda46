"""The webhook on PeerAuthentication, AuthorizationPolicy and Telemetry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from meshportal.sandbox.api.complaints import Complaints, address, port_text, selector
from meshportal.sandbox.api.status import JsonObject

OF_TCP = frozenset(
    f"{no}{name}"
    for no, names in {
        "": ("principals", "namespaces", "ipBlocks", "remoteIpBlocks", "serviceAccounts"),
        "not": ("Principals", "Namespaces", "IpBlocks", "RemoteIpBlocks", "ServiceAccounts"),
    }.items()
    for name in names
)
NOT_WITH_CUSTOM = ("principals", "notPrincipals", "namespaces", "notNamespaces", "requestPrincipals", "notRequestPrincipals")
TCP_WARNING = (
    "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP attributes "
    "in a DENY rule; it is recommended to explicitly specify the port"
)
NO_RULES = (
    "DENY action without `rules` is meaningless as it will never be triggered, "
    "add an empty rule `{}` if you want it be triggered for every request"
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


def authorization_policy(item: JsonObject, found: Complaints) -> None:
    metadata, spec = item["metadata"], item.get("spec") or {}
    selector(spec.get("selector"), "matchLabels", found)
    inner = Complaints()
    _policy(spec, inner)
    for text in inner.refusals:
        found.refuse(f"invalid policy {metadata['name']}.{metadata.get('namespace', '')}: {text}", listed=inner.listed)
    found.warnings += inner.warnings


def _policy(spec: JsonObject, found: Complaints) -> None:
    action, rules, provider = spec.get("action", "ALLOW"), spec.get("rules") or [], spec.get("provider")
    if action == "CUSTOM":
        if not (provider or {}).get("name"):
            found.refuse("`provider.name` must not be empty")
    elif provider is not None:
        found.refuse(f"`provider` must not be with non CUSTOM action, found {action}")
    if action == "DENY" and not rules:
        found.refuse(NO_RULES)
    for number, rule in enumerate(rules):
        for part in rule.get("from") or []:
            _source(part.get("source"), number, action, found)
        for part in rule.get("to") or []:
            _operation(part.get("operation"), number, found)
        for condition in rule.get("when") or []:
            _condition(condition, found)
        if action == "DENY" and _denies_tcp(rule):
            found.warn(TCP_WARNING)


def _source(source: JsonObject | None, number: int, action: str, found: Complaints) -> None:
    if source is None:
        found.refuse(f"`from.source` must not be nil, found at rule {number}")
        return
    if not any(source.values()):
        found.refuse(f"`from.source` must not be empty, found at rule {number}")
    for name in NOT_WITH_CUSTOM if action == "CUSTOM" else ():
        if source.get(name):
            found.refuse(f"From.{_title(name)} is currently not supported with CUSTOM action")
    for name in ("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"):
        _each(source.get(name) or [], address, found)
    for name, values in source.items():
        _no_empty(values, _title(name), found)
    for name in ("serviceAccounts", "notServiceAccounts"):
        for value in source.get(name) or []:
            if value.count("/") > 1:
                wanted = "expected format 'serviceAccount' or 'namespace/serviceAccount'"
                found.refuse(f'{wanted}, found "{value}" in {_title(name)}')


def _operation(operation: JsonObject | None, number: int, found: Complaints) -> None:
    if operation is None:
        found.refuse(f"`to.operation` must not be nil, found at rule {number}")
        return
    if not any(operation.values()):
        found.refuse(f"`to.operation` must not be empty, found at rule {number}")
    for name in ("ports", "notPorts"):
        _each(operation.get(name) or [], port_text, found)
    for name, values in operation.items():
        _no_empty(values, _title(name), found)
    for name in ("paths", "notPaths"):
        for path in operation.get(name) or []:
            # {**} may come last only, and no other braces at all
            if any(brace in TEMPLATE.sub("", path) for brace in "{}") or "{**}" in path[:-4]:
                why = "Contains '{' or '}' beyond a supported path template"
                found.refuse(f"invalid or unsupported path {path.removeprefix('/')}, found in {_title(name)}. {why}")


def _condition(condition: JsonObject, found: Complaints) -> None:
    key, values, others = condition.get("key", ""), condition.get("values") or [], condition.get("notValues") or []
    if not key:
        found.refuse("`key` must not be empty")
    elif not (values or others):
        found.refuse(f"at least one of `values` or `notValues` must be set for key {key}")
    else:
        for name, given in (("value", values), ("notValue", others)):
            complaint = _attribute(key, given)
            found.refuse(complaint and f"invalid `{name}` for `key` {key}: {complaint}")


def _attribute(key: str, values: list[str]) -> str:
    """What istiod says against the values of a condition's key, "" if nothing."""
    if "" in values:
        return f"empty value not allowed, found in {key}"
    if key.startswith(BRACKET_KEYS):
        return "" if re.fullmatch(r"[^\[\]]+(\[[^\[\]]+\])+", key) else f"bad key ({key}): should have format a[b]"
    judges: dict[str, Callable[[str], str]] = {**dict.fromkeys(ADDRESS_KEYS, address), "destination.port": port_text}
    if key in judges:
        inner = Complaints()
        _each(values, judges[key], inner)
        return inner.text() if inner.refusals else ""
    return "" if key in PLAIN_KEYS else f"unknown attribute: {key}"


def _each(values: Iterable[str], judge: Callable[[str], str], found: Complaints) -> None:
    for value in values:
        found.refuse(judge(value), listed=True)


def _no_empty(values: list[str], name: str, found: Complaints) -> None:
    if "" in values:
        found.refuse(f"empty value not allowed, found in {name}")


def _title(name: str) -> str:
    """A field's name as Go has it."""
    return name[0].upper() + name[1:]


def _denies_tcp(rule: JsonObject) -> bool:
    """Whether a DENY rule speaks of HTTP only, and so denies every connection that is not HTTP."""
    sources = [part["source"] for part in rule.get("from") or [] if part.get("source") is not None]
    operations = [part["operation"] for part in rule.get("to") or [] if part.get("operation") is not None]
    if operations:
        return not any(part.get("ports") or part.get("notPorts") for part in operations)
    return bool(sources) and not any(part.get(name) for part in sources for name in OF_TCP)


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
    for part in spec.get("metrics") or []:
        for override in part.get("overrides") or []:
            for tag in (override.get("tagOverrides") or {}).values():
                if tag.get("operation", "UPSERT") == "UPSERT" and not tag.get("value"):
                    found.refuse("tagOverrides.value must be set when operation is UPSERT")
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
        # Go's library indents the quotation of the text, this one does not, and it counts an empty text from 0
        quoted = why.replace("\n|", "\n |") if text else why.replace("1:1", "1:0", 1).partition("\n")[0]
        found.refuse(f"must be a valid CEL expression, ERROR: {quoted}")
