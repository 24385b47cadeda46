"""Requests per second as a pure function of the objects in the API and the scenario."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from meshportal.mesh.refs import ServiceRef
from meshportal.sandbox.world.graph import DEFAULT_LATENCY, EDGES, ERRORS, LATENCY, ROOTS, Latency, Root
from meshportal.sandbox.world.pods import Workload
from meshportal.sandbox.world.routing import Call, Choice, Mesh
from meshportal.sandbox.world.scenarios import Scenario

_MAX_HOPS = 6
"""Routes can be bent into a circle; a request is followed this far."""

PROXY_ANSWER = Latency(0.4, 0.3)
"""A sidecar that answers by itself is quick."""


@dataclass(frozen=True)
class Flow:
    """Requests of one kind. `rate` is the average per second; `wave` names the curve that moves it over time.

    Without a destination the request never left the caller's sidecar.
    """

    wave: str
    caller: Workload
    service: ServiceRef
    destination: Workload | None
    code: str
    flags: str
    mutual_tls: bool
    latency: Latency
    rate: float


def flows(mesh: Mesh, scenario: Scenario) -> list[Flow]:
    """All traffic. Its order is stable for the same objects."""
    found: list[Flow] = []
    for root in ROOTS:
        callers = mesh.workloads(root.namespace, {"app": root.app})
        pods = sum(count for _, count in callers)
        for caller, count in callers:
            rate = root.per_second * scenario.traffic * count / pods
            found += _from(mesh, scenario, root, Call(caller, root.service, root.path), rate, 0)
    return found


def _from(mesh: Mesh, scenario: Scenario, root: Root, call: Call, rate: float, hops: int) -> Iterator[Flow]:
    for choice in mesh.choices(call):
        served = 0.0
        for flow in _answers(scenario, root, call, choice, rate * choice.share):
            yield flow
            served += flow.rate if flow.code < "500" else 0.0
        destination = choice.workload
        if destination is None or hops == _MAX_HOPS:
            continue
        for edge in EDGES:
            if edge.service == ServiceRef(destination.namespace, destination.app) and (
                not edge.versions or destination.version in edge.versions
            ):
                onward = Call(destination, edge.target, edge.path)
                yield from _from(mesh, scenario, root, onward, served * edge.per_request, hops + 1)


def _answers(scenario: Scenario, root: Root, call: Call, choice: Choice, rate: float) -> Iterator[Flow]:
    destination = choice.workload
    wave = f"{root.app}/{root.service.name}"
    if destination is None:
        yield Flow(wave, call.caller, choice.service, None, choice.code, choice.flags, False, PROXY_ANSWER, rate)
        return
    mutual_tls = call.caller.sidecar and destination.sidecar
    app = ServiceRef(destination.namespace, destination.app)
    fault = scenario.fault(app, destination.version)
    usual = LATENCY.get(app, DEFAULT_LATENCY)
    latency = Latency(usual.median_ms * fault.slowness, usual.sigma)
    rest = 1.0
    for code, share in (*fault.codes, *ERRORS.get(app, ())):
        rest -= share
        yield Flow(wave, call.caller, choice.service, destination, code, "-", mutual_tls, latency, rate * share)
    yield Flow(wave, call.caller, choice.service, destination, "200", "-", mutual_tls, latency, rate * rest)


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
