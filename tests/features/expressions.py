"""Random expressions of the language, each as text and as its slow answer, and random rows to ask them of. Only for tests."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import strategies as st

from features import slow
from tickcast.clock import SECOND

Case = tuple[str, Callable[[list[int], list[float], list[float]], list[float]]]
Cases = st.SearchStrategy[Case]

LEAVES: list[Case] = [("close", lambda ts, x, y: x), ("volume", lambda ts, x, y: y)]
WINDOW = st.integers(1, 6)


def seconds(n: int) -> int:
    return n * SECOND


def unary(inner: Cases, text: str, call: Callable[[float], float]) -> Cases:
    return inner.map(lambda e: (text.format(e[0]), lambda ts, x, y: slow.pointwise(call, e[1](ts, x, y))))


def binary(left: Cases, op: str, right: Cases, call: Callable[[float, float], float]) -> Cases:
    return st.tuples(left, right).map(
        lambda p: (f"({p[0][0]} {op} {p[1][0]})", lambda ts, x, y: slow.pointwise(call, p[0][1](ts, x, y), p[1][1](ts, x, y)))
    )


def window(inner: Cases, name: str, call: Callable[[list[float]], float], least: int = 1) -> Cases:
    rows = st.tuples(inner, st.integers(least, 6)).map(
        lambda p: (f"{name}({p[0][0]}, {p[1]})", lambda ts, x, y: slow.over(p[0][1](ts, x, y), p[1], call))
    )
    time = st.tuples(inner, WINDOW).map(
        lambda p: (f'{name}({p[0][0]}, "{p[1]}s")', lambda ts, x, y: slow.over_time(ts, p[0][1](ts, x, y), seconds(p[1]), call))
    )
    return rows | time


def window_of_two(a: Cases, b: Cases, name: str, call: Callable[[list[float], list[float]], float]) -> Cases:
    rows = st.tuples(a, b, st.integers(2, 6)).map(
        lambda p: (
            f"{name}({p[0][0]}, {p[1][0]}, {p[2]})",
            lambda ts, x, y: slow.over_both(p[0][1](ts, x, y), p[1][1](ts, x, y), p[2], call),
        )
    )
    time = st.tuples(a, b, WINDOW).map(
        lambda p: (
            f'{name}({p[0][0]}, {p[1][0]}, "{p[2]}s")',
            lambda ts, x, y: slow.over_both_in_time(ts, p[0][1](ts, x, y), p[1][1](ts, x, y), seconds(p[2]), call),
        )
    )
    return rows | time


def line(inner: Cases, name: str, call: Callable[[list[float], list[float]], float]) -> Cases:
    """A regression on the number of the row, or on seconds."""
    rows = st.tuples(inner, st.integers(2, 6)).map(
        lambda p: (
            f"{name}({p[0][0]}, {p[1]})",
            lambda ts, x, y: slow.over(p[0][1](ts, x, y), p[1], lambda w: call(w, [float(i) for i in range(len(w))])),
        )
    )
    time = st.tuples(inner, WINDOW).map(
        lambda p: (
            f'{name}({p[0][0]}, "{p[1]}s")',
            lambda ts, x, y: slow.over_both_in_time(ts, p[0][1](ts, x, y), [t / SECOND for t in ts], seconds(p[1]), call),
        )
    )
    return rows | time


def elementwise(inner: Cases) -> list[Cases]:
    column = st.sampled_from(LEAVES)
    return [
        unary(inner, "abs({})", abs),
        unary(inner, "-({})", lambda v: -v),
        unary(inner, "log(abs({}) + 1)", lambda v: math.log(abs(v) + 1)),
        binary(inner, "+", inner, lambda a, b: a + b),
        binary(inner, "-", inner, lambda a, b: a - b),
        binary(inner, "*", inner, lambda a, b: a * b),
        # what decides a branch is a raw column: a computed tie may fall either way
        binary(inner, "/", column, lambda a, b: a / b),
        binary(column, "<", column, lambda a, b: float(a < b)),
    ]


def windows(inner: Cases) -> list[Cases]:
    column = st.sampled_from(LEAVES)
    return [
        window(inner, "sum", math.fsum),
        window(inner, "min", min),
        window(inner, "max", max),
        window(inner, "median", slow.median),
        window(inner, "wma", slow.wma),
        window(inner, "mad", slow.mad),
        # whether a window is flat, and which of two values is larger, is asked of raw columns too
        window(column, "rank", slow.rank),
        window(column, "argmin", lambda w: slow.rows_since(min(w), w)),
        window(column, "argmax", lambda w: slow.rows_since(max(w), w)),
        window(column, "argmin_first", lambda w: float(len(w) - 1 - w.index(min(w)))),
        window(column, "argmax_first", lambda w: float(len(w) - 1 - w.index(max(w)))),
        window(column, "skew", slow.skew, 3),
        window(column, "kurt", slow.kurt, 4),
        window_of_two(inner, inner, "cov", slow.cov),
        window_of_two(column, column, "corr", slow.corr),
        window_of_two(inner, column, "beta", slow.beta),
        line(inner, "slope", slow.beta),
        line(column, "rsquare", slow.rsquare),
        line(inner, "resid", slow.resid),
    ]


def memories(inner: Cases) -> list[Cases]:
    return [
        st.tuples(inner, WINDOW).map(lambda p: (f"lag({p[0][0]}, {p[1]})", lambda ts, x, y: slow.lag(p[0][1](ts, x, y), p[1]))),
        st.tuples(inner, WINDOW).map(lambda p: (f"rma({p[0][0]}, {p[1]})", lambda ts, x, y: slow.rma(p[0][1](ts, x, y), p[1]))),
        st.tuples(inner, WINDOW).map(
            lambda p: (f"ewm_mean({p[0][0]}, span={p[1]})", lambda ts, x, y: slow.ewm(p[0][1](ts, x, y), 2 / (p[1] + 1), p[1]))
        ),
    ]


def anchored(inner: Cases) -> list[Cases]:
    column = st.sampled_from(LEAVES)
    cumulative = [
        inner.map(lambda e, name=name: (f"cum_{name}({e[0]})", lambda ts, x, y: slow.since_open(e[1](ts, x, y), name)))
        for name in ("sum", "mean", "min", "max", "count", "first")
    ]
    return [
        *cumulative,
        column.map(lambda e: (f"since({e[0]} > 1)", lambda ts, x, y: slow.since(slow.pointwise(lambda v: float(v > 1), e[1](ts, x, y))))),
        column.map(lambda e: (f"seconds_since({e[0]})", lambda ts, x, y: slow.seconds_since(ts, e[1](ts, x, y)))),
        column.map(lambda e: (f"streak({e[0]})", lambda ts, x, y: slow.streak(e[1](ts, x, y)))),
    ]


def filters(inner: Cases) -> list[Cases]:
    def haar(kind: str, call: Callable[[list[float]], float]) -> Cases:
        return st.tuples(inner, st.integers(1, 3)).map(
            lambda p: (f"{kind}({p[0][0]}, 'haar', {p[1]})", lambda ts, x, y: slow.over(p[0][1](ts, x, y), 2 ** p[1], call))
        )

    difference = st.tuples(inner, WINDOW, st.sampled_from([0.25, 0.4, 1.0, 1.3])).map(
        lambda p: (
            f"frac_diff({p[0][0]}, {p[2]}, {p[1]})",
            lambda ts, x, y: slow.over(p[0][1](ts, x, y), p[1], lambda w: slow.frac_diff(w, p[2])),
        )
    )
    return [difference, haar("wavelet", slow.haar), haar("wavelet_smooth", lambda w: math.fsum(w) / len(w))]


def grow(inner: Cases) -> Cases:
    """One operator around smaller expressions."""
    return st.one_of(*elementwise(inner), *windows(inner), *memories(inner), *anchored(inner), *filters(inner))


EXPRESSION = st.recursive(st.sampled_from(LEAVES), grow, max_leaves=5)
VALUE = st.one_of(st.integers(-4, 4).map(float), st.floats(-10, 10).map(lambda v: round(v, 3)), st.sampled_from([math.nan, math.inf]))
ROWS = st.lists(st.tuples(st.integers(0, 4), VALUE, VALUE), min_size=1, max_size=40)
