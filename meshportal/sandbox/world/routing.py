"""Where a request goes: VirtualServices and DestinationRules applied to pods, as a client's sidecar does it.

Rules: https://istio.io/latest/docs/reference/config/networking/virtual-service/ and …/destination-rule/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from meshportal.mesh.refs import Manifest, ServiceRef
from meshportal.sandbox.world import actions, gateways
from meshportal.sandbox.world.actions import PLAIN, Actions
from meshportal.sandbox.world.calls import Call, Door, fitting
from meshportal.sandbox.world.hosts import age, covers, exported, full_name, qualified, service_of, service_ref
from meshportal.sandbox.world.pods import UNKNOWN, Workload, ready, version_of, workload_name, workload_of
from meshportal.sandbox.world.rules import NO_POLICY, Policy, Rules
from meshportal.sandbox.world.security import Security

NOBODY = ServiceRef(UNKNOWN, UNKNOWN)


@dataclass(frozen=True)
class Objects:
    """What of the API the traffic depends on."""

    services: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] = ()
    virtual_services: tuple[Manifest, ...] = ()
    destination_rules: tuple[Manifest, ...] = ()
    gateways: tuple[Manifest, ...] = ()
    peer_authentications: tuple[Manifest, ...] = ()
    authorization_policies: tuple[Manifest, ...] = ()


@dataclass(frozen=True)
class Host:
    """The ready pods of a workload behind a service. `port` is that of the container, `youngest` the name of the newest pod."""

    workload: Workload
    pods: int
    youngest: str
    port: int


@dataclass(frozen=True)
class Target:
    """A share (0–1) of a call's requests and the pods they may go to. Without hosts they fail with `code` and `flags`."""

    share: float
    service: ServiceRef
    hosts: tuple[Host, ...] = ()
    code: str = ""
    flags: str = ""
    policy: Policy = NO_POLICY
    subset: str = ""


@dataclass(frozen=True)
class Routed:
    """What becomes of a call: `seen` is how its destination sees it. The shares of `targets` sum to 1; mirrors come on top."""

    seen: Call
    actions: Actions
    targets: tuple[Target, ...]
    mirrors: tuple[Target, ...] = ()


@dataclass(frozen=True)
class Choice:
    """A share (0–1) of a call's requests and where they go. Without a workload they fail with `code` and `flags`."""

    share: float
    service: ServiceRef
    workload: Workload | None
    code: str = ""
    flags: str = ""


