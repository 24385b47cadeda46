"""Policies in effect as people say them: in words where every part of them has some, else whole as YAML."""

from __future__ import annotations

from typing import Any

import pytest

from meshportal.board.policies import words
from meshportal.mesh.effective import Setting

POOLS = [
    (
        {"tcp": {"maxConnections": 1024}, "http": {"http1MaxPendingRequests": 7}},
        "at most, from each calling proxy: 1024 connections, 7 waiting requests",
    ),
    (
        {"http": {"http2MaxRequests": 5, "maxRetries": 2, "maxRequestsPerConnection": 1}},
        "at most, from each calling proxy: 5 open requests, 2 retries at once, requests per connection: 1",
    ),
]


@pytest.mark.parametrize(("pool", "said"), POOLS)
def test_limits_of_connections_are_said_in_words(pool: dict[str, Any], said: str) -> None:
    assert words(Setting("connectionPool", pool)) == said


@pytest.mark.parametrize(
    "pool", [{"tcp": {"maxConnections": 3, "maxConnectionDuration": "1h"}}, {"http": {"maxRetries": 0}}, {"x": {}}]
)
def test_a_pool_with_a_part_that_has_no_words_is_shown_whole(pool: dict[str, Any]) -> None:
    assert words(Setting("connectionPool", pool)).startswith("{")
