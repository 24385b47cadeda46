"""One typed value at a time: what a host, a port, a path or a name may be. Each function raises Wrong with a code and values.

Rules of Istio's webhook: istio/istio pkg/config/validation/validation.go (ValidateGateway, ValidateVirtualService).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from meshportal.mesh.gateways.binding import covers

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
LONGEST = 2000
MAX_HOST = 253


class Wrong(ValueError):
    """Why a value cannot be used."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def text(value: Any) -> str:
    """A leaf as text, without the spaces around it: "" for what is absent."""
    if value is None or value is False:
        return ""
    if value is True:
        return "true"
    if not isinstance(value, str | int | float):
        raise Wrong("not-text")
    written = str(value).strip()
    if len(written) > LONGEST:
        raise Wrong("too-long", limit=LONGEST)
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in written):
        raise Wrong("control-character")
    return written


def truth(value: Any) -> bool:
    """A tick: true, on, 1 or false, off, 0 or nothing."""
    written = text(value).lower()
    if written in ("true", "on", "1"):
        return True
    if written in ("", "false", "off", "0"):
        return False
    raise Wrong("not-a-tick", typed=short(written))


def hosts(value: Any) -> tuple[str, ...]:
    """Hosts from a list, or from text with commas or spaces between them. In lower case: host names have none."""
    written = " ".join(text(one) for one in value) if isinstance(value, list | tuple) else text(value)
    found = tuple(host.lower() for host in re.split(r"[\s,]+", written) if host)
    if not found:
        raise Wrong("host-missing")
    for place, host in enumerate(found):
        _host(host)
        if host in found[:place]:
            raise Wrong("host-twice", host=short(host))
        for other in found[:place]:
            if covers(other, host) or covers(host, other):
                raise Wrong("hosts-overlap", host=short(host), other=short(other))
    return found


def _host(host: str) -> None:
    if host == "*":
        return
    labels = host.removeprefix("*.").split(".")
    if len(host) > MAX_HOST or not all(LABEL.fullmatch(label) for label in labels):
        raise Wrong("not-a-host", host=short(host))
    if labels[-1].isdecimal():
        raise Wrong("host-is-address", host=short(host))
    if len(labels) == 1:
        raise Wrong("host-too-short", host=short(host))


def port(value: Any) -> int:
    written = text(value)
    if not written:
        raise Wrong("port-missing")
    if not (written.isascii() and written.isdecimal() and len(written) <= 5 and 1 <= int(written) <= 65535):
        raise Wrong("not-a-port", typed=short(written))
    return int(written)


def one_of(value: Any, known: Sequence[str]) -> str:
    written = text(value).upper()
    if written not in known:
        raise Wrong("not-offered", typed=short(written), known=", ".join(known))
    return written


def credential(value: Any) -> str:
    """The name of a Secret in the gateway's namespace. It is only ever written down: nobody here reads Secrets."""
    written = text(value)
    if len(written) > MAX_HOST or (written and not all(LABEL.fullmatch(label) for label in written.split("."))):
        raise Wrong("not-a-name", typed=short(written))
    return written


def path(value: Any) -> str:
    """A path as an URL has it, without query and fragment."""
    written = text(value)
    if not written:
        raise Wrong("path-missing")
    if not written.startswith("/"):
        raise Wrong("path-without-slash", typed=short(written))
    if any(sign in written for sign in "?# "):
        raise Wrong("path-with-more", typed=short(written))
    return written


def gateway_name(value: Any) -> tuple[str, str]:
    """NAMESPACE/NAME; ("", "") for a new one, also written "new"."""
    written = text(value)
    if written in ("", "new"):
        return "", ""
    namespace, slash, name = written.partition("/")
    if not (slash and LABEL.fullmatch(namespace) and LABEL.fullmatch(name)):
        raise Wrong("not-a-gateway", typed=short(written))
    return namespace, name


def short(written: str) -> str:
    """What was typed, fit for a sentence."""
    return written if len(written) <= 60 else written[:59] + "…"
