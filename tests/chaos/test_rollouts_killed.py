"""An engine dies by SIGKILL at every named place, in every step, on the way up and on the way back; the next one goes on.

No step is written twice, none comes early, the weights add up to 100 in every version the API server ever stored, and whoever
comes next has taken over within two leases. `make chaos` (MESHPORTAL_CHAOS=1) does all of it on PostgreSQL too, and kills at 200
random moments on each database, instead of 20 and 50.
"""

from __future__ import annotations

import json
import os
import random
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from meshportal.mesh.rollouts.machine import ON_TIME
from meshportal.rollouts import failpoints
from tests import servers
from tests.chaos.test_worker_killed import asked
from tests.processes import ROOT, Info, sandbox_api
from tests.rollouts.cast import weights

LEASE_SECONDS, INTERVAL = 30, 40
STEPS = (10, 50, 100)
EVERYTHING = os.environ.get("MESHPORTAL_CHAOS", "") not in {"", "0"}
KILLS = {"sqlite": 200 if EVERYTHING else 20, "postgres": 200 if EVERYTHING else 50}
SQLITE, POSTGRES = "sqlite", pytest.param("postgres", marks=[pytest.mark.services, pytest.mark.xdist_group("postgres")])
SHORTEST, LONGEST = 0.005, 0.6
"""Seconds after which a random kill comes: from before the first query to some steps later."""
PLACES = [
    (name, step)
    for name in failpoints.ALL
    for step in range(len(STEPS))
    if name != failpoints.BEFORE_FINISH or step == len(STEPS) - 1  # it is reached once
]


@dataclass
class Chaos:
    """Everything around the engine, and its process."""

    info: Info
    walker: subprocess.Popen[str]

    def act(self, name: str, **arguments: Any) -> dict[str, Any]:
        assert self.walker.stdin is not None
        assert self.walker.stdout is not None
        self.walker.stdin.write(json.dumps({"act": name, **arguments}) + "\n")
        self.walker.stdin.flush()
        line = self.walker.stdout.readline()
        assert line, "the walker itself is gone"
        told: dict[str, Any] = json.loads(line)
        return told

    def answer(self, name: str, **arguments: Any) -> dict[str, Any]:
        told = self.act(name, **arguments)
        assert told["signal"] == 0 and told["answer"] is not None, (name, arguments, told)
        answer: dict[str, Any] = told["answer"]
        return answer

    def writes(self) -> list[dict[str, Any]]:
        """The API server's own log of writes."""
        items: list[dict[str, Any]] = asked(self.info, "/sandbox/writes")["items"]
        return items

    def versions(self, since: str) -> list[dict[str, int]]:
        """The weights of the route in every version that was stored after `since`."""
        path = "/apis/networking.istio.io/v1/namespaces/bookinfo/virtualservices"
        last = asked(self.info, f"{path}/reviews")["metadata"]["resourceVersion"]
        found: list[dict[str, int]] = []
        if last == since:
            return found
        context = ssl.create_default_context(cafile=self.info["certificate_authority"])
        address = f"{self.info['server']}{path}?watch=true&timeoutSeconds=20&resourceVersion={since}"
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {self.info['tokens']['admin']}"})
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            for line in answer:
                stored = json.loads(line)["object"]
                found.append(weights(stored))
                if stored["metadata"]["resourceVersion"] == last:
                    break
        return found


