"""The tests of the apps again, on a real PostgreSQL with a real Redis behind the tasks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("postgres")]
ROOT = Path(__file__).resolve().parents[2]
APPS = ["tests/changes", "tests/accounts", "tests/audit", "tests/api"]


def test_the_apps_behave_on_postgres_as_on_sqlite() -> None:
    with servers.postgres() as database, servers.redis() as broker:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "MESHPORTAL_REQUIRE"))}
        environment |= {"DATABASE_URL": database, "REDIS_URL": broker, "SECRET_KEY": "s" * 50}
        # the tests of other tiers in these folders have their own servers and run in their own right
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not (real or services or prometheus or e2e or demo)", *APPS]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        counted = re.search(r"(\d+) passed", done.stdout)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert counted
        assert int(counted[1]) > 0
