"""docker-compose.yml as Docker Compose reads it, as far as our file needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent


class Unset(ValueError):
    """A value that must be given is not."""


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """`${KEY:?message}` and `${KEY:-default}` filled in, `$$` as `$`. Raises Unset with the message."""

    def fill(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        key, operator, rest = found["key"], found["operator"], found["rest"]
        if values.get(key):
            return values[key]
        if operator == ":?":
            raise Unset(f"{key}: {rest}")
        return rest or ""

    return re.sub(r"\$\$|\$\{(?P<key>[A-Z_]+)(?P<operator>:[?-])?(?P<rest>[^}]*)\}", fill, text)


@dataclass(frozen=True)
class Service:
    """One service: the command it runs and its environment, filled in."""

    name: str
    command: list[str]
    environment: dict[str, str]
    body: dict[str, Any]


def raw() -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return body


def services(values: Mapping[str, str]) -> dict[str, Service]:
    """Every service by name. Raises Unset if `values` lacks one that the file demands."""
    found = {}
    for name, body in raw()["services"].items():
        command = [interpolate(part, values) for part in body.get("command", [])]
        environment = {key: interpolate(str(value), values) for key, value in body.get("environment", {}).items()}
        for volume in body.get("volumes", []):
            interpolate(volume, values)
        found[name] = Service(name, command, environment, body)
    return found
