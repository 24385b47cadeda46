"""The rows of the form for weights: what was typed, else what is live, beside the pods that would answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshportal.mesh.traffic import NotEditable, Pods, TrafficLive, live_weights, pods_of, subset_labels
from meshportal.mesh.traffic_rules import FIELD_PREFIX
from meshportal.policies.formkit import Form, text_of


@dataclass(frozen=True)
class WeightRow:
    """One line of the form's table."""

    subset: str
    field: str
    pods: Pods
    now: float | None
    typed: str
    error: str


def weights_in(data: Mapping[str, str]) -> dict[str, str]:
    """What was typed as weights, by subset."""
    return {key.removeprefix(FIELD_PREFIX): value for key, value in data.items() if key.startswith(FIELD_PREFIX)}


def weight_rows(live: TrafficLive, form: Form) -> list[WeightRow]:
    """A row for each subset that can get traffic. A subset that nobody has typed for is empty, or 0 beside others."""
    try:
        shares = live_weights(live) or {}
    except NotEditable:
        shares = {}
    typed = form.raw.get("weights") or {}
    return [
        WeightRow(
            subset=subset,
            field=FIELD_PREFIX + subset,
            pods=pods_of(live, subset),
            now=shares.get(subset),
            typed=text_of(typed.get(subset, 0 if typed else ""))[:20],
            error=form.error(FIELD_PREFIX + subset),
        )
        for subset in subset_labels(live)
    ]


def total(rows: list[WeightRow]) -> int | None:
    """The sum of what was typed, None while something is no number."""
    try:
        return sum(int(row.typed or 0) for row in rows)
    except ValueError:
        return None
