"""What an API server's refusal means, in the words of the ports: pure functions from status and body to an error.

Only sentences made here or cut out of the answer leave this file: a server's message may hold the whole object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from kubernetes.client.exceptions import ApiException
from urllib3 import exceptions as urllib3_errors

from meshportal.clients.ports import ClientError, ClusterUnavailable, Conflict, Forbidden, Gone, Reason, Rejected

LONGEST_SENTENCE = 300
WRITES = frozenset({"create", "replace", "patch", "delete"})

_RIGHT = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_DENIED = re.compile(r'admission webhook "(?P<webhook>[^"]+)" denied the request(?:: (?P<why>.*))?', re.DOTALL)
_FAILED_WEBHOOK = re.compile(r'failed calling webhook "([^"]+)"')
_BULLETS = re.compile(r"\d+ errors? occurred:\s*\* ")
_STRICT = re.compile(r'(unknown|duplicate) field "([^"\\]+)"')
_UNDECLARED = re.compile(r"\.(\S+): field not declared in schema")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*": ', re.DOTALL)
_IN_BODY = re.compile(r"(?P<field>\S+) in body (?P<rest>.*)", re.DOTALL)
_QUOTED_FIELD = re.compile(r'"(?P<field>[\w.\[\]-]+)" (?P<rest>must .*)', re.DOTALL)
_NAMESPACE = re.compile(r'^namespaces "([^"]+)" not found$')


class NotServed(Rejected):
    """404 of a path, not of an object: the server does not have this kind at this version."""


@dataclass(frozen=True)
class Attempt:
    """What was asked: the portal's verb, and a subject such as "VirtualService shop/reviews" or "virtualservices"."""

    verb: str
    subject: str


def translate(attempt: Attempt, status: int, body: bytes) -> ClientError:
    """The error that an HTTP `status` outside 2xx with a `body` (a Status object, or anything) stands for."""
    answer = _status_object(body)
    message = _text(answer.get("message"))
    if status == 401:
        return Forbidden("The API server does not accept the portal's credentials.")
    if status == 403:
        return _forbidden(attempt, message)
    if status == 404:
        return _absent(attempt, message) if names_an_object(body) else _not_served(attempt)
    if status == 409:
        return _conflict(attempt, _text(answer.get("reason")), message)
    if status == 410:
        return Gone(f"The API server no longer keeps that version of {attempt.subject}; it has to be listed again.")
    if status == 422 and attempt.verb == "patch" and not _causes(answer):
        return Conflict(f"{attempt.subject} is not as it was read: a value that was to be changed differs or is missing.")
    if status in (408, 429) or status >= 500 or status < 400:
        return _unavailable(status, _text(answer.get("reason")), message)
    return Rejected(_reasons(answer, message) or [Reason("", f"the API server answered {status} without saying why")])


def names_an_object(body: bytes) -> bool:
    """Whether a 404 is about an object that is not there. About a path the server does not have, it is no Status object."""
    return _text(_status_object(body).get("reason")) == "NotFound"


def translate_transport(error: Exception) -> ClusterUnavailable:
    """No answer at all. The library's text is not used: it may hold the address, a header or part of the credentials."""
    match error:
        case urllib3_errors.NameResolutionError():
            return ClusterUnavailable("The API server's host name cannot be resolved.")
        case urllib3_errors.NewConnectionError() | ConnectionRefusedError():
            return ClusterUnavailable("The API server cannot be reached: nothing accepts the connection.")
        case urllib3_errors.TimeoutError() | TimeoutError():
            return ClusterUnavailable("The API server did not answer in time.")
        case ApiException() | urllib3_errors.SSLError():  # the client turns TLS errors into an ApiException with status 0
            return ClusterUnavailable("No trusted TLS connection to the API server: its certificate or ours is not accepted.")
        case urllib3_errors.ProtocolError():
            return ClusterUnavailable("The API server closed the connection before it had answered.")
        case urllib3_errors.HTTPError() | OSError():
            return ClusterUnavailable("The connection to the API server failed.")
        case _:
            return ClusterUnavailable("The API server's address or the portal's credentials cannot be used for a request.")


def not_an_api_server() -> ClusterUnavailable:
    return ClusterUnavailable("The answer is not one of an API server. Does the address lead to something else?")


# ---------------------------------------------------------------- one status each


def _forbidden(attempt: Attempt, message: str) -> ClientError:
    if right := _RIGHT.search(message):
        resource = f"{right['resource']}.{right['group']}" if right["group"] else right["resource"]
        where = f"in the namespace {right['namespace']}" if right["namespace"] else "in the whole cluster"
        return Forbidden(f"The portal has no right to {right['verb']} {resource} {where}.", right["verb"], resource)
    if (attempt.verb in WRITES and "is forbidden: " in message) or _DENIED.search(message):
        # not a missing right but an admission rule: a quota, a namespace that is being deleted, a policy
        return Rejected(_denials(message) or [Reason("", _tidy(message.partition("is forbidden: ")[2]))])
    return Forbidden(f"The API server does not let the portal {attempt.verb} {attempt.subject}.")


