"""What is computed without a database and without a network."""

from __future__ import annotations

from bench.numbers import Number, Section, microseconds
from meshportal.mesh.facts import Facts, PodGroup, ServiceFacts
from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.mesh.rollouts.machine import decide
from meshportal.mesh.rollouts.phases import Phase, Seen, State
from meshportal.mesh.rollouts.spec import Criteria, Rule, Spec, ladder
from meshportal.mesh.rollouts.verdict import Arm, Look, judge
from meshportal.mesh.rules.engine import analyse
from tests.cast import destination_rule, kubernetes_service, pod_group, virtual_service
from tests.mesh.rollouts.simulated import World, simulate

LOOKS = 1000
SERVICES = 200
RULED = (
    ("healthy, 0.8 % and 0.8 %", World(0.008, 0.008), "at most 1 % (threshold: 99.7 %)"),
    ("healthy, 0.3 % and 0.3 %", World(0.003, 0.003), "0 % (threshold: 15.5 %)"),
    ("four times as bad, 1.2 % and 0.3 %", World(0.012, 0.003), "at least 99 %"),
    ("ten times as bad, 3 % and 0.3 %", World(0.03, 0.003), "100 %"),
    ("twice as bad under the limit, 0.6 % and 0.3 %", World(0.006, 0.003), "4 %"),
    ("the mesh is sick, 2 % and 2 %", World(0.02, 0.02), "held, not blamed"),
    ("healthy, with shocks to both arms", World(0.003, 0.003, common=1.0), "reported only"),
    ("healthy, with shocks to each arm by itself", World(0.003, 0.003, apart=1.0), "reported only"),
)


def deciding() -> Section:
    """The cost of one decision about a canary of a thousand looks."""
    spec = Spec(ServiceRef("shop", "reviews"), "v1", "v2", ladder(5, 5, 300.0), Criteria(max_slow_rate=0.05))
    looks = [Look(n * 19 // LOOKS, 5 + n * 19 // LOOKS * 5, n, n + 1.0, Arm(900, 7, 20), Arm(100, 1, 2)) for n in range(LOOKS)]
    last = looks[-1].step
    state = State(Phase.OBSERVING, step=last, weight=spec.steps[last].weight, due_at=0.0, shifted_at=0.0)
    verdict = judge(spec, looks, last, elapsed=300.0)
    judged = microseconds(lambda: judge(spec, looks, last, elapsed=300.0))
    decided = microseconds(lambda: decide(spec, state, Seen(verdict), 300.0))
    return Section(
        "One decision",
        f"{LOOKS} looks with errors in each, both tests of the sequential rule",
        [Number("judge", judged, "µs", "time"), Number("decide", decided, "µs", "time")],
    )


def manifests(count: int) -> list[Manifest]:
    """A VirtualService with two weights and a DestinationRule for each of so many services, s0 and on."""
    made: list[Manifest] = []
    for number in range(count):
        name = f"s{number}"
        route, rule = virtual_service(v1=100, v2=0), destination_rule("v1", "v2")
        route["metadata"]["name"] = rule["metadata"]["name"] = rule["spec"]["host"] = name
        route["spec"]["hosts"] = [name]
        for entry in route["spec"]["http"][0]["route"]:
            entry["destination"]["host"] = name
        made += [route, rule]
    return made


def stock(count: int) -> tuple[tuple[ServiceFacts, ...], tuple[PodGroup, ...]]:
    """The services and pods of `manifests`."""
    names = [f"s{number}" for number in range(count)]
    pods = tuple(pod_group(name, version, 2) for name in names for version in ("v1", "v2"))
    return tuple(kubernetes_service(name) for name in names), pods


def findings() -> Section:
    """Every rule over a mesh of 200 VirtualServices and 200 DestinationRules."""
    services, pods = stock(SERVICES)
    facts = Facts(
        objects=tuple(manifests(SERVICES)), services=services, pods=pods, namespaces=frozenset({"bookinfo", "istio-system"})
    )
    found = analyse(facts)
    return Section(
        "Findings",
        f"{SERVICES} VirtualServices, {SERVICES} DestinationRules, {len(pods)} groups of pods",
        [
            Number("all rules once", microseconds(lambda: analyse(facts), least_seconds=1.0) / 1000, "ms", "time"),
            Number("findings", len(found), "", "count"),
        ],
    )


def verdicts(runs: int) -> Section:
    """How often each rule rolls back a canary whose true rates are known."""
    numbers = []
    for name, world, promised in RULED:
        for rule in Rule:
            outcome = simulate(world, rule, runs)
            says = promised if rule is Rule.SEQUENTIAL else ""
            numbers.append(Number(f"{name}: {rule.value}", 100 * outcome.rolled_back, "% rolled back", "ratio", says))
            if rule is Rule.SEQUENTIAL and outcome.median_spent and outcome.rolled_back > 0.5:
                numbers.append(Number(f"{name}: canary requests spent", outcome.median_spent, "median", "count"))
    return Section("Verdicts on simulated canaries", f"{runs} runs each, 2,000 requests a step, seeded", numbers)
