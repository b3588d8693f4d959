"""Eight ways to perturb the future of events or of a table; nothing that looks only back can notice any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.checks.events import numbers
from tickcast.features.table import FeatureTable

__all__ = ["FRAME_FUTURES", "FUTURES", "FrameFuture", "Perturbation", "past_of", "rearranged"]

Perturbation = Callable[[FeatureTable, int, np.random.Generator], FeatureTable]
"""(table, cut, rng) → a table whose rows [0, cut) are the very same."""

FrameFuture = Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]
"""(events after the cut, rng) → other events after the cut."""


def past_of(table: FeatureTable, cut: int) -> FeatureTable:
    """Rows [0, cut)."""
    return rearranged(table, np.arange(cut))


def rearranged(table: FeatureTable, rows: NDArray[np.int64]) -> FeatureTable:
    """The given rows of the table, in the given order, stamped in time order."""
    ts = table.ts[np.sort(rows)]
    context = {name: getattr(table, name)[rows] for name in ("session", "segment", "price", "values")}
    return replace(table, ts=ts, **context)


def _changed(table: FeatureTable, cut: int, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> FeatureTable:
    price, values = table.price.copy(), table.values.copy()
    price[cut:], values[cut:] = change(price[cut:]), change(values[cut:])
    return replace(table, price=price, values=values)


def _noise(table: FeatureTable, cut: int, rng: np.random.Generator) -> FeatureTable:
    return _changed(table, cut, lambda x: x * np.exp(0.1 * rng.standard_normal(x.shape)))


def _tenfold(table: FeatureTable, cut: int, rng: np.random.Generator) -> FeatureTable:
    return _changed(table, cut, lambda x: x * 10.0)


def _unknown(table: FeatureTable, cut: int, rng: np.random.Generator) -> FeatureTable:
    return _changed(table, cut, lambda x: np.full(x.shape, np.nan))


def _reversed(table: FeatureTable, cut: int, rng: np.random.Generator) -> FeatureTable:
    return _changed(table, cut, lambda x: x[::-1])


def _deleted(table: FeatureTable, cut: int, rng: np.random.Generator) -> FeatureTable:
    return past_of(table, cut)


def _duplicated(table: FeatureTable, cut: int, rng: np.random.Generator) -> FeatureTable:
    return rearranged(table, np.concatenate([np.arange(cut), np.repeat(np.arange(cut, len(table)), 2)]))


def _appended(table: FeatureTable, cut: int, rng: np.random.Generator) -> FeatureTable:
    n = len(table)
    longer = rearranged(table, np.concatenate([np.arange(n), np.arange(cut, n)]))
    later = table.ts[-1] + table.step * np.arange(1, n - cut + 1)
    return replace(longer, ts=np.concatenate([table.ts, later]), session=np.concatenate([table.session, later + table.step]))


def _rolled(table: FeatureTable, cut: int, rng: np.random.Generator) -> FeatureTable:
    segment = table.segment.copy()
    segment[cut:] += 1
    return replace(_changed(table, cut, lambda x: x * 1.01), segment=segment)


FUTURES: Mapping[str, Perturbation] = {
    "noise": _noise,
    "tenfold": _tenfold,
    "unknown": _unknown,
    "reversed": _reversed,
    "deleted": _deleted,
    "duplicated": _duplicated,
    "appended": _appended,
    "rolled": _rolled,
}


def _each_number(frame: pl.DataFrame, change: Callable[[pl.Expr], pl.Expr]) -> pl.DataFrame:
    return frame.with_columns(change(pl.col(name)).alias(name) for name in numbers(frame))


def _frame_noise(future: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return _each_number(future, lambda x: x * pl.Series(np.exp(0.1 * rng.standard_normal(len(future)))))


def _frame_appended(future: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    shift = int(future["ts"][-1]) - int(future["ts"][0]) + 1_000_000_000
    moved = [name for name in ("ts", "ts_event", "ts_open", "session_id") if name in future.columns]
    return pl.concat([future, future.with_columns(pl.col(name) + shift for name in moved)])


def _frame_rolled(future: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return _each_number(future, lambda x: x * 1.01).with_columns(pl.col("segment_id") + 1)


FRAME_FUTURES: Mapping[str, FrameFuture] = {
    "noise": _frame_noise,
    "tenfold": lambda future, rng: _each_number(future, lambda x: x * 10.0),
    "unknown": lambda future, rng: _each_number(future, lambda x: x * float("nan")),
    "reversed": lambda future, rng: _each_number(future, lambda x: x.reverse()),
    "deleted": lambda future, rng: future.clear(),
    "duplicated": lambda future, rng: future[np.repeat(np.arange(len(future)), 2).tolist()],
    "appended": _frame_appended,
    "rolled": _frame_rolled,
}
