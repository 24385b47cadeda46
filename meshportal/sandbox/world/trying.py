"""How requests end that may be tried more than once, and what of it arrives: shares, not single requests.

As Envoy 1.40 under Istio 1.31 did it: a retry looks for a pod that was not tried yet (up to six times, at random), waits a while
before, and ends with the timeout of the whole. Elapsed time is reckoned by averages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from meshportal.sandbox.world.actions import Actions, Retries
from meshportal.sandbox.world.latency import Latency, exactly
from meshportal.sandbox.world.pods import Workload

NOTHING = 1e-9
"""Shares below are left out."""
_PICKS = 6
_ON_RESET = frozenset({"5xx", "gateway-error", "reset"})
_ON_NO_CONNECTION = _ON_RESET | {"connect-failure"}
GATEWAY_ERRORS = frozenset({"502", "503", "504"})


@dataclass(frozen=True)
class Outcome:
    """What a share (0–1) of the tries at a pod ends with.

    `arrives`: the pod's proxy counts it. `works`: the app does what it was asked for. `broken` is "reset" or "connect" where
    there was no answer at all.
    """

    share: float
    code: str
    latency: Latency
    flags: str = "-"
    arrives: bool = True
    works: bool = False
    broken: str = ""


@dataclass(frozen=True)
class Place:
    """Pods of one workload that are all alike."""

    workload: Workload
    pods: int
    outcomes: tuple[Outcome, ...]
    mutual_tls: bool


@dataclass(frozen=True)
class Seen:
    """A share of the requests, as one end's proxy counts it."""

    place: Place
    code: str
    flags: str
    latency: Latency
    share: float


@dataclass
class Tried:
    """`ends` are the caller's and sum to 1, `arrivals` the destination's (more with retries), `worked` the apps' by place."""

    ends: list[Seen] = field(default_factory=list)
    arrivals: list[Seen] = field(default_factory=list)
    worked: list[tuple[Place, float]] = field(default_factory=list)


def tries(places: Sequence[Place], actions: Actions) -> Tried:
    """What becomes of requests to these pods, of which there is at least one."""
    found = Tried()
    states: dict[tuple[int, ...], float] = {(0,) * len(places): 1.0}
    elapsed = 0.0
    for number in range(actions.retries.attempts + 1):
        one = _Try(found, actions, elapsed)
        for tried, share in states.items():
            for index, chance, fresh in _picks(places, tried):
                then = tuple(count + (fresh and place == index) for place, count in enumerate(tried))
                one.at(places[index], share * chance, then)
        if not one.failed:
            break
        elapsed += one.average_ms() + actions.retries.pause_ms(number + 1)
        if number == actions.retries.attempts:
            found.ends += [_out_of_tries(seen) for seen, _ in one.failed]
        elif elapsed >= actions.timeout_ms:
            late = exactly(actions.timeout_ms)
            found.ends += [Seen(seen.place, "504", "UT", late, seen.share) for seen, _ in one.failed]
            break
        states = defaultdict(float)
        for seen, then in one.failed:
            states[then] += seen.share
    return found


class _Try:
    """The first, second, … try of all requests that come to it; `failed` are those that may be tried again."""

    def __init__(self, found: Tried, actions: Actions, elapsed: float) -> None:
        self._found = found
        self._retries = actions.retries
        self._elapsed = elapsed
        self._left = actions.timeout_ms - elapsed
        self.failed: list[tuple[Seen, tuple[int, ...]]] = []
        self._lasted: list[tuple[float, float]] = []

    def at(self, place: Place, share: float, then: tuple[int, ...]) -> None:
        """`share` of the requests go to one of these pods; `then` are the pods tried afterwards."""
        cap = min(self._retries.per_try_ms, self._left)
        for outcome in place.outcomes:
            reached = share * outcome.share
            in_time = reached * outcome.latency.within(cap)
            latency = outcome.latency.cut(cap) if reached - in_time > NOTHING else outcome.latency
            if outcome.works:
                self._found.worked.append((place, reached))
            if in_time > NOTHING:
                if outcome.arrives:
                    self._found.arrivals.append(Seen(place, outcome.code, "-", latency, in_time))
                seen = Seen(place, outcome.code, outcome.flags, latency.later(self._elapsed), in_time)
                self._end(seen, then, latency.mean_ms(), again=retried(outcome, self._retries))
            if reached - in_time > NOTHING:
                # the caller hangs up, and its pod's proxy sees just that
                self._found.arrivals.append(Seen(place, "0", "DC", exactly(cap), reached - in_time))
                seen = Seen(place, "504", "UT", exactly(self._elapsed + cap), reached - in_time)
                self._end(seen, then, cap, again=cap < self._left and bool(self._retries.on & _ON_RESET))

    def _end(self, seen: Seen, then: tuple[int, ...], lasted_ms: float, *, again: bool) -> None:
        if again and self._retries.attempts:
            self.failed.append((seen, then))
            self._lasted.append((seen.share, lasted_ms))
        else:
            self._found.ends.append(seen)

    def average_ms(self) -> float:
        """How long the failed ones took in this try."""
        return sum(share * lasted for share, lasted in self._lasted) / sum(share for share, _ in self._lasted)


def retried(outcome: Outcome, retries: Retries) -> bool:
    if outcome.broken:
        return bool(retries.on & (_ON_NO_CONNECTION if outcome.broken == "connect" else _ON_RESET))
    return (
        outcome.code in retries.on
        or ("5xx" in retries.on and outcome.code >= "500")
        or ("gateway-error" in retries.on and outcome.code in GATEWAY_ERRORS)
        or ("retriable-4xx" in retries.on and outcome.code == "409")
    )


def _out_of_tries(seen: Seen) -> Seen:
    flags = "URX" if seen.flags == "-" else f"URX,{seen.flags}"
    return Seen(seen.place, seen.code, flags, seen.latency, seen.share)


def _picks(places: Sequence[Place], tried: tuple[int, ...]) -> Iterator[tuple[int, float, bool]]:
    """Index of a place, the chance that the next try goes there, and whether to a pod not tried yet."""
    everyone, known = sum(place.pods for place in places), sum(tried)
    again = (known / everyone) ** _PICKS
    for index, place in enumerate(places):
        if tried[index]:
            yield index, again * tried[index] / known, False
        if place.pods > tried[index]:
            yield index, (1 - again) * (place.pods - tried[index]) / (everyone - known), True
