"""What a webhook has to say about one object, and how Go's multierror prints it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from meshportal.sandbox.api.status import JsonObject

LABEL = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
WILDCARD_LABEL = re.compile(r"\*|(\*-?)?[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?")
SUBSET = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
TAG_KEY = re.compile(r"([-a-zA-Z0-9.]+/)?[a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?")
TAG_VALUE = re.compile(r"([a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?)?")
PORTS = range(1, 65536)


@dataclass
class Complaints:
    """Refusals and warnings, in the order in which they were found.

    A lone refusal is printed as it is, unless it came out of a list: then even one is "1 error occurred".
    """

    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    listed: bool = False

    def refuse(self, text: str, *, listed: bool = False) -> None:
        """Take down a refusal; "" is none."""
        if text:
            self.refusals.append(text)
            self.listed = self.listed or listed

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def text(self) -> str:
        if len(self.refusals) == 1 and not self.listed:
            return self.refusals[0]
        count = len(self.refusals)
        lines = "".join(f"\t* {text}\n" for text in self.refusals)
        return f"{count} error{'' if count == 1 else 's'} occurred:\n{lines}\n"


def domain(name: str) -> str:
    """What istiod says against a domain name, "" if nothing. Its first label may be, or start with, a wildcard."""
    if not name:
        return "empty domain name not allowed"
    first, dot, rest = name.partition(".")
    if not (WILDCARD_LABEL.fullmatch(first) and len(first) <= 63):
        return f'domain name "{name}" invalid (label "{first}" invalid)'
    return plain_domain(rest) if dot else ""


def plain_domain(name: str) -> str:
    """The same for a domain name without wildcards. Of one with, istiod quotes only what follows the first label."""
    if not name:
        return "empty domain name not allowed"
    parts = name.split(".")
    last = parts[-1] or (parts[-2] if len(parts) > 1 else "")
    if last.isdigit():
        return f'domain name "{name}" invalid (top level domain "{last}" cannot be all-numeric)'
    if parts[-1] == "":
        parts.pop()  # "istio.io." names the same, unambiguously
    for part in parts:
        if not (LABEL.fullmatch(part) and len(part) <= 63):
            return f'domain name "{name}" invalid (label "{part}" invalid)'
    return ""


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def labels(tags: dict[str, str], found: Complaints) -> None:
    for key, value in tags.items():
        if not TAG_KEY.fullmatch(key):
            found.refuse(f'invalid tag key: "{key}"', listed=True)
        if not (TAG_VALUE.fullmatch(value) and len(value) <= 63):
            found.refuse(f'invalid tag value: "{value}"', listed=True)


def subset_name(name: str, found: Complaints) -> None:
    if not name:
        found.refuse("subset name cannot be empty")
    elif not (SUBSET.fullmatch(name) and len(name) <= 63):
        found.refuse(f"subset name is invalid: {name}")


def port(number: int, found: Complaints) -> None:
    if number not in PORTS:
        found.refuse(f"port number {number} must be in the range 1..65535")


def selector(part: dict[str, object] | None, labels_name: str, found: Complaints) -> None:
    """A workload selector that is there but selects nothing in particular."""
    if part is not None and not part.get(labels_name):
        found.warn("workload selector specified without labels")


def address(text: str) -> str:
    """What istiod says against an address or a CIDR, "" if nothing."""
    try:
        if "/" in text:
            ipaddress.ip_network(text, strict=False)
        else:
            ipaddress.ip_address(text)
    except ValueError:
        if "/" not in text:
            return f"bad IP address ({text})"
        host, _, _ = text.rpartition("/")
        why = "prefix length out of range" if is_address(host) else f'ParseAddr("{host}"): unable to parse IP'
        return f'bad CIDR range ({text}): netip.ParsePrefix("{text}"): {why}'
    return ""


def port_text(text: str) -> str:
    """What istiod says against a port given as text, "" if nothing."""
    if not text.isdigit():
        return f'bad port ({text}): strconv.ParseUint: parsing "{text}": invalid syntax'
    return "" if int(text) <= PORTS[-1] else f"bad port ({text}): <nil>"


def export_to(item: JsonObject, found: Complaints) -> None:
    """The namespaces an object is visible in: "." is its own, "*" all."""
    entries, namespace = item["spec"].get("exportTo") or [], item["metadata"].get("namespace", "")
    known: set[str] = set()
    for entry in entries:
        place = namespace if entry == "." else entry
        if entry not in (".", "*", "~") and not (LABEL.fullmatch(entry) and len(entry) <= 63):
            found.refuse("only .,*, or a valid DNS 1123 label is allowed as exportTo entry")
        elif place in known:
            found.refuse(f"duplicate entries in exportTo: . and current namespace {namespace}")
        known.add(place)
