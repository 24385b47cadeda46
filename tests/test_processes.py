"""What each process holds: the web process can reach no cluster, because it never even loads the clients."""

from __future__ import annotations

import subprocess
import sys

from tests.processes import ROOT

LOOK = """
import sys
import meshportal.asgi
from django.urls import get_resolver
get_resolver().url_patterns
print(*sorted(name for name in sys.modules if name.split('.')[0] in {'kubernetes', 'prometheus_api_client'}))
"""


def test_the_web_process_loads_no_client_of_cluster_or_prometheus() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
