"""What one call's requests become: faults, limits, retries and timeouts at the caller, refusals and answers at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from meshportal.mesh.refs import ServiceRef
from meshportal.sandbox.world.actions import PLAIN, Actions
from meshportal.sandbox.world.calls import Call
from meshportal.sandbox.world.crowding import overflow, without_outliers
from meshportal.sandbox.world.graph import DEFAULT_LATENCY, ERRORS, LATENCY
from meshportal.sandbox.world.latency import Latency
from meshportal.sandbox.world.pods import Workload
from meshportal.sandbox.world.routing import Host, Mesh, Target
from meshportal.sandbox.world.scenarios import Scenario
from meshportal.sandbox.world.trying import NOTHING, Outcome, Place, Seen, tries

PROXY_ANSWER = Latency(0.4, 0.3)
"""A sidecar that answers by itself is quick."""


@dataclass(frozen=True)
class Flow:
    """Requests of one kind. `rate` is the average per second; `wave` names the curve that moves it over time.

    Without a destination the request never got to a pod. `at_source` and `at_destination` say which ends count it.
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
    at_source: bool = True
    at_destination: bool = True


@dataclass
class Sent:
    """The flows of one call and the requests per second that apps worked on, by workload; `seen` is the call as they saw it."""

    seen: Call
    flows: list[Flow] = field(default_factory=list)
    worked: dict[Workload, float] = field(default_factory=dict)


Load = dict[tuple[ServiceRef, str], float]
"""Requests per second by service and subset: what Envoy calls a cluster."""


def send(mesh: Mesh, scenario: Scenario, call: Call, rate: float, wave: str = "", load: Load | None = None) -> Sent:
    """`rate` requests per second of a call. `load` is that of the caller's other calls too, where it makes such."""
    return _Sender(mesh, scenario, call, rate, wave, load or load_of(mesh, [(call, rate)])).sent()


def load_of(mesh: Mesh, asked: Iterable[tuple[Call, float]]) -> Load:
    """What calls of one workload, with their rates, bring to each cluster before limits and retries."""
    found: Load = {}
    for call, rate in asked:
        routed = mesh.routed(call)
        for target in routed.targets:
            cluster = (target.service, target.subset)
            found[cluster] = found.get(cluster, 0.0) + rate * target.share * (1 - routed.actions.abort_share)
    return found


