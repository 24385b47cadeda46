"""The record: only ever longer, and it shows when somebody touched it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from django.db import Error, connection, transaction

from meshportal.audit import append_only
from meshportal.audit.models import AuditEvent, AuditHead
from meshportal.audit.services import PORTAL, record, verify
from tests.cast import NOON

pytestmark = pytest.mark.django_db


def three() -> list[AuditEvent]:
    with transaction.atomic():
        return [record(PORTAL, "test", f"CR-{n}", f"Act {n}", now=NOON, data={"n": n, "名": "值"}) for n in range(3)]


def test_an_untouched_chain_holds() -> None:
    three()
    assert verify() == verify()
    assert verify().broken_at is None
    assert verify().events == 3


def test_the_database_refuses_to_change_or_delete_an_event() -> None:
    append_only.install(connection)
    event = three()[1]
    with pytest.raises(Error, match="never changed"), transaction.atomic():
        AuditEvent.objects.filter(pk=event.pk).update(sentence="nothing happened")
    with pytest.raises(Error, match="never changed"), transaction.atomic():
        AuditEvent.objects.filter(pk=event.pk).delete()
    if connection.vendor == "postgresql":
        with pytest.raises(Error, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE audit_auditevent")
    with pytest.raises(TypeError):
        event.save()
    with pytest.raises(TypeError):
        event.delete()


@pytest.mark.parametrize("field", ["sentence", "actor_name", "verb", "data", "at", "cluster"])
def test_a_changed_field_is_found(field: str) -> None:
    append_only.remove(connection)
    value = {"data": {"n": 7}, "at": NOON.replace(year=2020)}.get(field, "other")
    AuditEvent.objects.filter(pk=three()[1].pk).update(**{field: value})
    assert verify().broken_at == 2


@pytest.mark.parametrize(("gone", "found"), [(0, 1), (1, 2), (2, 3)])
def test_a_removed_event_is_found_even_the_last(gone: int, found: int) -> None:
    append_only.remove(connection)
    AuditEvent.objects.filter(pk=three()[gone].pk).delete()
    assert verify().broken_at == found


@pytest.mark.parametrize("gone", [1, 2])
def test_events_removed_together_with_the_head_are_found(gone: int) -> None:
    append_only.remove(connection)
    AuditEvent.objects.filter(pk__in=[event.pk for event in three()[-gone:]]).delete()
    AuditHead.objects.all().delete()
    assert verify().broken_at is not None


def test_an_event_added_past_the_head_is_found() -> None:
    last = three()[-1]
    forged = AuditEvent(
        sequence=4, at=NOON, actor_name="nobody", via=AuditEvent.Via.COMMAND, verb="test", subject="CR-9", sentence="Never was",
        previous_hash=last.hash,
    )  # fmt: skip
    forged.hash = forged.computed_hash()
    forged.save()
    assert verify().broken_at == 4


def test_an_event_recorded_while_the_chain_is_walked_does_not_break_it() -> None:
    """Somebody acts between the last event that is read and the look at the head."""
    three()
    acted: list[AuditEvent] = []

    def act(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if "audit_auditevent" in sql and not acted:
            acted.append(AuditEvent())
            acted[:] = three()
        return result

    with connection.execute_wrapper(act):
        assert verify().broken_at is None
    assert len(acted) == 3
    assert verify().events == 6


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=8))])
def test_times_and_data_come_back_from_the_database_as_they_were_hashed(zone: tzinfo) -> None:
    at = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=zone)
    data = {"b": [1, None, True, "\u2028 值 \"'\\"], "a": {"z": 0, "y": ""}}
    with transaction.atomic():
        record(PORTAL, "test", "CR-1", "Act", now=at, data=data)
    assert verify().broken_at is None


def test_a_long_name_is_recorded_on_every_database() -> None:
    with transaction.atomic():
        event = record(PORTAL, "test", "person " + "x" * 150, "Created somebody", now=NOON)
    assert verify().broken_at is None
    assert event.subject.startswith("person xxx")


@pytest.mark.django_db(transaction=True)
def test_an_event_without_the_transaction_of_its_act_is_refused() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record(PORTAL, "test", "CR-1", "Act", now=NOON)
    assert not AuditHead.objects.exists()
