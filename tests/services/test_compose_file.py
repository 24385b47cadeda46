"""docker-compose.yml and Dockerfile say nothing that is not so. No container is started: there may be no engine."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests import compose
from tests.test_house import keys_read

GIVEN = {"SECRET_KEY": "s" * 50, "POSTGRES_PASSWORD": "p", "WORKER_KUBECONFIG": "w", "OBSERVER_KUBECONFIG": "o"}
OURS = ("migrate", "web", "worker", "beat", "observer")
BINARIES = Path(sys.executable).parent


def test_the_services_of_the_architecture_are_there() -> None:
    assert sorted(compose.services(GIVEN)) == sorted([*OURS, "postgres", "redis"])


@pytest.mark.parametrize("missing", GIVEN)
def test_no_secret_has_a_default(missing: str) -> None:
    with pytest.raises(compose.Unset, match=missing):
        compose.services({key: value for key, value in GIVEN.items() if key != missing})


def test_no_secret_stands_in_the_file() -> None:
    for name, body in compose.raw()["services"].items():
        for key, value in body.get("environment", {}).items():
            if key in {"SECRET_KEY", "POSTGRES_PASSWORD"}:
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), f"{name}: {key}"


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    command = compose.services(GIVEN)[name].command
    assert (BINARIES / command[0]).exists()
    if command[:2] == ["python", "manage.py"]:
        assert command[2] in get_commands()


@pytest.mark.parametrize("name", OURS)
def test_every_key_of_the_environment_is_a_setting(name: str) -> None:
    assert compose.services(GIVEN)[name].environment.keys() <= keys_read()


def test_only_the_worker_has_the_credential_that_writes() -> None:
    holders = {
        name: [volume for volume in service.body.get("volumes", []) if "KUBECONFIG" in volume]
        for name, service in compose.services(GIVEN).items()
    }
    for credential, owner in (("WORKER_KUBECONFIG", "worker"), ("OBSERVER_KUBECONFIG", "observer")):
        assert [name for name, volumes in holders.items() if any(credential in volume for volume in volumes)] == [owner]
    assert all(volume.endswith(":ro") for volumes in holders.values() for volume in volumes)


@pytest.mark.parametrize("name", ["postgres", "redis", "web", "worker"])
def test_what_can_be_asked_for_its_health_is_asked(name: str) -> None:
    assert compose.services(GIVEN)[name].body["healthcheck"]["test"][0].startswith("CMD")


def test_nothing_is_open_to_the_network_but_web_on_loopback() -> None:
    ports = {name: body["ports"] for name, body in compose.raw()["services"].items() if "ports" in body}
    assert ports == {"web": ["127.0.0.1:8000:8000"]}


def test_our_containers_have_no_rights_they_do_not_need() -> None:
    for name in OURS:
        body = compose.services(GIVEN)[name].body
        assert body["read_only"] is True, name
        assert body["cap_drop"] == ["ALL"], name


def test_the_image_holds_the_program_and_does_not_run_as_root() -> None:
    lines = (compose.ROOT / "Dockerfile").read_text().splitlines()
    copied = [part for line in lines if line.startswith("COPY ") and "--from" not in line for part in line.split()[1:-1]]
    assert all((compose.ROOT / part).exists() for part in copied)
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1] not in {"root", "0"}
    assert any("--require-hashes" in line for line in lines)


def test_the_image_leaves_out_what_it_does_not_need() -> None:
    """The list names what is in; so a secret left in the folder does not get into an image."""
    lines = [line for line in (compose.ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert kept == {"manage.py", "requirements.txt", "meshportal", "templates", "static", "locale"}
    assert all((compose.ROOT / name).exists() for name in kept)


def test_web_runs_the_same_command_in_image_and_compose() -> None:
    line = next(line for line in (compose.ROOT / "Dockerfile").read_text().splitlines() if line.startswith("CMD "))
    assert json.loads(line.removeprefix("CMD ")) == compose.services(GIVEN)["web"].command
