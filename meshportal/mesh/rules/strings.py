"""What Istio's webhook takes for names, hosts, headers, labels and regular expressions.

Sources: pkg/config/validation (ValidateHTTPHeader…, validateStringMatch), pkg/config/validation/agent (ValidateWildcardDomain,
ValidateNamespaceSlashWildcardHostname) and pkg/config/labels of Istio.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshportal.mesh.findings import Finding
from meshportal.mesh.rules.node import Node
from meshportal.mesh.rules.re2 import complaint
from meshportal.mesh.rules.view import is_address

LONGEST_REGEX = 1024
PSEUDO_HEADERS = frozenset({":method", ":scheme", ":authority", ":path", ":status"})
MATCHES = ("exact", "prefix", "regex")

_LABEL = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
_WILD_LABEL = re.compile(r"\*|(?:\*|\*-)?[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_LABEL_KEY = re.compile(
    r"(?:[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?)*/)?"
    r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
)
_LABEL_VALUE = re.compile(r"(?:(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_CLAIM = re.compile(r"@request\.auth\.claims(?:\..+|\[.+\])", re.IGNORECASE)
# %NAME% and %NAME(argument)%, and %% for a percent sign of its own
_FORMATTED = re.compile(
    r'(?:[^%]|%%|%[^%(]+%|%[^%(]*\( *(?:\[(?: *"(?:[^"\\]|\\.)*" *,?)* *\] *|(?! *\[)(?:[^)"\\]|\\.)*)\) *%)*'
)


def is_label(text: str) -> bool:
    """A DNS label, capitals allowed as Istio does."""
    return len(text) <= 63 and _LABEL.fullmatch(text) is not None


def is_host(text: str) -> bool:
    """A domain name whose first label may be, or begin with, a wildcard."""
    if not 0 < len(text) <= 255:
        return False
    first, dot, rest = text.partition(".")
    if len(first) > 63 or _WILD_LABEL.fullmatch(first) is None:
        return False
    return not dot or _labels(rest)


def is_name(text: str) -> bool:
    """A domain name without wildcards."""
    return 0 < len(text) <= 255 and _labels(text)


def _labels(text: str) -> bool:
    parts = text.split(".")
    if parts[-1].removeprefix("-").isdecimal():
        return False
    return all(is_label(part) for part in (parts if parts[-1] else parts[:-1]))


def is_gateway_host(text: str) -> bool:
    """host or namespace/host, as a Gateway's servers list them: no short names, a wildcard only as a whole first label."""
    where, slash, name = text.partition("/")
    if not slash:
        where, name = "*", text
    if not name or (where not in {"*", "."} and not is_label(where)):
        return False
    if name != "*" and "." not in name:
        return False
    if "*" in name and name != "*" and not name.startswith("*."):
        return False
    return is_host(name) or is_address(name)


def is_claim(header: str) -> bool:
    """Whether a header of a match stands for a claim of a JWT."""
    return _CLAIM.fullmatch(header) is not None


def string_match(match: Node, *, empty_prefix: bool = False) -> Iterator[Finding]:
    """exact, prefix or regex. Only a URI may have an empty prefix."""
    prefix, regex = match["prefix"], match["regex"]
    if prefix.value == "" and not empty_prefix:
        yield prefix.finding("MP0214")
    if regex.value == "":
        yield regex.finding("MP0214")
    elif regex.text:
        yield from regular_expression(regex)


def regular_expression(regex: Node) -> Iterator[Finding]:
    length = len(regex.text.encode())
    if length > LONGEST_REGEX:
        yield regex.finding("MP0215", length=length, longest=LONGEST_REGEX)
    elif wrong := complaint(regex.text):
        yield regex.finding("MP0216", regex=regex.text, wrong=wrong)


def matched_header(name: str, place: Node) -> Iterator[Finding]:
    if not (is_claim(name) or name in PSEUDO_HEADERS or _HEADER.fullmatch(name)):
        yield place.finding("MP0217", name=name, why="characters")


def cors_header(place: Node) -> Iterator[Finding]:
    if place.text != "*" and not _HEADER.fullmatch(place.text):
        yield place.finding("MP0217", name=place.text, why="characters")


def changed_headers(headers: Node) -> Iterator[Finding]:
    """headers.request and headers.response of a route or a destination. Only a request's authority may be set."""
    for side in ("request", "response"):
        for what in ("set", "add"):
            for name, value in headers[side][what].pairs():
                yield from _changed(name, value, authority=side == "request")
                if not _HEADER_VALUE.fullmatch(value.text) or not _FORMATTED.fullmatch(value.text):
                    yield value.finding("MP0218", name=name, value=value.text)
        for entry in headers[side].texts("remove"):
            yield from _changed(entry.text, entry, authority=False)


def _changed(name: str, place: Node, *, authority: bool) -> Iterator[Finding]:
    if name == "":
        yield place.finding("MP0217", name=name, why="empty")
    elif is_authority(name):
        if not authority:
            yield place.finding("MP0217", name=name, why="host")
    elif name.startswith(":"):
        yield place.finding("MP0217", name=name, why="colon")


def is_authority(header: str) -> bool:
    return header.lower() in {":authority", "host"}


def labels(place: Node) -> Iterator[Finding]:
    for key, value in place.pairs():
        name = key.rpartition("/")[2]
        if not _LABEL_KEY.fullmatch(key) or len(name) > 63 or not _LABEL_VALUE.fullmatch(value.text):
            yield value.finding("MP0242", label=f"{key}={value.text}")


def export_to(spec: Node, *, own_only: bool) -> Iterator[Finding]:
    """exportTo of an object. `own_only`: a DestinationRule for chosen workloads, which may not leave its namespace."""
    place, entries = spec["exportTo"], spec.texts("exportTo")
    full = [spec.namespace if entry.text == "." else entry.text for entry in entries]
    for index, entry in enumerate(entries):
        if full[index] in full[:index]:
            yield entry.finding("MP0230", why="twice", entry=entry.text)
        elif entry.text == "~":
            yield entry.finding("MP0230", why="nobody", entry=entry.text)
        elif full[index] != "*" and not is_label(full[index]):
            yield entry.finding("MP0230", why="name", entry=entry.text)
    if "*" in full and len(full) > 1:
        yield place.finding("MP0230", why="everybody", entry="*")
    elif own_only and full and set(full) != {spec.namespace}:
        yield place.finding("MP0230", why="selector", entry=", ".join(entry.text for entry in entries))
