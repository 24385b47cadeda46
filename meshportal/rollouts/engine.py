"""The walk of all canaries: `sweep` takes those that are due, looks, decides, writes, and keeps what came of it.

Everything that is decided is decided in the calling thread, which alone uses the database. Threads only wait for Prometheus and
for API servers, one small pool for each mesh, so that one that hangs keeps nobody else waiting. A canary that raises is put off,
and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from threading import Lock
from typing import Any

import structlog

from meshportal.clients.ports import ClusterPort, MetricsPort
from meshportal.clusters.models import Cluster
from meshportal.mesh.refs import VIRTUAL_SERVICE, Manifest, ResourceRef
from meshportal.mesh.rollouts.machine import RETRY, decide
from meshportal.mesh.rollouts.phases import DONE, Decision, Hold, Phase, Reason, Seen
from meshportal.rollouts import evidence
from meshportal.rollouts.claiming import AFTER_A_FAULT, claim
from meshportal.rollouts.drifting import Moved, News, moved, news
from meshportal.rollouts.evidence import Answers
from meshportal.rollouts.failpoints import AFTER_CLAIM, reach
from meshportal.rollouts.guards import Around, World, around, guards
from meshportal.rollouts.models import Shift
from meshportal.rollouts.outcomes import kept
from meshportal.rollouts.queries import intended
from meshportal.rollouts.recording import Held, LostLease, decided, postponed
from meshportal.rollouts.sighting import needs_evidence, sight, with_pods
from meshportal.rollouts.writing import How, Order, Outcome, carry_out, look, seen

log = structlog.get_logger(__name__)

THREADS = 8
GOES_ON = 3  # decisions about one canary in one sweep: settled, then observed
RISING = frozenset({Phase.SHIFTING, Phase.PROMOTING})
STILL = frozenset({Phase.PREFLIGHT, Phase.ROLLING_BACK})

Clock = Callable[[], datetime]
Then = Callable[[Future[Any]], None]


def small_pool(name: str) -> Executor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix=name)


def sweep(
    *,
    clock: Clock,
    cluster_of: Callable[[Cluster], ClusterPort],
    metrics_of: Callable[[Cluster], MetricsPort],
    pool_of: Callable[[str], Executor] = small_pool,
) -> int:
    """Take every canary that is due one step further. Returns how many there were. Safe to call at any time, by any number."""
    rows = claim(clock())
    if rows:
        reach(AFTER_CLAIM)
        with ExitStack() as stack:
            Sweep(clock, cluster_of, metrics_of, pool_of, stack).run(rows)
    return len(rows)


class Mesh:
    """One mesh in one sweep: its pool of threads, its API server, and the catalog's view of it."""

    def __init__(self, cluster: Cluster, connect: Callable[[Cluster], ClusterPort], pool: Executor, now: datetime) -> None:
        self.cluster, self.pool, self.world = cluster, pool, World(cluster, now)
        self._connect, self._lock = connect, Lock()
        self._port: ClusterPort | None = None

    def port(self) -> ClusterPort:
        """Connected once, by whichever thread needs it first. Raises ClusterUnavailable."""
        with self._lock:
            if self._port is None:
                self._port = self._connect(self.cluster)
            return self._port