@contextmanager
def chaos(folder: Path, database: str) -> Iterator[Chaos]:
    with ExitStack() as stack:
        surroundings = os.environ | {"VAR_DIR": str(folder / "portal"), "APPLY_LEASE_SECONDS": str(LEASE_SECONDS)}
        if database == "postgres":
            surroundings |= {"DATABASE_URL": stack.enter_context(servers.postgres()), "SECRET_KEY": "x" * 60}
        info = stack.enter_context(sandbox_api(folder / "api"))
        command = [sys.executable, "-m", "tests.chaos.walker", info["kubeconfig"]["admin"]]
        log = stack.enter_context((folder / "walker.log").open("wb"))
        (folder / "portal").mkdir()
        walker = subprocess.Popen(
            command, cwd=ROOT, env=surroundings, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        try:
            here = Chaos(info, walker)
            here.answer("open")
            yield here
        finally:
            assert walker.stdin is not None
            walker.stdin.close()
            walker.wait(30)
            if walker.stdout is not None:
                walker.stdout.close()


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    with chaos(tmp_path_factory.mktemp("chaos"), "sqlite") as here:
        yield here


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    with chaos(tmp_path_factory.mktemp("chaos"), "postgres") as here:
        yield here


def here_on(request: pytest.FixtureRequest, database: str) -> Chaos:
    here: Chaos = request.getfixturevalue(database)
    return here


def came_to_its_end(here: Chaos, begun: dict[str, Any], log_from: int, *, promoted: bool) -> None:
    """Whatever happened on the way: each weight was written once and none early, and the portal tells what is."""
    told = here.answer("report", rollout=begun["rollout"])
    wanted = ("succeeded", "applied", 100) if promoted else ("rolled-back", "reverted", 0)
    assert (told["phase"], told["change"], told["weights"]["v2"]) == wanted
    assert told["chain_holds"]
    assert told["claims"] == 0
    ended = Counter(told["codes"])
    assert ended["succeeded"] + ended["rolled-back"] == 1
    done = [(weight, token) for weight, state, token in told["shifts"] if state == "done"]
    assert not [shift for shift in told["shifts"] if shift[1] == "intended"]
    up = [weight for weight, _token in done if weight]
    assert up == list(STEPS[: len(up)]), "no step twice, none left out"
    assert all(later - sooner >= INTERVAL - ON_TIME for sooner, later in pairwise(told["shifted"])), told["shifted"]
    patches = [write for write in here.writes()[log_from:] if write["verb"] == "patch"]
    assert [write["token"] for write in patches] == [token for _weight, token in done], "one write for each token"
    stored = here.versions(begun["version"])
    assert [version["v2"] for version in stored] == [weight for weight, _token in done]
    assert {sum(version.values()) for version in stored} == {100}


@pytest.mark.parametrize("database", [SQLITE, POSTGRES] if EVERYTHING else [SQLITE])
@pytest.mark.parametrize("way", ["up", "back"])
@pytest.mark.parametrize(("name", "step"), PLACES)
def test_killed_at_a_named_place(request: pytest.FixtureRequest, database: str, name: str, step: int, way: str) -> None:
    here = here_on(request, database)
    weight, before = STEPS[step], STEPS[step - 1] if step else 0
    begun = here.answer("begin", fails_from=weight if way == "back" else None)
    log_from = len(here.writes())
    if name == failpoints.AFTER_CLAIM:
        place, armed = name, weight if way == "back" else before
    else:
        place, armed = (f"{name}:rollback", weight) if way == "back" else (f"{name}:{step}", before)
    dead = here.act("walk", rollout=begun["rollout"], failpoint=place, from_weight=armed)
    assert dead["signal"] == signal.SIGKILL, ("the place was not reached", dead)
    walked = here.answer("walk", rollout=begun["rollout"])
    assert "stuck" not in walked, walked
    assert walked["taken_over"] <= 2 * LEASE_SECONDS
    came_to_its_end(here, begun, log_from, promoted=way == "up")


@pytest.mark.parametrize("database", [SQLITE, POSTGRES])
def test_killed_at_random_moments(request: pytest.FixtureRequest, database: str) -> None:
    here, kills, dice = here_on(request, database), 0, random.Random(20261124)
    while kills < KILLS[database]:
        fails_from = dice.choice([None, *STEPS])
        begun = here.answer("begin", fails_from=fails_from)
        log_from = len(here.writes())
        while True:
            moment = dice.uniform(SHORTEST, LONGEST) if kills < KILLS[database] else None
            told = here.act("walk", rollout=begun["rollout"], kill_after=moment)
            if not told["signal"]:
                assert told["answer"] and "stuck" not in told["answer"], told
                break
            kills += 1
        came_to_its_end(here, begun, log_from, promoted=fails_from is None)
