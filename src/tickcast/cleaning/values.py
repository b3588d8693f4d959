"""Rules that a row breaks by itself, whatever came before it: missing, not finite, not positive, implausible, inconsistent.

A column is first asked for its least and its greatest value; only where these cannot all be sound is a rule put to every row.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from types import MappingProxyType

import numpy as np
import polars as pl

from tickcast.clock import DAY
from tickcast.schema import BARS, BOOK, BOOK_LEVELS, OPTIONS, ORDERS, TRADES, Table

__all__ = ["EARLIEST", "LATEST", "LEAST", "PRICE_LIMIT", "SENTINELS", "broken", "nulled"]

LATEST = 47_482 * DAY
"""2100-01-01 in UTC ns: a stamp at or beyond it, or at or before 1970-01-01, cannot be."""
EARLIEST = 365 * DAY
"""1971-01-01 in UTC ns: seconds, ms and us of our days taken for ns all land before it."""
PRICE_LIMIT = 1e9
"""Prices and sizes at or beyond it in absolute value are sentinels or in the wrong unit."""
LEAST = 1e-9
"""Positive prices below it are none."""
_AMOUNT_LIMIT = 1e16
"""Sums of sizes or of money at or beyond it are sentinels."""
_NINES = (999_999.0, 999_999.99, 999_999.999, 999_999.9999, 9_999_999.0, 9_999_999.99, 99_999_999.0, 99_999_999.99, 999_999_999.0)
_WORDS = tuple(float(2**31 - 1) / unit for unit in (10, 100, 1_000, 10_000)) + (float(2**31 - 1), float(2**32 - 1), float(2**31))
SENTINELS = tuple(sorted((*_NINES, *_WORDS)))
"""Numbers that feeds write for "none": nines, and the largest of 32 bits, as they are and in units of 0.1 to 0.0001."""
_BOOK_PRICES = tuple(f"{side}_price_{k}" for side in ("bid", "ask") for k in range(1, BOOK_LEVELS + 1))
_PRICES = MappingProxyType(
    {
        "trades": ("price",),
        "bars": ("open", "high", "low", "close"),
        "book": (*_BOOK_PRICES, "last"),
        "orders": ("price",),
        "options": ("strike", "underlying_price"),
    }
)
_SIZES = MappingProxyType({"trades": ("size",), "book": tuple(name.replace("price", "size") for name in _BOOK_PRICES), "orders": ("size",)})
_AMOUNTS = MappingProxyType(
    {
        "bars": ("volume", "turnover", "count"),
        "book": ("volume", "turnover", "open_interest"),
        "options": ("volume", "open_interest"),
    }
)
_Rule = tuple[pl.Expr, str]


def nulled(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """`frame` with null where the feed wrote that it has none.

    That is: price and size of a book's level whose size is 0, its last price where that is 0, NaN in optional columns that are neither
    price nor size nor a bar's volume, and an option's volatility that is not above 0 or whose vega is 0.
    """
    changes: list[pl.Expr] = []
    if table is BOOK:
        for name in _BOOK_PRICES:
            size = name.replace("price", "size")
            if size in frame.columns and not _least(frame[size]) > 0:
                both = [each for each in (name, size) if each in frame.columns]
                changes += [pl.when((pl.col(size) != 0) | pl.col(size).is_null()).then(pl.col(each)).alias(each) for each in both]
        if "last" in frame.columns and not _least(frame["last"]) > 0:
            changes.append(pl.when((pl.col("last") != 0) & pl.col("last").is_not_nan()).then(pl.col("last")).alias("last"))
    if table is OPTIONS and "iv" in frame.columns:
        tells = (pl.col("iv") > 0) & pl.col("iv").is_not_nan()
        tells = tells & (pl.col("vega").fill_null(1) != 0) if "vega" in frame.columns else tells
        changes.append(pl.when(tells).then(pl.col("iv")).alias("iv"))
    asked = {*_PRICES.get(table.name, ()), *_SIZES.get(table.name, ()), "value", "iv", "bid", "ask", "last"}
    asked |= {"volume"} if table is BARS else set()
    other = [one.name for one in table.columns if not one.required and one.name not in asked and one.name in frame.columns]
    floats = [name for name in other if frame[name].dtype.is_float()]
    changes += [pl.col(name).fill_nan(None) for name in floats if np.isnan(_least(frame[name]))]
    return frame.with_columns(changes) if changes else frame


def broken(frame: pl.DataFrame, table: Table, signed: pl.Expr | None) -> list[pl.Expr]:
    """Expressions giving the reason of each row or null, for the rules that some row breaks, in the order in which they are asked.

    signed: rows whose prices may be zero or negative.
    """
    return [pl.when(rule).then(pl.lit(reason)) for rule, reason in _suspected(frame, table, signed) if frame.select(rule.any()).item()]


def _suspected(frame: pl.DataFrame, table: Table, signed: pl.Expr | None) -> Iterator[_Rule]:
    """The rules that the extremes of the columns do not rule out."""
    for column in table.columns:
        if column.required and column.name in frame.columns and frame[column.name].null_count():
            yield pl.col(column.name).is_null(), f"{column.name}_missing"
    if not EARLIEST <= _least(frame["ts"]) <= _greatest(frame["ts"]) < LATEST:
        yield (pl.col("ts") <= 0) | (pl.col("ts") >= LATEST), "ts_implausible"
        yield pl.col("ts") < EARLIEST, "ts_wrong_unit"
    positive = pl.lit(True) if signed is None else ~signed
    for name in _present(_PRICES, table, frame):
        if not LEAST <= _least(frame[name]) <= _greatest(frame[name]) < SENTINELS[0]:
            yield from _price_rules(name, positive)
    for name in _present(_SIZES, table, frame):
        if not 0 < _least(frame[name]) <= _greatest(frame[name]) < PRICE_LIMIT:
            yield pl.col(name).is_finite().not_(), f"{name}_not_finite"
            yield pl.col(name) <= 0, f"{name}_not_positive"
            yield pl.col(name) >= PRICE_LIMIT, f"{name}_implausible"
    for name in _present(_AMOUNTS, table, frame):
        if not 0 <= _least(frame[name]) <= _greatest(frame[name]) < SENTINELS[0]:
            yield pl.col(name).cast(pl.Float64).is_finite().not_(), f"{name}_not_finite"
            yield pl.col(name) < 0, f"{name}_negative"
            yield pl.col(name) >= _AMOUNT_LIMIT, f"{name}_implausible"
            yield (pl.col(name) == 2**31 - 1) | (pl.col(name) == 2**32 - 1), f"{name}_sentinel"
    yield from _finite(frame, table)
    yield from _TABLES.get(table.name, _nothing)(frame)


def _price_rules(name: str, positive: pl.Expr) -> Iterator[_Rule]:
    value = pl.col(name)
    yield value.is_finite().not_(), f"{name}_not_finite"
    yield (value <= 0) & positive, f"{name}_not_positive"
    yield (value.abs() >= PRICE_LIMIT) | ((value.abs() < LEAST) & (value != 0)), f"{name}_implausible"
    yield functools.reduce(operator.or_, (value.abs() == number for number in SENTINELS)), f"{name}_sentinel"


def _finite(frame: pl.DataFrame, table: Table) -> Iterator[_Rule]:
    """Infinities in what is neither price nor size; NaN too where the column is required."""
    known = (*_PRICES.get(table.name, ()), *_SIZES.get(table.name, ()), *_AMOUNTS.get(table.name, ()))
    other = [one.name for one in table.columns if one.name not in known and one.name in frame.columns]
    for name in other:
        if frame[name].dtype.is_float() and not -np.inf < _least(frame[name]) <= _greatest(frame[name]) < np.inf:
            yield pl.col(name).is_finite().not_(), f"{name}_not_finite"


def _bar_rules(frame: pl.DataFrame) -> Iterator[_Rule]:
    body = (pl.col("high") < pl.max_horizontal("open", "low", "close")) | (pl.col("low") > pl.min_horizontal("open", "close"))
    yield body, "ohlc_inconsistent"
    if {"ts_open", "interval"} <= set(frame.columns):
        yield (pl.col("ts_open") >= pl.col("ts")) | (pl.col("interval") <= 0), "interval_implausible"


def _book_rules(frame: pl.DataFrame) -> Iterator[_Rule]:
    for side, worse in (("bid", np.less_equal), ("ask", np.greater_equal)):
        names = [name for name in _BOOK_PRICES if name.startswith(side) and name in frame.columns]
        for near, far in zip(names, names[1:], strict=False):
            if frame[near].null_count():
                yield pl.col(near).is_null() & pl.col(far).is_not_null(), "levels_gap"
            if frame[near].null_count() or frame[far].null_count() or worse(frame[near].to_numpy(), frame[far].to_numpy()).any():
                yield (pl.col(near) <= pl.col(far)) if side == "bid" else (pl.col(near) >= pl.col(far)), "levels_unsorted"


def _side_rules(frame: pl.DataFrame) -> Iterator[_Rule]:
    if "side" in frame.columns and not -1 <= _least(frame["side"]) <= _greatest(frame["side"]) <= 1:
        yield pl.col("side").abs() > 1, "side_unknown"


def _order_rules(frame: pl.DataFrame) -> Iterator[_Rule]:
    if not 1 <= _least(frame["kind"]) <= _greatest(frame["kind"]) <= 10:
        yield ~pl.col("kind").is_between(1, 10), "kind_unknown"
    yield from _side_rules(frame)


def _option_rules(frame: pl.DataFrame) -> Iterator[_Rule]:
    """A bid or an offer may be absent (null or 0); a contract that has settled, or a bid above the offer, is no quote."""
    yield pl.col("right").abs() != 1, "right_unknown"
    yield pl.col("expiry") <= pl.col("ts"), "expired"
    for name in ("bid", "ask", "last"):
        if name in frame.columns:
            yield pl.col(name).is_finite().not_(), f"{name}_not_finite"
            yield pl.col(name) < 0, f"{name}_negative"
            yield pl.col(name) >= PRICE_LIMIT, f"{name}_implausible"
    if {"bid", "ask"} <= set(frame.columns):
        yield (pl.col("ask") > 0) & (pl.col("bid") > pl.col("ask")), "crossed"


def _nothing(_: pl.DataFrame) -> Iterator[_Rule]:
    return iter(())


_TABLES: MappingProxyType[str, Callable[[pl.DataFrame], Iterator[_Rule]]] = MappingProxyType(
    {BARS.name: _bar_rules, BOOK.name: _book_rules, ORDERS.name: _order_rules, OPTIONS.name: _option_rules, TRADES.name: _side_rules}
)


def _present(names: MappingProxyType[str, tuple[str, ...]], table: Table, frame: pl.DataFrame) -> list[str]:
    return [name for name in names.get(table.name, ()) if name in frame.columns]


def _extreme(values: pl.Series, find: Callable[..., np.generic], none: float) -> float:
    """numpy's, for it hands on NaN; polars would pass it over."""
    known = values.drop_nulls() if values.null_count() else values
    return float(find(known.to_numpy())) if len(known) and known.dtype.is_numeric() else none


def _least(values: pl.Series) -> float:
    return _extreme(values, np.min, np.inf)


def _greatest(values: pl.Series) -> float:
    return _extreme(values, np.max, -np.inf)