class Mesh:
    """Objects, indexed for routing. Cheap to build: once per change."""

    def __init__(self, objects: Objects) -> None:
        self._services = {service_ref(manifest): manifest for manifest in objects.services}
        self._pods: dict[str, list[Manifest]] = {}
        # the oldest pod of a workload reports for it, so that scaling up does not start its counters anew
        for pod in sorted(objects.pods, key=age):
            if ready(pod):
                self._pods.setdefault(pod["metadata"]["namespace"], []).append(pod)
        self._routes = sorted(objects.virtual_services, key=age)
        self._gateways = objects.gateways
        self.rules = Rules(objects.destination_rules)
        self.security = Security(objects.peer_authentications, objects.authorization_policies)

    def workloads(self, namespace: str, labels: Mapping[str, str]) -> list[tuple[Workload, int]]:
        """Workloads of the ready pods with these labels, each with the number of its pods."""
        return [(host.workload, host.pods) for host in self._hosts(namespace, labels, 0)]

    def pods_of(self, workload: Workload) -> int:
        """How many ready pods a workload has, at least 1."""
        hosts = self._hosts(workload.namespace, {"app": workload.app}, 0)
        return next((host.pods for host in hosts if host.workload == workload), 1)

    def choices(self, call: Call) -> list[Choice]:
        """How the requests of `call` are spread over workloads that are all well; the shares sum to 1."""
        found = []
        for target in self.routed(call).targets:
            if not target.hosts:
                found.append(Choice(target.share, target.service, None, target.code, target.flags))
            total = sum(host.pods for host in target.hosts)
            found += [Choice(target.share * host.pods / total, target.service, host.workload) for host in target.hosts]
        return found

    def routed(self, call: Call) -> Routed:
        if not call.caller.sidecar:
            # nobody on the way knows of routes
            return Routed(call, PLAIN, (self._target(call, call.service, "", 1.0, plain=True),))
        door, routes = self._entrance(call)
        if routes is None:
            return Routed(call, Actions(), (self._target(call, call.service, "", 1.0),))
        for namespace, route in routes:
            match = fitting(route.get("match"), call, door, namespace)
            if match is not None:
                return self._along(call, namespace, route, match)
        return Routed(call, Actions(), (self._lost(call, 1.0, "404", "NR"),))

    # ---------------------------------------------------------------- VirtualService

    def _entrance(self, call: Call) -> tuple[Door, list[gateways.Route] | None]:
        """Where the call enters routing and the http routes that may take it; None where no VirtualService rules its host."""
        serving = gateways.serving(self._gateways, dict(call.caller.labels)) if _is_gateway(call.caller) else {}
        if serving:
            return gateways.entrance(call.service, self._routes, serving)
        host = full_name(call.service)
        door = Door(host, self._port(call.service))
        for route in self._routes:
            namespace, spec = route["metadata"]["namespace"], route.get("spec", {})
            if not exported(spec, namespace, call.caller.namespace) or "mesh" not in spec.get("gateways", ["mesh"]):
                continue
            # the oldest wins, none is empty
            if any(covers(qualified(name, namespace), host) for name in spec.get("hosts", [])):
                return door, [(namespace, http) for http in spec.get("http") or []] or None
        return door, None

    def _along(self, call: Call, namespace: str, route: Manifest, match: Manifest) -> Routed:
        done = actions.of_route(route)
        if done.answer:
            # no cluster is chosen, so the metrics name no service
            return Routed(call, done, (self._lost(call, 1.0, done.answer, "-"),))
        mirrors = [(host, subset, share) for host, subset, share in done.mirrors if share]
        return Routed(
            actions.changed(call, route, match),
            done,
            tuple(self._weighted(call, route, namespace)),
            tuple(self._destination(call, host, subset, namespace, share) for host, subset, share in mirrors),
        )

    def _weighted(self, call: Call, route: Manifest, namespace: str) -> Iterator[Target]:
        destinations = route.get("route") or []
        weights = [float(entry.get("weight") or 0) for entry in destinations]
        if len(destinations) == 1:
            weights = [1.0]
        total = sum(weights)
        if not total:
            yield self._lost(call, 1.0, "503", "NC")
        for entry, weight in zip(destinations, weights, strict=True):
            if weight:
                destination = entry.get("destination", {})
                subset = destination.get("subset", "")
                yield self._destination(call, destination.get("host", ""), subset, namespace, weight / total)

    def _destination(self, call: Call, host: str, subset: str, namespace: str, share: float) -> Target:
        service = service_of(qualified(host, namespace))
        if service is None or service not in self._services:
            return self._lost(call, share, "503", "NC")
        return self._target(call, service, subset, share)

    def _lost(self, call: Call, share: float, code: str, flags: str) -> Target:
        """Requests for which Envoy has no route (NR) or no cluster (NC), as for a subset that no rule has.

        Without a cluster the proxy does not know the service: Istio's metrics then name the Host header, or nothing at a
        gateway (destination_service_name in istio/proxy, istio_stats.cc; flags measured with Envoy 1.40 under Istio 1.31).
        """
        target = call.service
        if _is_gateway(call.caller):
            return Target(share, NOBODY, (), code, flags)
        host = target.name if target.namespace == call.caller.namespace else f"{target.name}.{target.namespace}"
        return Target(share, ServiceRef(UNKNOWN, f"{host}:{self._port(target)}"), (), code, flags)

    def _port(self, service: ServiceRef) -> int:
        return int(self._first_port(service).get("port", 80))

    def _first_port(self, service: ServiceRef) -> Manifest:
        """The demo's services have one port; of others the first is the one that is called."""
        return dict((self._services.get(service, {}).get("spec", {}).get("ports") or [{}])[0])

    # ---------------------------------------------------------------- DestinationRule and pods

    def _target(self, call: Call, service: ServiceRef, subset: str, share: float, *, plain: bool = False) -> Target:
        namespace = call.caller.namespace
        labels: Mapping[str, str] = {}
        if subset:
            subsets = self.rules.subsets(service, namespace)
            if subset not in subsets:
                return self._lost(call, share, "503", "NC")
            labels = subsets[subset]
        port = self._first_port(service)
        number = port.get("targetPort", port.get("port", 80))
        selector = self._services.get(service, {}).get("spec", {}).get("selector")
        where = {**selector, **labels} if selector else None
        hosts = self._hosts(service.namespace, where, number if isinstance(number, int) else 0) if where else ()
        policy = NO_POLICY if plain else self.rules.policy(service, namespace, subset, self._port(service))
        return Target(share, service, hosts, "" if hosts else "503", "" if hosts else "UH", policy, subset)

    def _hosts(self, namespace: str, labels: Mapping[str, str], port: int) -> tuple[Host, ...]:
        found: dict[tuple[str, str], list[Manifest]] = {}
        for pod in self._pods.get(namespace, []):
            if labels.items() <= pod["metadata"].get("labels", {}).items():
                found.setdefault((workload_name(pod), version_of(pod)), []).append(pod)
        return tuple(
            Host(workload_of(pods[0]), len(pods), pods[-1]["metadata"]["name"], port) for _, pods in sorted(found.items())
        )


def _is_gateway(workload: Workload) -> bool:
    return ("istio", "ingressgateway") in workload.labels