class _Sender:
    def __init__(self, mesh: Mesh, scenario: Scenario, call: Call, rate: float, wave: str, load: Load) -> None:
        self._mesh, self._scenario, self._call, self._wave = mesh, scenario, call, wave
        self._routed = mesh.routed(call)
        self._rate, self._load = rate, load
        self._sent = Sent(self._routed.seen)

    def sent(self) -> Sent:
        actions = self._routed.actions
        mirrored = 0.0
        for target in self._routed.targets:
            rate = self._rate * target.share
            passing = rate * (1 - actions.abort_share)
            self._source(target.service, None, actions.abort_code, "FI", rate - passing)
            if target.hosts:
                self._to(target, passing)
                mirrored += passing
            else:
                self._source(target.service, None, target.code, target.flags, passing)
        for mirror in self._routed.mirrors:
            if mirror.hosts:
                self._mirror(mirror, mirrored * mirror.share)
        return self._sent

    # ---------------------------------------------------------------- flows

    def _to(self, target: Target, rate: float) -> None:
        places = [place for host in target.hosts for place in self._places(host, target)]
        pods = sum(place.pods for place in places)
        actions = self._routed.actions
        per_client = self._load[target.service, target.subset] / self._call.clients
        busy = per_client * _mean_ms(places, actions) / 1000
        at_a_time, waiting = overflow(target.policy.limits, busy)
        for place in places:
            refused = rate * at_a_time * place.pods / pods
            self._source(target.service, place, "503", "UO", refused)
        rate *= 1 - at_a_time
        self._source(target.service, None, "503", "UO", rate * waiting)
        rate *= 1 - waiting
        left, time_out = places, 0.0
        if target.policy.outliers:
            left, time_out = without_outliers(places, target.policy.outliers, per_client / pods)
        self._try(target.service, places, actions, rate * (1 - time_out))
        if left:
            self._try(target.service, left, actions, rate * time_out)
        else:
            self._source(target.service, None, "503", "UH", rate * time_out)

    def _try(self, service: ServiceRef, places: Sequence[Place], actions: Actions, rate: float) -> None:
        if rate <= NOTHING:
            return
        tried = tries(places, actions)
        for end in tried.ends:
            self._source(service, end.place, end.code, end.flags, rate * end.share, end.latency)
        self._arrive(service, tried.arrivals, tried.worked, rate)

    def _mirror(self, target: Target, rate: float) -> None:
        """Nobody waits for the answers, and the caller's proxy counts none: they are not requests of its client."""
        if rate <= NOTHING:
            return
        places = [place for host in target.hosts for place in self._places(host, target)]
        tried = tries(places, replace(PLAIN, timeout_ms=self._routed.actions.timeout_ms))
        self._arrive(target.service, tried.arrivals, tried.worked, rate)

    def _arrive(self, service: ServiceRef, arrivals: Iterable[Seen], worked: Iterable[tuple[Place, float]], rate: float) -> None:
        for seen in arrivals:
            self._sent.flows.append(
                Flow(
                    self._wave, self._call.caller, service, seen.place.workload, seen.code, seen.flags, seen.place.mutual_tls,
                    seen.latency, rate * seen.share, at_source=False,
                )
            )  # fmt: skip
        for place, share in worked:
            known = self._sent.worked.get(place.workload, 0.0)
            self._sent.worked[place.workload] = known + rate * share

    def _source(
        self, service: ServiceRef, place: Place | None, code: str, flags: str, rate: float, latency: Latency = PROXY_ANSWER
    ) -> None:
        """What the caller's proxy counts: a part of it is delayed, and that is known before anything else becomes of it."""
        actions = self._routed.actions
        destination, mutual_tls = (place.workload, place.mutual_tls) if place else (None, False)
        delayed = "DI" if flags == "-" else f"DI,{flags}"
        for part, how, late in (
            (1 - actions.delay_share, flags, latency),
            (actions.delay_share, delayed, latency.later(actions.delay_ms)),
        ):
            if rate * part > NOTHING:
                self._sent.flows.append(
                    Flow(
                        self._wave, self._call.caller, service, destination, code, how, mutual_tls, late, rate * part,
                        at_destination=False,
                    )
                )  # fmt: skip

    # ---------------------------------------------------------------- pods

    def _places(self, host: Host, target: Target) -> Iterator[Place]:
        workload = host.workload
        refusal, mutual_tls = self._refusal(host, target.policy.tls)
        outcomes = refusal or tuple(app_outcomes(self._scenario, workload))
        app = ServiceRef(workload.namespace, workload.app)
        if self._scenario.sick != (app, workload.version) or refusal:
            yield Place(workload, host.pods, outcomes, mutual_tls)
            return
        if host.pods > 1:
            yield Place(workload, host.pods - 1, outcomes, mutual_tls)
        sick = Outcome(1.0, "503", LATENCY.get(app, DEFAULT_LATENCY))
        yield Place(replace(workload, pod=host.youngest), 1, (sick,), mutual_tls)

    def _refusal(self, host: Host, tls: str) -> tuple[tuple[Outcome, ...], bool]:
        """What ends all requests before the app, if anything does, and whether they go encrypted by the mesh."""
        caller, workload = self._call.caller, host.workload
        mode = self._mesh.security.mode(workload, host.port) if workload.sidecar else ""
        mutual_tls = caller.sidecar and (tls == "ISTIO_MUTUAL" or (not tls and mode in ("STRICT", "PERMISSIVE")))
        plain = not caller.sidecar or tls in ("", "DISABLE")
        if mutual_tls and mode in ("", "DISABLE"):
            return (_broken("connect", "UF"),), False
        if not mutual_tls and (mode == "STRICT" or not plain):
            return (_broken("reset", "UC") if plain else _broken("connect", "UF"),), False
        if workload.sidecar and self._mesh.security.denies(self._routed.seen, workload, mutual_tls=mutual_tls):
            return (Outcome(1.0, "403", PROXY_ANSWER),), mutual_tls
        return (), mutual_tls


def app_outcomes(scenario: Scenario, workload: Workload) -> Iterator[Outcome]:
    """What the app itself answers."""
    app = ServiceRef(workload.namespace, workload.app)
    fault = scenario.fault(app, workload.version)
    usual = LATENCY.get(app, DEFAULT_LATENCY)
    latency = Latency(usual.median_ms * fault.slowness, usual.sigma)
    rest = 1.0
    for code, share in (*fault.codes, *ERRORS.get(app, ())):
        rest -= share
        yield Outcome(share, code, latency, works=code < "500")
    if rest > NOTHING:
        yield Outcome(rest, "200", latency, works=True)


def _broken(how: str, flags: str) -> Outcome:
    return Outcome(1.0, "503", PROXY_ANSWER, flags, arrives=False, broken=how)


def _mean_ms(places: Sequence[Place], actions: Actions) -> float:
    """How long a try lasts on average."""
    cap = min(actions.timeout_ms, actions.retries.per_try_ms)
    pods = sum(place.pods for place in places)
    shares = [(place.pods / pods * outcome.share, outcome.latency) for place in places for outcome in place.outcomes]
    return sum(share * min(latency.mean_ms(), cap) for share, latency in shares)