class Sweep:
    """One run over the canaries that were claimed together."""

    def __init__(
        self,
        clock: Clock,
        cluster_of: Callable[[Cluster], ClusterPort],
        metrics_of: Callable[[Cluster], MetricsPort],
        pool_of: Callable[[str], Executor],
        stack: ExitStack,
    ) -> None:
        self.clock, self._cluster_of, self._metrics_of = clock, cluster_of, metrics_of
        self._pool_of, self._stack = pool_of, stack
        self._meshes: dict[int, Mesh] = {}
        self._answered: SimpleQueue[tuple[Future[Any], Then]] = SimpleQueue()
        self._waiting = 0

    def run(self, rows: Iterable[Held]) -> None:
        by_mesh: dict[int, list[Held]] = {}
        for held in rows:
            by_mesh.setdefault(held.row.cluster_id, []).append(held)
        for group in by_mesh.values():
            mesh = self._mesh(group[0].row.cluster)
            asking = [evidence.target_of(held.row, held.spec) for held in group if held.due and needs_evidence(held.state)]
            ask = partial(evidence.ask, partial(self._metrics_of, mesh.cluster), asking)
            self._later(mesh, ask, partial(self._on_answers, group))
        while self._waiting:
            future, then = self._answered.get()
            self._waiting -= 1
            then(future)

    def _mesh(self, cluster: Cluster) -> Mesh:
        if cluster.pk not in self._meshes:
            pool = self._stack.enter_context(self._pool_of(cluster.name))
            self._meshes[cluster.pk] = Mesh(cluster, self._cluster_of, pool, self.clock())
        return self._meshes[cluster.pk]

    def _later(self, mesh: Mesh, act: Callable[[], Any], then: Then) -> None:
        """Let a thread `act`; `then` gets what it returned or raised, in this thread."""
        self._waiting += 1
        mesh.pool.submit(act).add_done_callback(lambda future: self._answered.put((future, then)))

    def _guarded(self, held: Held, act: Callable[[], None]) -> None:
        try:
            act()
        except LostLease:
            log.info("lease lost", rollout=held.row.label)
        except Exception as error:
            log.exception("a canary was put off", rollout=held.row.label)
            postponed(held, self.clock(), AFTER_A_FAULT, f"{type(error).__name__}: {error}")

    # ------------------------------------------------------------ looking

    def _on_answers(self, group: Iterable[Held], future: Future[Answers]) -> None:
        for held in group:
            self._guarded(held, lambda held=held: self._consider(held, future.result()))  # type: ignore[misc]  # bound in the loop

    def _consider(self, held: Held, answers: Answers) -> None:
        mesh, state = self._mesh(held.row.cluster), held.state
        shift = intended(held.row)
        if shift is not None and self._left_over(held, shift, answers):
            return
        if state.phase in STILL:
            self._go_on(held, answers, Moved(state))
            return
        live = mesh.world.routes.get((held.row.route_namespace, held.row.route_name))
        match news(held.row, live):
            case News.OLD:
                self._go_on(held, answers, Moved(state))
            case News.SAME:
                self._on_look(held, answers, seen(live, held.spec))
            case News.NEW:
                # the catalog may be behind: before anything follows, it is read once
                ask = partial(look, mesh.port, _route(held), held.spec)
                self._later(mesh, ask, lambda found: self._guarded(held, lambda: self._on_look(held, answers, found.result())))

    def _left_over(self, held: Held, shift: Shift, answers: Answers) -> bool:
        """Go on with a write that was announced, and of which nothing more is known. False where it is of no matter any more."""
        if shift.purpose in {Shift.Purpose.LOWER, Shift.Purpose.SET_BACK} and held.row.phase != Phase.ROLLING_BACK:
            self._send(held, shift, answers)
            return True
        if shift.purpose == Shift.Purpose.STEP and held.state.phase in RISING:
            there = self._around(held)
            asked = decide(held.spec, held.state, Seen(guards=guards(held.spec, held.state, there)), self.clock().timestamp())
            self._send(held, shift, answers, may_write=asked.write is not None)
            return True
        return False

    def _around(self, held: Held) -> Around:
        return around(self._mesh(held.row.cluster).world, held.spec)

    def _on_look(self, held: Held, answers: Answers, found: Outcome) -> None:
        if found.how is How.FAILED:
            self._go_on(held, answers, Moved(held.state))
            return
        self._on_moved(held, answers, moved(held, found, self.clock()))

    def _on_moved(self, held: Held, answers: Answers, what: Moved) -> None:
        if what.set_back is None:
            self._go_on(held, answers, what)
            return
        now = self.clock()
        decision = Decision(what.state, now.timestamp() + RETRY, holds=what.state.sticky)
        shift = decided(held, decision, now, columns=what.columns, events=what.events, set_back=what.set_back)
        if shift is not None:
            self._send(held, shift, answers)

    # ------------------------------------------------------------ deciding

    def _go_on(self, held: Held, answers: Answers, what: Moved, times: int = GOES_ON) -> None:
        """Decide and keep it; then write, or decide again where the next moment is now."""
        now, there = self.clock(), self._around(held)
        if not held.due and what.state == held.state and not what.seen:
            self._release(held, what, now)
            return
        found = sight(held, what.state, there, self._route_of(held), answers, now.timestamp())
        reasons = (*guards(held.spec, what.state, there), *what.seen)
        seen_now = Seen(found.verdict, found.preflight, reasons, found.written, found.settled)
        decision = decide(held.spec, what.state, seen_now, now.timestamp())
        columns = {**what.columns, **found.columns}
        decision, events = with_pods(held, decision, there)
        shift = decided(held, decision, now, look=found.look, columns=columns, events=(*what.events, *events))
        if shift is not None:
            self._send(held, shift, answers)
        elif decision.next_at <= now.timestamp() and decision.state.phase not in DONE and times:
            # what was answered has been counted
            self._go_on(held, Answers(), Moved(held.state, what.seen), times - 1)

    def _route_of(self, held: Held) -> Manifest | None:
        return self._mesh(held.row.cluster).world.routes.get((held.row.route_namespace, held.row.route_name))

    def _release(self, held: Held, what: Moved, now: datetime) -> None:
        """Its route has moved, and that changes nothing for it: it is due when it was."""
        due = held.row.next_due_at or now
        kept = tuple(Reason(Hold(row["hold"]), row["values"]) for row in held.row.holds)
        decided(held, Decision(held.state, due.timestamp(), holds=kept), now, columns=what.columns, events=what.events)

    # ------------------------------------------------------------ writing

    def _send(self, held: Held, shift: Shift, answers: Answers, *, may_write: bool = True) -> None:
        mesh = self._mesh(held.row.cluster)
        order = Order(
            ref=_route(held),
            spec=held.spec,
            purpose=Shift.Purpose(shift.purpose),
            step=shift.step,
            weight=shift.weight,
            before=shift.before,
            token=shift.token,
            change=held.row.change.label,
            may_write=may_write,
        )

        self._later(
            mesh,
            partial(carry_out, mesh.port, order),
            lambda done: self._guarded(held, lambda: self._on_written(held, shift, answers, done.result())),
        )

    def _on_written(self, held: Held, shift: Shift, answers: Answers, outcome: Outcome) -> None:
        now = self.clock()
        if outcome.how in {How.RACED, How.FAILED}:
            postponed(held, now, RETRY if outcome.retry_helps else AFTER_A_FAULT, outcome.error)
            return
        after = kept(held, shift, outcome, now)
        if after is not None:
            self._on_moved(held, answers, after)


def _route(held: Held) -> ResourceRef:
    return ResourceRef(VIRTUAL_SERVICE, held.row.route_namespace, held.row.route_name)
