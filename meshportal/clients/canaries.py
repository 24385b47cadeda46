"""Sorting the answers of Prometheus to the canaries that asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from meshportal.clients.ports import CanaryCounts, CanaryTarget
from meshportal.mesh.refs import ServiceRef
from meshportal.mesh.rows import CounterRow

Sample = tuple[Mapping[str, str], float]


def canary_counts(
    targets: Sequence[CanaryTarget], queries: tuple[str, ...], counts: Iterable[Sample], rest: Iterable[Sample]
) -> dict[str, CanaryCounts | None]:
    """`counts` and `rest` answer `promql.canary_counts` and `promql.canary_rest`. A target that did not ask for a bound gets no
    rows of it, though another one did."""
    rows: dict[ServiceRef, list[CounterRow]] = {}
    ages: dict[ServiceRef, dict[str, float]] = {}
    for labels, value in (*counts, *rest):
        service = ServiceRef(labels.get("destination_service_namespace", ""), labels.get("destination_service_name", ""))
        version = labels.get("destination_version", "")
        if "reporter" not in labels:
            ages.setdefault(service, {})[version] = value
            continue
        rows.setdefault(service, []).append(
            CounterRow(
                labels["reporter"],
                version,
                "/".join(labels[name] for name in ("pod", "instance") if labels.get(name)),
                value,
                labels.get("response_code", ""),
                labels.get("grpc_response_status", ""),
                labels.get("response_flags", ""),
                labels.get("le", ""),
            )
        )
    return {
        target.key: CanaryCounts(
            tuple(row for row in rows[target.service] if not row.le or _same(row.le, target.bound)),
            ages.get(target.service, {}),
            queries,
        )
        if target.service in rows
        else None
        for target in targets
    }


def _same(le: str, bound: float | None) -> bool:
    return bound is not None and float(le) in {bound, float("inf")}
