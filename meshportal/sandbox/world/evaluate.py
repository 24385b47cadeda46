"""PromQL over the store: the operators of mesh/promql.py and little more; everything else is refused in words.

Text is parsed by the package promql-parser. Rules: https://prometheus.io/docs/prometheus/2.42/querying/
An expression is compiled once (series are selected then) and evaluated at as many times as asked.
"""

from __future__ import annotations

from datetime import timedelta

import promql_parser as ast

from meshportal.sandbox.world.operators import (
    AGGREGATIONS,
    SETS,
    between_scalars,
    histogram_quantile,
    negated,
    one_to_one,
    set_operation,
    with_scalar,
)
from meshportal.sandbox.world.rates import extrapolated
from meshportal.sandbox.world.tsdb import NAME, Labels, Matcher, Series, Store
from meshportal.sandbox.world.values import (
    Expression,
    QueryError,
    Sample,
    Scalar,
    Vector,
    nameless,
    projection,
    unique,
    unsupported,
)

_OPS = ((ast.MatchOp.Equal, "="), (ast.MatchOp.NotEqual, "!="), (ast.MatchOp.Re, "=~"), (ast.MatchOp.NotRe, "!~"))
_GROUPING = (ast.VectorMatchCardinality.ManyToOne, ast.VectorMatchCardinality.OneToMany)


def compile_query(text: str, store: Store) -> Expression:
    """The expression `text` over the series that `store` has now. Raises QueryError."""
    try:
        tree = ast.parse(text)
    except ValueError as error:
        raise QueryError(f"parse error: {error}") from None
    return _Compiler(store).expression(tree)


def _milliseconds(delta: timedelta | None) -> int:
    return round(delta.total_seconds() * 1000) if delta else 0


class _Compiler:
    def __init__(self, store: Store) -> None:
        self._store = store

    def expression(self, node: ast.Expr) -> Expression:
        if isinstance(node, ast.ParenExpr):
            return self.expression(node.expr)
        if isinstance(node, ast.NumberLiteral):
            number = node.val
            return Scalar(lambda _: number)
        if isinstance(node, ast.VectorSelector):
            return self._selector(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.AggregateExpr):
            return self._aggregate(node)
        if isinstance(node, ast.BinaryExpr):
            return self._binary(node)
        if isinstance(node, ast.UnaryExpr):
            return negated(self.expression(node.expr))
        raise unsupported(type(node).__name__)

    def vector(self, node: ast.Expr) -> Vector:
        found = self.expression(node)
        if not isinstance(found, Vector):
            raise unsupported("a scalar where a vector is expected")
        return found

    def scalar(self, node: ast.Expr) -> Scalar:
        found = self.expression(node)
        if not isinstance(found, Scalar):
            raise unsupported("a vector where a scalar is expected")
        return found

    def _series(self, node: ast.VectorSelector) -> list[Series]:
        if node.at is not None:
            raise unsupported("@")
        if node.matchers.or_matchers:
            raise unsupported("or between matchers")
        matchers = [Matcher(matcher.name, _op(matcher.op), matcher.value) for matcher in node.matchers.matchers]
        if node.name:
            matchers.append(Matcher(NAME, "=", node.name))
        return self._store.select(matchers)

    def _selector(self, node: ast.VectorSelector) -> Vector:
        series, offset = self._series(node), _milliseconds(node.offset)

        def at(time_ms: int) -> list[Sample]:
            found = ((one.labels, one.at(time_ms - offset)) for one in series)
            return [Sample(labels, sample[1]) for labels, sample in found if sample]

        return Vector(at)

    def _call(self, node: ast.Call) -> Expression:
        name, args = node.func.name, node.args
        if name in ("rate", "increase"):
            return self._rate(args[0], per_second=name == "rate")
        if name == "time":
            return Scalar(lambda time_ms: time_ms / 1000)
        if name == "timestamp":
            return self._timestamp(args[0])
        if name == "vector":
            inner = self.scalar(args[0])
            return Vector(lambda time_ms: [Sample((), inner.at(time_ms))])
        if name == "histogram_quantile":
            return histogram_quantile(self.scalar(args[0]), self.vector(args[1]))
        raise unsupported(f"the function {name}")

    def _rate(self, node: ast.Expr, *, per_second: bool) -> Vector:
        while isinstance(node, ast.ParenExpr):
            node = node.expr
        if not isinstance(node, ast.MatrixSelector):
            raise unsupported("rate of anything but a range selector")
        series = self._series(node.vector_selector)
        span, offset = _milliseconds(node.range), _milliseconds(node.vector_selector.offset)
        ambiguous = len({one.nameless for one in series}) < len(series)
        divisor = span / 1000 if per_second else 1.0

        def at(time_ms: int) -> list[Sample]:
            end = time_ms - offset
            found = []
            for one in series:
                grown = extrapolated(*one.between(end - span, end), end - span, end)
                if grown is not None:
                    found.append(Sample(one.nameless, grown / divisor))
            return unique(found) if ambiguous else found

        return Vector(at)

    def _timestamp(self, node: ast.Expr) -> Vector:
        while isinstance(node, ast.ParenExpr):
            node = node.expr
        if not isinstance(node, ast.VectorSelector):
            inner = self.vector(node)
            return Vector(lambda time_ms: unique([Sample(nameless(s.labels), time_ms / 1000) for s in inner.at(time_ms)]))
        series, offset = self._series(node), _milliseconds(node.offset)

        def at(time_ms: int) -> list[Sample]:
            found = ((one.nameless, one.at(time_ms - offset)) for one in series)
            return unique([Sample(labels, sample[0] / 1000) for labels, sample in found if sample])

        return Vector(at)

    def _aggregate(self, node: ast.AggregateExpr) -> Vector:
        reduce = AGGREGATIONS.get(str(node.op))
        if reduce is None or node.param is not None:
            raise unsupported(f"the aggregation {node.op}")
        inner, modifier = self.vector(node.expr), node.modifier
        without = modifier is not None and modifier.type == ast.AggModifierType.Without
        project = projection(modifier.labels if modifier else (), without=without)

        def at(time_ms: int) -> list[Sample]:
            groups: dict[Labels, list[float]] = {}
            for labels, value in inner.at(time_ms):
                groups.setdefault(project(labels), []).append(value)
            return [Sample(labels, reduce(values)) for labels, values in groups.items()]

        return Vector(at)

    def _binary(self, node: ast.BinaryExpr) -> Expression:
        op, modifier = str(node.op), node.modifier
        left, right = self.expression(node.lhs), self.expression(node.rhs)
        as_bool = modifier is not None and modifier.return_bool
        if isinstance(left, Scalar):
            if isinstance(right, Scalar):
                return between_scalars(op, left, right)
            return with_scalar(op, right, left, as_bool=as_bool, vector_first=False)
        if isinstance(right, Scalar):
            return with_scalar(op, left, right, as_bool=as_bool, vector_first=True)
        matching = modifier.matching if modifier else None
        on = matching is not None and matching.type == ast.LabelModifierType.Include
        names = matching.labels if matching else []
        if op in SETS:
            return set_operation(op, left, right, projection(names, without=not on))
        if modifier is not None and modifier.card in _GROUPING:
            raise unsupported("group_left and group_right")
        return one_to_one(op, left, right, names, on=on, as_bool=as_bool)


def _op(op: ast.MatchOp) -> str:
    return next(text for known, text in _OPS if known == op)
