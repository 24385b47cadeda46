"""Which field of the form a place in an object belongs to, so that a rule's finding stands beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from meshportal.mesh.facts import Facts
from meshportal.mesh.findings import Finding
from meshportal.mesh.gateways.binding import exposed_at, spec_of
from meshportal.mesh.gateways.intent import GatewayIntent
from meshportal.mesh.gateways.rendering import build
from meshportal.mesh.refs import GATEWAY, ResourceRef

_ROUTE = re.compile(r"^spec\.http\[(\d+)\](.*)$")
_MATCH = re.compile(r"^\.match\[(\d+)\]")
_FIELDS = (
    ("spec.selector", "workload"),
    ("spec.gateways", "gateway"),
    ("spec.hosts", "hosts"),
)
_SERVER_FIELDS = ((".tls.credential", "credential"), (".tls.httpsRedirect", "redirect"), (".tls", "tls_mode"), (".port", "port"))


def placed(findings: Sequence[Finding], intent: GatewayIntent, facts: Facts) -> list[Finding]:
    """The findings about objects of a plan, each with the form field of the row it is about; "" where it is about none."""
    rendered = build(intent, facts)
    after = facts.after(rendered.plan)
    rows: dict[tuple[ResourceRef, int], int] = {}
    objects: dict[ResourceRef, int] = {}
    for number, (ref, route) in enumerate(rendered.routes):
        virtual_service = after.get(ref)
        if virtual_service is None:
            continue
        routes = spec_of(virtual_service).get("http") or []
        rows |= {(ref, place): number for place, other in enumerate(routes) if other is route}
        for touched in (ref, *exposed_at(virtual_service, route)):
            objects.setdefault(touched, number)
    return [replace(finding, field=_field(finding, rows, objects, intent)) for finding in findings]


def _field(
    finding: Finding, rows: dict[tuple[ResourceRef, int], int], objects: dict[ResourceRef, int], intent: GatewayIntent
) -> str:
    if finding.ref is None or finding.ref not in objects:
        return ""
    if match := _ROUTE.match(finding.path):
        number = rows.get((finding.ref, int(match[1])))
        return "" if number is None else _route_field(f"exposures[{number}]", match[2], len(intent.exposures[number].paths))
    at = f"exposures[{objects[finding.ref]}]"
    if finding.ref.kind == GATEWAY and finding.path.startswith("spec.servers"):
        rest = finding.path.partition("]")[2]
        return f"{at}.{next((field for start, field in _SERVER_FIELDS if rest.startswith(start)), 'hosts')}"
    return f"{at}.{next((field for start, field in _FIELDS if finding.path.startswith(start)), 'gateway')}"


def _route_field(at: str, rest: str, paths: int) -> str:
    if match := _MATCH.match(rest):
        return f"{at}.paths[{match[1]}].path" if int(match[1]) < paths else f"{at}.paths"
    if rest.startswith(".rewrite"):
        return f"{at}.rewrite"
    return f"{at}.target_port" if rest.startswith(".route") else f"{at}.paths"
