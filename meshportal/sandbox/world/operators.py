"""Operators of PromQL on values: arithmetic, comparison, sets and aggregation, with Go's floating point answers.

Rules: https://prometheus.io/docs/prometheus/2.42/querying/operators/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from meshportal.sandbox.world.rates import quantile
from meshportal.sandbox.world.tsdb import Labels
from meshportal.sandbox.world.values import QueryError, Sample, Scalar, Vector, nameless, projection, unique, unsupported


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _modulo(left: float, right: float) -> float:
    return math.nan if right == 0 or math.isinf(left) else math.fmod(left, right)


def _power(left: float, right: float) -> float:
    try:
        return math.pow(left, right)
    except OverflowError:
        return -math.inf if left < 0 and right % 2 == 1 else math.inf
    except ValueError:
        return math.inf if left == 0 else math.nan


ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "%": _modulo,
    "^": _power,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
}
SETS = ("and", "or", "unless")


def _extreme(values: Sequence[float], better: Callable[[float, float], bool]) -> float:
    best = values[0]
    for value in values[1:]:
        if better(value, best) or math.isnan(best):
            best = value
    return best


def _total(values: Sequence[float]) -> float:
    # not sum(): adding in order is what Prometheus does, sum() compensates for rounding from Python 3.12 on
    total = 0.0
    for value in values:
        total += value
    return total


AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": _total,
    "count": lambda values: float(len(values)),
    "avg": lambda values: _total(values) / len(values),
    "max": lambda values: _extreme(values, lambda value, best: value > best),
    "min": lambda values: _extreme(values, lambda value, best: value < best),
}

Result = float | None
"""What an operator makes of two values; None where a comparison filters the sample out."""


def _operation(op: str, *, as_bool: bool) -> Callable[[float, float], Result]:
    if op in ARITHMETIC:
        return ARITHMETIC[op]
    compare = COMPARISONS.get(op)
    if compare is None:
        raise unsupported(f"the operator {op}")
    if as_bool:
        return lambda left, right: float(compare(left, right))
    return lambda left, right: left if compare(left, right) else None


def negated(inner: Scalar | Vector) -> Scalar | Vector:
    if isinstance(inner, Scalar):
        return Scalar(lambda time_ms: -inner.at(time_ms))
    return Vector(lambda time_ms: unique([Sample(nameless(labels), -value) for labels, value in inner.at(time_ms)]))


def between_scalars(op: str, left: Scalar, right: Scalar) -> Scalar:
    # the parser lets two scalars be compared with `bool` only
    operate = _operation(op, as_bool=True)
    return Scalar(lambda time_ms: operate(left.at(time_ms), right.at(time_ms)) or 0.0)


def with_scalar(op: str, vector: Vector, scalar: Scalar, *, as_bool: bool, vector_first: bool) -> Vector:
    """Each sample of `vector` against the number. A comparison keeps the sample's own value, whichever side it is on."""
    drop_name = op in ARITHMETIC or as_bool
    filters = op in COMPARISONS and not as_bool
    operate = _operation(op, as_bool=as_bool)

    def at(time_ms: int) -> list[Sample]:
        number = scalar.at(time_ms)
        found = []
        for labels, value in vector.at(time_ms):
            result = operate(value, number) if vector_first else operate(number, value)
            if result is not None:
                found.append(Sample(nameless(labels) if drop_name else labels, value if filters else result))
        return unique(found) if drop_name else found

    return Vector(at)


def set_operation(op: str, left: Vector, right: Vector, signature: Callable[[Labels], Labels]) -> Vector:
    """and, or, unless: samples are chosen by whether the other side has one of the same signature."""

    def at(time_ms: int) -> list[Sample]:
        ours, theirs = left.at(time_ms), right.at(time_ms)
        if op == "or":
            taken = {signature(sample.labels) for sample in ours}
            return ours + [sample for sample in theirs if signature(sample.labels) not in taken]
        known = {signature(sample.labels) for sample in theirs}
        return [sample for sample in ours if (signature(sample.labels) in known) == (op == "and")]

    return Vector(at)


def one_to_one(op: str, left: Vector, right: Vector, names: Sequence[str], *, on: bool, as_bool: bool) -> Vector:
    """Arithmetic or comparison of the samples of both sides that agree in their labels (`on` names, or all without them)."""
    signature = projection(names, without=not on)
    keep = projection(names, without=not on, drop_name=op in ARITHMETIC or as_bool)
    operate = _operation(op, as_bool=as_bool)

    def at(time_ms: int) -> list[Sample]:
        theirs: dict[Labels, float] = {}
        for labels, value in right.at(time_ms):
            if signature(labels) in theirs:
                raise QueryError(
                    "found duplicate series for the match group on the right hand-side of the operation;"
                    "many-to-many matching not allowed: matching labels must be unique on one side",
                    "execution",
                )
            theirs[signature(labels)] = value
        found, matched = [], set()
        for labels, value in left.at(time_ms):
            key = signature(labels)
            if key not in theirs:
                continue
            result = operate(value, theirs[key])
            if result is None:
                continue
            if key in matched:
                raise QueryError(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)", "execution"
                )
            matched.add(key)
            found.append(Sample(keep(labels), result))
        return found

    return Vector(at)


def histogram_quantile(q: Scalar, buckets: Vector) -> Vector:
    """The q-quantile of each group of buckets that differ in `le` only. Samples without a readable `le` are ignored."""
    group = projection(["le"], without=True)

    def at(time_ms: int) -> list[Sample]:
        groups: dict[Labels, list[tuple[float, float]]] = {}
        for labels, value in buckets.at(time_ms):
            bound = _bound(labels)
            if bound is not None:
                groups.setdefault(group(labels), []).append((bound, value))
        wanted = q.at(time_ms)
        return [Sample(labels, quantile(wanted, found)) for labels, found in groups.items()]

    return Vector(at)


def _bound(labels: Labels) -> float | None:
    try:
        return float(dict(labels).get("le", ""))
    except ValueError:
        return None
