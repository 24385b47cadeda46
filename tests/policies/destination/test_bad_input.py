"""Every field says at itself what is wrong with it, and nothing that was typed is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import translation

from meshportal.changes.models import ChangeRequest
from meshportal.mesh.destinations.fields import LEAVES, What
from meshportal.mesh.field_errors import FieldError
from meshportal.policies.destination.errors import error_sentence
from meshportal.policies.destination.labels import leaf_names
from tests.mesh.destinations.test_typed import EXAMPLES
from tests.policies.destination.conftest import URL, typed_in

WHY = {"reason": "Keep callers away from pods that fail", "ticket": "BOOK-318", "action": "submit"}
WRONG = {
    What.WHOLE: ("many", "is not a whole number"),
    What.PERCENT: ("101", "is not a percentage from 0 to 100"),
    What.SHARE: ("100.5", "is not a percentage from 0 to 100"),
    What.POSITIVE: ("0", "is not above 0"),
    What.DURATION: ("3 sec", "is not a duration of at least 1 ms. Write 30s"),
    What.OFF_OR_DURATION: ("3 sec", "or 0s to switch it off"),
}
OTHERS = [
    ("subsets[0].name", "v_1", "is no name of a subset"),
    ("subsets[0].labels", "version", "Write them as version=v1"),
    ("load_balancer.how", "maglev", "There is no way"),
    ("load_balancer.header", "x-user", "Choose the way that uses it"),
    ("load_balancer.cookie_name", "user", "Choose the way that uses it"),
    ("load_balancer.cookie_path", "/", "Choose the way that uses it"),
    ("load_balancer.cookie_ttl", "1h", "Choose the way that uses it"),
    ("load_balancer.query_parameter", "user", "Choose the way that uses it"),
    ("locality.enabled", "perhaps", "is neither yes nor no"),
    ("locality.failover[0].from", "eu/a", "is not a region"),
    ("locality.failover[0].to", "*", "is not a region"),
    ("locality.distribute[0].from", "e*u", "is not a locality"),
    ("locality.distribute[0].to", "eu=50", "add up to 50"),
]
CASES = [*((leaf.path, *WRONG[leaf.what]) for leaf in LEAVES), *OTHERS]
ROWS = {
    "locality.failover[0].from": "eu",
    "locality.failover[0].to": "us",
    "locality.distribute[0].from": "eu",
    "locality.distribute[0].to": "us=100",
}


@pytest.mark.parametrize(("field", "typed", "sentence"), CASES, ids=[case[0] for case in CASES])
def test_a_wrong_value_is_422_with_a_message_at_its_field(
    page: Callable[..., str], field: str, typed: str, sentence: str
) -> None:
    rows = {path: value for path, value in ROWS.items() if path.partition("[")[0] == field.partition("[")[0]}
    good = {"outlier_detection.on": ["", "true"], "warmup.duration": "30s", "connection_pool.tcp.max_connections": "77"}
    shown = page(typed_in(page()) | WHY | good | rows | {field: typed}, status=422)
    assert "<title>Error:" in shown
    assert f'href="#{field}"' in shown
    assert f'id="{field}-e"' in shown
    assert sentence in shown
    sent = typed_in(shown)
    assert sent[field][-1] == typed
    assert sent["reason"] == [WHY["reason"]]
    assert sent["ticket"] == [WHY["ticket"]]
    if not field.endswith("max_connections"):
        assert sent["connection_pool.tcp.max_connections"] == ["77"]
    assert not ChangeRequest.objects.exists()


def test_a_row_with_nothing_in_it_says_what_is_missing(page: Callable[..., str]) -> None:
    shown = page(typed_in(page({"action": "add:subsets", **typed_in(page())})) | WHY, status=422)
    assert "A subset needs a name" in shown
    assert 'href="#subsets[2].name"' in shown


def test_nul_and_a_megabyte_are_refused(page: Callable[..., str], alice: Client) -> None:
    page(typed_in(page()) | WHY | {"subsets[0].name": "v1\x00"}, status=422)
    page(typed_in(page()) | WHY | {"connection_pool.tcp.max_connections": "9" * 100_000}, status=422)
    assert 400 <= alice.post(URL, typed_in(page()) | WHY | {"reason": "x" * 1_000_000}).status_code < 500
    assert not ChangeRequest.objects.exists()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_reason_has_a_sentence_and_every_field_a_name(language: str) -> None:
    texts = ("typed", "key", "known", "needs", "has", "name", "region", "one", "other", "locality", "label", "how")
    values = dict.fromkeys(texts, "x") | dict.fromkeys(("most", "number", "sum"), 1)
    with translation.override(language):
        for code in EXAMPLES:
            assert error_sentence(FieldError("", code, values))
        assert leaf_names().keys() == {leaf.path for leaf in LEAVES}
