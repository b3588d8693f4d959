"""Eight ways to perturb the future of a table; nothing that looks only back can notice any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tickcast.features.table import FeatureTable

__all__ = ["FUTURES", "Perturbation", "past_of", "rearranged"]

Perturbation = Callable[[FeatureTable, int, np.random.Generator], FeatureTable]
"""(table, cut, rng) → a table whose rows [0, cut) are the very same."""


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
