"""Which proxies are out of sync, from what istiod says and for how long it has said so."""

from __future__ import annotations

import pytest

from meshportal.mesh.syncz import Sync, SyncState, followed, read_syncz
from tests.istiod_said import CLIENT, PENDING, REFUSED, row, taken

PROXY = ("bookinfo", CLIENT)


def test_a_proxy_that_has_taken_everything_is_in_sync() -> None:
    [proxy] = read_syncz([row()])
    assert (proxy.name, proxy.state, proxy.unacked, proxy.reason) == (PROXY, SyncState.SYNCED, (), "")


def test_a_refusal_comes_with_its_type_and_envoys_reason_in_one_line() -> None:
    [proxy] = read_syncz([row(listener=REFUSED)])
    assert (proxy.state, proxy.unacked) == (SyncState.REJECTED, ("LDS",))
    assert proxy.reason.startswith("Error adding/updating listener(s)")
    assert proxy.reason.endswith("'stats.PluginConfig'")


def test_a_long_reason_is_cut() -> None:
    [proxy] = read_syncz([row(listener=REFUSED | {"lastError": "x" * 5000})])
    assert len(proxy.reason) == 300
    assert proxy.reason.endswith("…")


def test_a_refusal_holds_while_a_newer_push_is_on_its_way() -> None:
    [proxy] = read_syncz([row(listener=REFUSED | {"sent": "2026-11-24T09:56:00Z/1"}, route=PENDING)])
    assert (proxy.state, proxy.unacked) == (SyncState.REJECTED, ("LDS", "RDS"))


def test_a_proxy_that_nothing_was_sent_to_is_no_problem() -> None:
    [proxy] = read_syncz([row() | {"resources": {}}])
    assert proxy.state is SyncState.NOT_SENT
    assert followed([proxy], {PROXY: 0.0}, 100.0)[0].troubled == {}


def test_a_pod_may_have_dots_and_a_version_may_be_known() -> None:
    [proxy] = read_syncz([row("web.v1") | {"istio_version": "1.31.0"}])
    assert (proxy.namespace, proxy.pod, proxy.istio_version) == ("bookinfo", "web.v1", "1.31.0")


@pytest.mark.parametrize("document", [None, {}, "syncz", [1], [{}], [{"proxy": None}], [{"proxy": "a.b", "resources": [1]}]])
def test_anything_else_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="syncz"):
        read_syncz(document)


def test_a_push_that_is_on_its_way_is_a_problem_only_after_a_while() -> None:
    """Also where istiod pushes again and again, which sets its own times back."""
    since: dict[tuple[str, str], float] = {}
    found = []
    for now in (100.0, 115.0, 129.0, 130.0):
        pending = PENDING | {"sent": f"2026-11-24T09:55:19Z/{now}", "sentTime": "2026-11-24T10:00:00Z"}
        sync, since = followed(read_syncz([row(listener=pending)]), since, now)
        found.append(dict(sync.troubled))
    assert found == [{}, {}, {}, {PROXY: ""}]


def test_taking_it_in_between_begins_the_wait_anew() -> None:
    stale, well = read_syncz([row(listener=PENDING)]), read_syncz([row(listener=taken("1"))])
    _, since = followed(stale, {}, 100.0)
    _, since = followed(well, since, 120.0)
    sync, since = followed(stale, since, 140.0)
    assert (sync.troubled, since) == ({}, {PROXY: 140.0})


def test_a_refusal_is_a_problem_at_once() -> None:
    sync, _ = followed(read_syncz([row(listener=REFUSED), row("other")]), {}, 100.0)
    assert sync.listed == {PROXY, ("bookinfo", "other")}
    assert sync.troubled.keys() == {PROXY}
    assert sync.reason([PROXY]).startswith("Error adding")
    assert sync.reason([("bookinfo", "other")]) == Sync().reason([PROXY]) == ""
