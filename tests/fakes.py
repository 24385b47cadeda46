"""Working fakes of everything outside the process, with verbs for what happens out there.

They keep the promises of the ports; the contract tests hold them to the same as the adapters and a real API server.
"""

from __future__ import annotations

from tests.fake_cluster import Call, FakeCluster
from tests.fake_metrics import FakeMetrics

__all__ = ["Call", "FakeCluster", "FakeMetrics"]
