"""What a DestinationRule's limits do: connection pools that are full, and pods that are taken out for failing.

Both belong to one client's proxy, so both go by the rate of one client.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from meshportal.sandbox.world.rules import Limits, Outliers
from meshportal.sandbox.world.trying import GATEWAY_ERRORS, Place

_MOST_PLACES = 1000
_ALWAYS = 0.999


def overflow(limits: Limits, busy: float) -> tuple[float, float]:
    """Shares of the requests for which there is no room: too many at a time, too many that wait for a connection.

    `busy` is how many are on their way on average: rate times duration (Little's law). Requests come at random, so some find all
    places taken even where there are more places than that: Erlang's formulas for lost and for waiting calls.
    """
    return _refused(busy, limits.requests, 0), _refused(busy, limits.connections, limits.pending)


def _refused(busy: float, places: float, waiting: float) -> float:
    if places > _MOST_PLACES or waiting > _MOST_PLACES or busy <= 0:
        return 0.0
    lost = 1.0
    for number in range(1, int(places) + 1):
        lost = busy * lost / (number + busy * lost)
    load = busy / places
    queue = sum(load**number for number in range(1, int(waiting) + 1))
    return lost * load ** int(waiting) / (1 + lost * queue)


def without_outliers(places: Sequence[Place], outliers: Outliers, per_pod: float) -> tuple[list[Place], float]:
    """The places that are left while the failing pods are out, and the share of the time in which they are.

    `per_pod` are requests per second of one client to one pod. A pod is taken out when so many in a row have failed, stays out
    for the base time and comes back: that Envoy lets it wait longer each time is left out, and all that can go go at once. Envoy
    takes a pod out only if the share of pods that are out stays within maxEjectionPercent, so 10 % of two pods are none.
    """
    pods = sum(place.pods for place in places)
    budget = int(pods * outliers.max_percent / 100 + 1e-9)
    sickest = sorted(range(len(places)), key=lambda index: -_time_out(places[index], outliers, per_pod))
    left = list(places)
    out, weighed = 0, 0.0
    for index in sickest:
        time_out = _time_out(places[index], outliers, per_pod)
        count = min(places[index].pods, budget - out)
        if time_out > 1 - _ALWAYS and count > 0:
            left[index] = replace(places[index], pods=places[index].pods - count)
            out, weighed = out + count, weighed + time_out * count
    if not out or 100 * (pods - out) / pods < outliers.min_health_percent:
        return list(places), 0.0
    return [place for place in left if place.pods], weighed / out


def _time_out(place: Place, outliers: Outliers, per_pod: float) -> float:
    """The share of the time that a pod of this place is out."""
    broken = [outcome.share for outcome in place.outcomes if outcome.broken or outcome.code >= "500"]
    at_gateway = [outcome.share for outcome in place.outcomes if outcome.broken or outcome.code in GATEWAY_ERRORS]
    until = min(_until(sum(broken), outliers.errors), _until(sum(at_gateway), outliers.gateway_errors))
    if math.isinf(until) or not per_pod:
        return 0.0
    return outliers.out_seconds / (outliers.out_seconds + until / per_pod)


def _until(failing: float, in_a_row: int) -> float:
    """How many requests it takes on average until so many in a row have failed."""
    if not in_a_row or failing <= 0:
        return math.inf
    if failing > _ALWAYS:
        return float(in_a_row)
    often = failing**in_a_row
    return (1 - often) / ((1 - failing) * often) if often else math.inf