def _absent(attempt: Attempt, message: str) -> ClientError:
    if attempt.verb in ("replace", "patch"):
        return Conflict(f"{attempt.subject} no longer exists.")
    if namespace := _NAMESPACE.match(message):
        return Rejected([Reason("metadata.namespace", f"the namespace {namespace[1]} does not exist")])
    return _not_served(attempt)


def _not_served(attempt: Attempt) -> NotServed:
    return NotServed([Reason("", f"the cluster does not serve {attempt.subject}: its CRD is not installed")])


def _conflict(attempt: Attempt, reason: str, message: str) -> Conflict:
    if reason == "AlreadyExists":
        return Conflict(f"{attempt.subject} exists already.")
    if "UID" in message or "uid mismatch" in message:
        return Conflict(f"{attempt.subject} was deleted and made again since it was read.")
    return Conflict(f"{attempt.subject} has changed since it was read.")


def _unavailable(status: int, reason: str, message: str) -> ClientError:
    if webhook := _FAILED_WEBHOOK.search(message):
        return ClusterUnavailable(f"The admission webhook {webhook[1]} did not answer, so the API server accepts no change.")
    if fields := _UNDECLARED.findall(message):  # server-side apply answers 500 to an unknown field
        return Rejected([Reason(field, "the schema does not know this field") for field in fields])
    if "resourceVersion should not be set on objects to be created" in message:  # a 500 as well
        return Rejected([Reason("metadata.resourceVersion", "must not be set on an object that is to be created")])
    if status == 501:
        return Rejected([Reason("", _tidy(message) or "the API server does not offer this")])
    if status == 429:
        return ClusterUnavailable("The API server is overloaded and asks to come back later (429).")
    if status < 400:
        return not_an_api_server()
    return ClusterUnavailable(f"The API server answered {status}{f' ({_tidy(reason)})' if reason else ''}.")


# ---------------------------------------------------------------- reasons


def _reasons(answer: dict[str, Any], message: str) -> list[Reason]:
    """Why a 400 or 422 was given, one reason per cause, without repetitions."""
    reasons: list[Reason] = []
    for cause in _causes(answer):
        field = _text(cause.get("field"))
        reasons += _cause("" if field == "<nil>" else field, _text(cause.get("message")))
    if len(reasons) > 1:  # that other rules were not looked at adds nothing to what was found
        reasons = [reason for reason in reasons if "some validation rules were not checked" not in reason.sentence]
    return list(dict.fromkeys(reasons or _denials(message) or _cause("", message)))


def _cause(field: str, message: str) -> list[Reason]:
    if "strict decoding error: " in message:
        found = _STRICT.findall(message.rpartition("strict decoding error: ")[2])
        what = {"unknown": "the schema does not know this field", "duplicate": "this field is given twice"}
        if found:
            return [Reason(path, what[how]) for how, path in found]
    sentence = _without_value(re.sub(r"^.* cannot be handled as a \w+: ", "", message))
    if named := _IN_BODY.fullmatch(sentence) or _QUOTED_FIELD.fullmatch(sentence):
        field, sentence = field or named["field"], named["rest"]
    return [Reason(field, _tidy(sentence))] if sentence.strip() else []


def _denials(message: str) -> list[Reason]:
    """The sentences of a webhook that said no."""
    if not (denied := _DENIED.search(message)):
        return []
    why = (denied["why"] or "").removeprefix("configuration is invalid: ").strip()
    first, *more = why.split("\n\t* ")
    sentences = [*([_BULLETS.sub("", first)] if not more or not re.fullmatch(r"\d+ errors? occurred:", first) else []), *more]
    # Istio's own validation needs no introduction; a company's policy does
    said_by = "" if denied["webhook"].endswith(".istio.io") else f"the webhook {denied['webhook']} says: "
    told = [Reason("", _tidy(said_by + sentence)) for sentence in sentences if sentence.strip()]
    return told or [Reason("", f"the webhook {denied['webhook']} refused it without a reason")]


def _without_value(message: str) -> str:
    """The sentence after 'Invalid value: …: ', whose value may be the whole object."""
    if not message.startswith("Invalid value: "):
        return message
    rest = message.removeprefix("Invalid value: ")
    if quoted := _QUOTED.match(rest):
        return rest[quoted.end() :]
    try:
        _, end = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        return rest.rpartition("}: ")[2]
    return rest[end:].removeprefix(": ")


# ---------------------------------------------------------------- bodies


def _status_object(body: bytes) -> dict[str, Any]:
    """The Status object of an answer, or {} if it is something else, such as a proxy's page."""
    try:
        answer = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _causes(answer: dict[str, Any]) -> list[dict[str, Any]]:
    details = answer.get("details")
    causes: Iterable[Any] | None = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _tidy(text: str) -> str:
    """One line without control characters, cut where it is too long for a page."""
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return line if len(line) <= LONGEST_SENTENCE else line[: LONGEST_SENTENCE - 1] + "…"
