"""What one value of a route may be, as Istio's validation has it (pkg/config/validation/validation.go and agent/validation.go),
and stricter where Istio lets pass what Envoy refuses or what can never match.

Each check takes text that is not empty and returns None, or a code and the values of its sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshportal.mesh import durations
from meshportal.mesh.routes.shape import Check, Wrong
from meshportal.mesh.rules import re2

HOWS = ("exact", "prefix", "regex")
PRESENT = "present"
LONGEST_REGEX = 1024  # bytes
REDIRECT_CODES = ("301", "302", "303", "307", "308")  # Istio drops a route with another (ApplyRedirect in core/route/route.go)
RETRY_ON = (
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx", "refused-stream",
    "retriable-status-codes", "retriable-headers", "envoy-ratelimited", "http3-post-connect-failure",
    "cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
)  # fmt: skip
STATUSES = frozenset(
    (*range(100, 104), *range(200, 209), 226, *range(300, 306), 307, 308, *range(400, 419), *range(421, 427), 428, 429, 431, 451)
) | frozenset((*range(500, 509), 510, 511))  # those that Go's net/http has a name for: retryOn takes no others
PSEUDO_HEADERS = frozenset({":method", ":scheme", ":authority", ":path", ":status"})

TOKEN = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+", re.ASCII)
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_DECIMAL = re.compile(r"\d{1,3}(?:\.\d{0,6})?", re.ASCII)


def one_of(choices: Iterable[str]) -> Check:
    known = tuple(choices)

    def check(text: str) -> Wrong | None:
        return None if text in known else ("not-a-choice", {"typed": text[:60], "known": ", ".join(known)})

    return check


def whole(low: int, high: int) -> Check:
    """A whole number from `low` to `high`."""

    def check(text: str) -> Wrong | None:
        if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
            return "not-whole", {"typed": text[:40], "low": low, "high": high}
        return None

    return check


def percent(text: str) -> Wrong | None:
    """0, or 0.0001 to 100: Envoy counts in millionths (validatePercentage)."""
    if not _DECIMAL.fullmatch(text):
        return "not-a-percentage", {"typed": text[:40]}
    value = float(text)
    return None if value == 0 or 0.0001 <= value <= 100 else ("percentage-range", {"typed": text[:40]})


def duration(text: str) -> Wrong | None:
    return None if durations.parse(text) is not None else ("not-a-duration", {"typed": text[:40]})


def absolute_path(text: str) -> Wrong | None:
    """A path as it stands in a request: from the root, without blanks, query or fragment."""
    if not text.startswith("/"):
        return "path-start", {"typed": text[:60]}
    return ("path-characters", {"typed": text[:60]}) if re.search(r"[\s?#]", text) else None


def redirect_path(text: str) -> Wrong | None:
    """A redirect's path may carry a query."""
    if not text.startswith("/"):
        return "path-start", {"typed": text[:60]}
    return ("path-blank", {"typed": text[:60]}) if re.search(r"\s", text) else None


def method(text: str) -> Wrong | None:
    return None if _METHOD.fullmatch(text) else ("not-a-method", {"typed": text[:40]})


def regex(text: str) -> Wrong | None:
    """RE2's syntax, at most as long as Istio takes (validateStringRegexp)."""
    if len(text.encode()) > LONGEST_REGEX:
        return "regex-too-long", {"limit": LONGEST_REGEX}
    why = re2.complaint(text)
    return ("not-a-regex", {"why": why, "typed": text[:80]}) if why else None


def match_header(text: str) -> Wrong | None:
    """A header's name, or one of HTTP/2's pseudo-headers."""
    if text in PSEUDO_HEADERS or TOKEN.fullmatch(text):
        return None
    return "not-a-header", {"typed": text[:60]}


def host(text: str) -> Wrong | None:
    """A host that requests can be sent to: no wildcard, no address."""
    labels = text.removesuffix(".").split(".")
    if len(text) > 255 or not all(_LABEL.fullmatch(label) for label in labels) or (len(labels) > 1 and labels[-1].isdecimal()):
        return "not-a-host", {"typed": text[:80]}
    return None


def authority(text: str) -> Wrong | None:
    """A host and, if need be, a port."""
    name, colon, port = text.partition(":")
    if host(name) or (colon and whole(1, 65535)(port)):
        return "not-an-authority", {"typed": text[:80]}
    return None


def subset(text: str) -> Wrong | None:
    return None if _LABEL.fullmatch(text) else ("not-a-subset", {"typed": text[:63]})


def retry_on(text: str) -> Wrong | None:
    for condition in text.split(","):
        if condition not in RETRY_ON and not (_NUMBER.fullmatch(condition) and int(condition) in STATUSES):
            return "not-a-retry-condition", {"typed": condition[:40], "known": ", ".join(RETRY_ON)}
    return None


def tidy_retry_on(text: str) -> str:
    """Istio takes no blanks between conditions; people type them."""
    return ",".join(part.strip() for part in text.strip().split(","))


def anything_named(_text: str) -> Wrong | None:
    """A query parameter may have any name."""
    return None


def name(text: str) -> Wrong | None:
    return ("too-long", {"limit": 120}) if len(text) > 120 else None
