"""Prometheus' HTTP API over the store: query and query_range, in the words of version 2.42.

https://prometheus.io/docs/prometheus/2.42/querying/api/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import promql_parser

from meshportal.sandbox.world.evaluate import compile_query
from meshportal.sandbox.world.httpd import Request, Response, json_response
from meshportal.sandbox.world.tsdb import Labels, Store
from meshportal.sandbox.world.values import QueryError, Scalar

_STATUS = {"bad_data": 400, "execution": 422, "unavailable": 503, "not_found": 404}
_MAX_STEPS = 11_000


def instant(store: Store, text: str, time_ms: int) -> dict[str, Any]:
    """The `data` of an answer to an instant query. Raises QueryError."""
    with store.lock:
        expression = compile_query(text, store)
        if isinstance(expression, Scalar):
            return {"resultType": "scalar", "result": _pair(time_ms, expression.at(time_ms))}
        rows = [{"metric": dict(labels), "value": _pair(time_ms, value)} for labels, value in expression.at(time_ms)]
    return {"resultType": "vector", "result": rows}


def over_time(store: Store, text: str, start_ms: int, end_ms: int, step_ms: int) -> dict[str, Any]:
    """The `data` of an answer to a range query: the expression at start, start + step, … up to end. Raises QueryError."""
    rows: dict[Labels, list[tuple[float, str]]] = {}
    with store.lock:
        expression = compile_query(text, store)
        for time_ms in range(start_ms, end_ms + 1, step_ms):
            if isinstance(expression, Scalar):
                rows.setdefault((), []).append(_pair(time_ms, expression.at(time_ms)))
                continue
            for labels, value in expression.at(time_ms):
                rows.setdefault(labels, []).append(_pair(time_ms, value))
    return {"resultType": "matrix", "result": [{"metric": dict(labels), "values": rows[labels]} for labels in sorted(rows)]}


def number(value: float) -> str:
    """A sample value as Go prints it: never with an exponent, NaN and infinities by name."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e15:
        return "-0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text


def _pair(time_ms: int, value: float) -> tuple[float, str]:
    return (time_ms // 1000 if time_ms % 1000 == 0 else time_ms / 1000, number(value))


# ---------------------------------------------------------------- HTTP


def application(
    store: Store, now: Callable[[], float], metrics: Callable[[], str], down: Callable[[], bool]
) -> Callable[[Request], Response]:
    """The API as a function. `now` is in seconds, `metrics` the text of /metrics; while `down` every answer is 503."""

    def answer(request: Request) -> Response:
        if down():
            return Response(b"Service Unavailable\n", status=503)
        if request.path in ("/-/healthy", "/-/ready"):
            word = "Healthy" if request.path == "/-/healthy" else "Ready"
            return Response(f"Prometheus Server is {word}.\n".encode())
        if request.path == "/metrics":
            return Response(metrics().encode(), "text/plain; version=0.0.4; charset=utf-8")
        try:
            return json_response({"status": "success", "data": _data(store, request, now())})
        except QueryError as error:
            document = {"status": "error", "errorType": error.kind, "error": str(error)}
            return json_response(document, _STATUS[error.kind])

    return answer


def _data(store: Store, request: Request, now: float) -> dict[str, Any]:
    params = request.params
    if request.path == "/api/v1/query":
        time_ms = _time(params, "time", now)
        try:
            return instant(store, params.get("query", ""), time_ms)
        except QueryError as error:
            # only the instant query names the parameter
            raise QueryError(f'invalid parameter "query": {error}') if error.kind == "bad_data" else error from None
    if request.path != "/api/v1/query_range":
        raise QueryError("the sandbox serves /api/v1/query and /api/v1/query_range only", "not_found")
    start, end, step = _time(params, "start"), _time(params, "end"), _step(params.get("step", ""))
    if end < start:
        raise QueryError('invalid parameter "end": end timestamp must not be before start time')
    if step <= 0:
        raise QueryError(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer'
        )
    if (end - start) // step > _MAX_STEPS:
        raise QueryError(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
        )
    return over_time(store, params.get("query", ""), start, end, step)


def _time(params: Mapping[str, str], name: str, default: float | None = None) -> int:
    """A time in milliseconds from seconds or RFC 3339. Raises QueryError."""
    text = params.get(name, "")
    if not text and default is not None:
        return round(default * 1000)
    try:
        return round(float(text) * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise QueryError(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp')
    return round(moment.timestamp() * 1000)


def _step(text: str) -> int:
    """A duration in milliseconds from seconds or Prometheus' notation. Raises QueryError."""
    try:
        return round(float(text) * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        return round(promql_parser.parse_duration(text).total_seconds() * 1000)
    except ValueError:
        raise QueryError(f'invalid parameter "step": cannot parse "{text}" to a valid duration') from None
