"""The running data plane in a test's words: send requests, move weights, apply policies, see what Prometheus has of it."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from meshportal.clients.prometheus import PrometheusMetrics
from meshportal.mesh.refs import ServiceRef
from meshportal.sandbox.world.exposition import parsed
from tools.realmesh.kubectl import Kubectl

CLIENT = "productpage-v1"
OUTSIDER = "legacy-v1"
SECONDS = 60
Answer = tuple[int, str]
"""Status, and the version that answered: "" where a proxy answered itself."""
Count = tuple[str, str, str, str]
"""Reporter, response code, response flags and version of the destination, "" where the proxy knew none."""
CHANGES_BY_ITSELF = ("version_info", "last_updated")


def eventually(what: str, true: Callable[[], bool]) -> None:
    """Wait for it. Raises AssertionError when it does not come true."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, f"after {SECONDS} s: not {what}"
        time.sleep(0.05)


@dataclass
class Plane:
    """`mesh` and `info` are what `up` and `dataplane` printed; `prometheus` scrapes both."""

    mesh: dict[str, Any]
    info: dict[str, Any]
    kubectl: Kubectl
    prometheus: str
    scrape_seconds: float
    metrics: PrometheusMetrics
    connection: http.client.HTTPConnection | None = field(default=None)

    @property
    def namespace(self) -> str:
        return str(self.info["namespace"])

    @property
    def service(self) -> ServiceRef:
        return ServiceRef(self.namespace, "reviews")

    # ------------------------------------------------------------ requests

    def ask(self, path: str = "/", **headers: str) -> Answer:
        """One request to reviews through productpage's sidecar, again where Envoy had closed an idle connection."""
        for again in (True, False):
            self.connection = self.connection or http.client.HTTPConnection(
                urlsplit(self.info["egress"][CLIENT]).netloc, timeout=20
            )
            try:
                self.connection.request("GET", path, headers={"Host": "reviews", **headers})
                reply = self.connection.getresponse()
                body = reply.read()
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
                if not again:
                    raise
            else:
                is_app = reply.getheader("Content-Type") == "application/json"
                return reply.status, json.loads(body)["version"] if is_app else ""
        raise AssertionError("not reached")

    def ask_often(self, count: int) -> Counter[Answer]:
        return Counter(self.ask() for _ in range(count))

    def ask_at_once(self, count: int, clients: int, path: str = "/", **headers: str) -> None:
        """So many requests from several clients, for apps that take their time."""

        def one(_: int) -> None:
            of_its_own = replace(self, connection=None)
            for _ in range(count // clients):
                of_its_own.ask(path, **headers)
            of_its_own.close()

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(one, range(clients)))

    def ask_at_random(self, per_second: float, seconds: float) -> None:
        """Requests that come as those of many people do, whether or not the ones before are answered."""
        due, asking = 0.0, []
        began = time.monotonic()
        while (due := due + random.expovariate(per_second)) < seconds:
            time.sleep(max(0.0, began + due - time.monotonic()))
            asking.append(threading.Thread(target=self.ask_at_once, args=(1, 1)))
            asking[-1].start()
        for thread in asking:
            thread.join()

    def ask_in_plain_text(self, workload: str = "reviews-v1") -> int:
        """The status that a caller outside of the mesh gets, 0 for a refused connection."""
        return int(get(f"{self.info['control']}/plain/{OUTSIDER}/{workload}")["status"])

    def close(self) -> None:
        if self.connection:
            self.connection.close()
            self.connection = None

    # ------------------------------------------------------------ what a portal would change

    def shift(self, canary: int, **route: Any) -> None:
        """Let `canary` % of requests go to v2 and wait until the client's Envoy does; `route` are more fields of the route."""
        weights = {"v1": 100 - canary, "v2": canary}
        destinations = [
            {"destination": {"host": "reviews", "subset": version}, "weight": weight} for version, weight in weights.items()
        ]
        self.route({"name": "primary", "route": destinations, **route})
        eventually(f"the Envoy splits {weights}", lambda: self.weights() == weights)

    def route(self, *routes: dict[str, Any]) -> None:
        """These http routes and no others are those of reviews, also in the client's Envoy."""
        spec = {"hosts": ["reviews"], "http": list(routes)}
        self._take("VirtualService", spec, lambda: self._dump(CLIENT, "dynamic_route_configs"))

    @contextmanager
    def ruled(self, **policy: Any) -> Iterator[None]:
        """A trafficPolicy in the DestinationRule of reviews, gone afterwards."""
        subsets = [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")]
        usual = {"host": "reviews", "subsets": subsets}

        def clusters() -> str:
            return self._dump(CLIENT, "dynamic_active_clusters")

        self._take("DestinationRule", usual | {"trafficPolicy": policy}, clusters)
        try:
            yield
        finally:
            self._take("DestinationRule", usual, clusters)

    def _take(self, kind: str, spec: dict[str, Any], dump: Callable[[], str]) -> None:
        """Apply the object named reviews and wait until a proxy's `dump` is another, unless nothing has changed."""
        before, where = dump(), (kind, "reviews", "-n", self.namespace)
        known = self.kubectl.json("get", *where)["metadata"]["generation"]
        self.kubectl.apply(self.manifest("networking.istio.io/v1", kind, "reviews", spec))
        if self.kubectl.json("get", *where)["metadata"]["generation"] != known:
            eventually(f"the Envoy has taken the {kind}", lambda: dump() != before)

    def _dump(self, workload: str, resource: str) -> str:
        configs = get(f"{self.info['admin'][workload]}/config_dump?resource={resource}").get("configs", [])
        return json.dumps([{name: value for name, value in one.items() if name not in CHANGES_BY_ITSELF} for one in configs])

    def weights(self) -> dict[str, int]:
        """What the client's Envoy splits by, as it says itself."""
        dump = get(f"{self.info['admin'][CLIENT]}/config_dump?resource=dynamic_route_configs")
        hosts = [host for config in dump["configs"] for host in config["route_config"]["virtual_hosts"]]
        routes = [route["route"] for host in hosts if host["name"].startswith("reviews.") for route in host["routes"]]
        split = [cluster for route in routes for cluster in route.get("weighted_clusters", {}).get("clusters", [])]
        return {cluster["name"].split("|")[2]: cluster.get("weight", 0) for cluster in split}

    @contextmanager
    def applied(self, api: str, kind: str, spec: dict[str, Any]) -> Iterator[None]:
        """An object of the name "tested" in the namespace, gone afterwards."""
        self.kubectl.apply(self.manifest(api, kind, "tested", spec))
        try:
            yield
        finally:
            self.kubectl("delete", kind, "tested", "-n", self.namespace)

    def manifest(self, api: str, kind: str, name: str, spec: dict[str, Any]) -> str:
        return json.dumps(
            {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}, "spec": spec}
        )

    def make(self, workload: str, **state: float) -> None:
        """failure_rate (0 to 1) and latency_ms of an app."""
        get(f"{self.info['control']}/app/{workload}?{urlencode(state)}")

    def seen(self, workload: str) -> int:
        """How many requests have reached an app."""
        return int(get(f"{self.info['control']}/app/{workload}")["seen"])

    def is_calm(self) -> bool:
        """Whether everything is as it was at the start: nobody is refused, everything is answered."""
        return self.ask_in_plain_text() == 200 and {status for status, _ in self.ask_often(20)} == {200}

    # ------------------------------------------------------------ what the Envoys count

    def counters(self) -> Counter[Count]:
        """Requests to reviews since the start, as the proxies of both ends say themselves, without Prometheus."""
        with urllib.request.urlopen(self.info["merged_metrics"], timeout=20) as reply:
            text = reply.read().decode()
        found: Counter[Count] = Counter()
        for name, labels, value in parsed(text):
            if name == "istio_requests_total":
                version = labels.get("destination_version", "unknown").replace("unknown", "")
                found[labels["reporter"], labels["response_code"], labels["response_flags"], version] += round(value)
        return found

    # ------------------------------------------------------------ what Prometheus has

    def count(self, selector: str) -> float:
        """The latest sum of a metric in Prometheus."""
        query = urlencode({"query": f"sum({selector}) or vector(0)"})
        return float(get(f"{self.prometheus}/api/v1/query?{query}")["data"]["result"][0]["value"][1])

    def asked_so_far(self) -> float:
        return self.count('istio_requests_total{reporter="source"}')

    def measured(self, count: int) -> tuple[Counter[Answer], int]:
        """Send `count` requests. Their answers, and the window up to now that holds these and no others, in seconds."""
        self.rest()
        before, began = self.asked_so_far(), time.monotonic()
        answers = self.ask_often(count)
        eventually("Prometheus has seen them all", lambda: self.asked_so_far() >= before + count)
        return answers, round(time.monotonic() - began + 2 * self.scrape_seconds)

    def rest(self) -> None:
        """Until Prometheus has seen no new request for the time of four scrapes."""
        last, since = -1.0, time.monotonic()
        while time.monotonic() - since < 4 * self.scrape_seconds:
            now = self.asked_so_far()
            if now != last:
                last, since = now, time.monotonic()
            time.sleep(self.scrape_seconds / 4)


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as reply:
        return json.loads(reply.read())
