"""Requests per second as a pure function of the objects in the API and the scenario."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import replace

from meshportal.mesh.refs import ServiceRef
from meshportal.sandbox.world.calls import Call
from meshportal.sandbox.world.graph import EDGES, FORWARDED, ROOTS, Edge
from meshportal.sandbox.world.pods import Workload
from meshportal.sandbox.world.routing import Mesh
from meshportal.sandbox.world.scenarios import Scenario
from meshportal.sandbox.world.sending import Flow, load_of, send
from meshportal.sandbox.world.trying import NOTHING

_MAX_HOPS = 6
"""Routes can be bent into a circle; a request is followed this far."""


def flows(mesh: Mesh, scenario: Scenario) -> list[Flow]:
    """All traffic. Its order is stable for the same objects."""
    found: list[Flow] = []
    for root in ROOTS:
        callers = mesh.workloads(root.namespace, {"app": root.app})
        pods = sum(count for _, count in callers)
        for caller, count in callers:
            call = Call(caller, root.service, root.path, clients=count)
            rate = root.per_second * scenario.traffic * count / pods
            asked = [(replace(call, headers=crowd.headers, query=crowd.query), rate * crowd.share) for crowd in root.crowds]
            found += _from(mesh, scenario, f"{root.app}/{root.service.name}", asked, 0)
    return merged(found)


def _from(mesh: Mesh, scenario: Scenario, wave: str, asked: list[tuple[Call, float]], hops: int) -> Iterator[Flow]:
    """What becomes of these calls of one workload, and of the calls that they cause."""
    load = load_of(mesh, asked)
    onward: dict[tuple[Workload, Edge], list[tuple[Call, float]]] = {}
    for call, rate in asked:
        sent = send(mesh, scenario, call, rate, wave, load)
        yield from sent.flows
        passed_on = tuple(pair for pair in sent.seen.headers if pair[0] in FORWARDED)
        for workload, worked in sent.worked.items():
            for edge in _edges(workload):
                clients = mesh.pods_of(workload)
                then = Call(workload, edge.target, edge.path, edge.method, passed_on, call.query, clients)
                onward.setdefault((workload, edge), []).append((then, worked * edge.per_request))
    if hops < _MAX_HOPS:
        for calls in onward.values():
            yield from _from(mesh, scenario, wave, calls, hops + 1)


def _edges(workload: Workload) -> list[Edge]:
    app = ServiceRef(workload.namespace, workload.app)
    return [edge for edge in EDGES if edge.service == app and (not edge.versions or workload.version in edge.versions)]


def merged(found: list[Flow]) -> list[Flow]:
    """The same traffic in as few flows as possible: what both ends count alike is one."""
    rates: dict[Flow, list[float]] = {}
    for flow in found:
        ends = rates.setdefault(replace(flow, rate=0.0, at_source=True, at_destination=True), [0.0, 0.0])
        for end, counts in enumerate((flow.at_source, flow.at_destination)):
            ends[end] += flow.rate if counts else 0.0
    return [one for flow, (source, destination) in rates.items() for one in _parted(flow, source, destination)]


def _parted(flow: Flow, source: float, destination: float) -> Iterator[Flow]:
    both = min(source, destination)
    if both > NOTHING or (not source and not destination):
        yield replace(flow, rate=both)
    if source - both > NOTHING:
        yield replace(flow, rate=source - both, at_destination=False)
    if destination - both > NOTHING:
        yield replace(flow, rate=destination - both, at_source=False)


# ---------------------------------------------------------------- time

_WAVES = ((300.0, 0.15), (86_400.0, 0.1))
"""Period in seconds and amplitude (a ratio) of the sines that make the traffic live."""


def waved(wave: str, seed: int, start: float, end: float) -> float:
    """Seconds between `start` and `end` (seconds since the epoch), each weighed by how busy it is; on average their number.

    The integral in closed form: counters come out the same however the time is cut into intervals.
    """
    phase = zlib.crc32(f"{seed}/{wave}".encode()) / 2**32 * math.tau
    total = end - start
    for period, amplitude in _WAVES:
        turn = math.tau / period
        total += amplitude / turn * (math.cos(start * turn + phase) - math.cos(end * turn + phase))
    return total
