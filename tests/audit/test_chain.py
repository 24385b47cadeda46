"""The record: only ever longer, and it shows when somebody touched it."""

from __future__ import annotations

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


@pytest.mark.django_db(transaction=True)
def test_an_event_without_the_transaction_of_its_act_is_refused() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record(PORTAL, "test", "CR-1", "Act", now=NOON)
    assert not AuditHead.objects.exists()
