"""Names and values of headers that a rule sets, adds or removes, as Istio and Envoy take them.

Sources: ValidateHTTPHeader… and validateHeaderValue in Istio's pkg/config/validation, and Envoy's command operators for headers
(configuration/http/http_conn_man/headers): Istio lets an unknown one pass, and then every proxy refuses the whole configuration.
"""

from __future__ import annotations

import re

from meshportal.mesh.routes.checks import TOKEN
from meshportal.mesh.routes.shape import Wrong

# without the JSON arguments that validateHeaderValue takes too
_COMMAND = re.compile(r"%([A-Z][A-Z0-9_]*)(?:\([^\s%()\"\\\[\]][^%()\"\\\[\]]*\))?%", re.ASCII)
_COMMANDS = frozenset(
    (
        "DOWNSTREAM_REMOTE_ADDRESS", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_REMOTE_PORT",
        "DOWNSTREAM_LOCAL_ADDRESS", "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_LOCAL_PORT",
        "DOWNSTREAM_LOCAL_URI_SAN", "DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_LOCAL_SUBJECT", "DOWNSTREAM_PEER_SUBJECT",
        "DOWNSTREAM_PEER_ISSUER", "DOWNSTREAM_TLS_SESSION_ID", "DOWNSTREAM_TLS_CIPHER", "DOWNSTREAM_TLS_VERSION",
        "UPSTREAM_REMOTE_ADDRESS", "UPSTREAM_CLUSTER", "REQ", "RESP", "START_TIME", "PROTOCOL", "HOSTNAME", "ROUTE_NAME",
        "RESPONSE_CODE", "RESPONSE_FLAGS", "REQUESTED_SERVER_NAME", "CONNECTION_ID",
    )
)  # fmt: skip
_WITH_ARGUMENT = frozenset({"REQ", "RESP"})


def name_wrong(text: str, *, request_value: bool) -> Wrong | None:
    """The name of a header to set, add or remove. `request_value` is whether the host may be meant: only setting or adding it on
    a request is possible."""
    if text.lower() in {":authority", "host"}:
        return None if request_value else ("header-host", {})
    if text.startswith(":"):
        return "header-pseudo", {"typed": text[:60]}
    return None if TOKEN.fullmatch(text) else ("not-a-header", {"typed": text[:60]})


def value_wrong(text: str) -> Wrong | None:
    """A header's value: %COMMAND% is replaced by Envoy, a percent sign alone is written %%."""
    place = 0
    while (place := text.find("%", place)) >= 0:
        if text.startswith("%%", place):
            place += 2
            continue
        command = _COMMAND.match(text, place)
        if command is None:
            return "header-percent", {"typed": text[:60]}
        if command[1] not in _COMMANDS or ("(" in command[0]) != (command[1] in _WITH_ARGUMENT):
            return "header-command", {"typed": command[0][:60]}
        place = command.end()
    return None
