"""What a column of a stored table holds: counts over all rows, quantiles from a spread-out sample of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.schema import CONTEXT, Column, Table

__all__ = ["ColumnFacts", "Sample", "column_facts", "granularity"]

_KEPT = 200_000


@dataclass(frozen=True)
class ColumnFacts:
    """One column.

    Parameters
    ----------
    column: as the schema declares it.
    rows, nulls, zeros: counts over all rows.
    low, high: extremes over all rows as they are stored; None where every row is null.
    quantiles: at 1, 25, 50, 75 and 99 % of the sample; empty for texts.
    distinct: values in the sample.
    granularity: the smallest step between two values of the sample; None where it cannot be told or is no number.
    """

    column: Column
    rows: int
    nulls: int
    zeros: int
    low: Any
    high: Any
    quantiles: tuple[float, ...]
    distinct: int
    granularity: float | None


@dataclass
class Sample:
    """Every k-th row of a stream, k growing so that never more than `_KEPT` rows are held; the same stream gives the same sample."""

    step: int = 1
    _phase: int = 0
    _frames: list[pl.DataFrame] = field(default_factory=list)
    _held: int = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Take the next rows of the stream."""
        taken = rows.gather_every(self.step, self._phase) if self._phase < len(rows) else rows.clear()
        self._phase = (self._phase - len(rows)) % self.step
        self._frames.append(taken)
        self._held += len(taken)
        while self._held > _KEPT:
            joined = self.frame()
            self._frames = [joined.gather_every(2)]
            # the next row to take lies one old step further where the last one kept was followed by one that is dropped now
            self._phase += self.step if len(joined) % 2 else 0
            self.step *= 2
            self._held = len(self._frames[0])

    def frame(self) -> pl.DataFrame:
        """The rows held, in order."""
        return pl.concat(self._frames, how="diagonal") if self._frames else pl.DataFrame()


def column_facts(table: Table, chunks: Iterable[pl.DataFrame]) -> tuple[tuple[ColumnFacts, ...], pl.DataFrame]:
    """Facts of every column of the table, and the sample they rest on. One pass; memory is that of a chunk and the sample."""
    columns = [*table.columns, *CONTEXT]
    counts = {column.name: [0, 0, 0] for column in columns}
    edges: dict[str, tuple[Any, Any]] = {column.name: (None, None) for column in columns}
    sample = Sample()
    for chunk in chunks:
        for column in columns:
            if column.name not in chunk.columns:
                counts[column.name][0] += len(chunk)
                counts[column.name][1] += len(chunk)
                continue
            values = chunk[column.name]
            zeros = int((values == 0).sum()) if values.dtype.is_numeric() else int((values == "").sum())
            for at, more in enumerate((len(values), values.null_count(), zeros)):
                counts[column.name][at] += more
            edges[column.name] = _widened(edges[column.name], values)
        sample.add(chunk)
    held = sample.frame()
    return tuple(_facts(column, counts[column.name], edges[column.name], held) for column in columns), held


def _facts(column: Column, counts: list[int], edges: tuple[Any, Any], sample: pl.DataFrame) -> ColumnFacts:
    values = sample[column.name].drop_nulls() if column.name in sample.columns else pl.Series([], dtype=pl.Float64)
    quantiles: tuple[float, ...] = ()
    if values.dtype.is_numeric() and len(values):
        quantiles = _quantiles(values.to_numpy())
    rows, nulls, zeros = counts
    return ColumnFacts(column, rows, nulls, zeros, *edges, quantiles, values.n_unique(), granularity(values))


def _quantiles(values: NDArray[Any]) -> tuple[float, ...]:
    """Values of the sample and none in between: the middle of calls (+1) and puts (-1) is no zero."""
    return tuple(float(each) for each in np.quantile(values, (0.01, 0.25, 0.5, 0.75, 0.99), method="inverted_cdf"))


def granularity(values: pl.Series) -> float | None:
    """The largest step of which all differences are whole multiples, to one part in a million; None where there is none to speak of."""
    if not values.dtype.is_float():
        return None
    levels = np.unique(values.drop_nulls().to_numpy())
    if len(levels) < 2 or not np.isfinite(levels).all():
        return None
    steps = np.diff(levels)
    step = float(steps.min())
    for _ in range(4):  # 0.25 and 0.75 apart: the smallest difference need not be the step
        parts = steps / step
        if np.abs(parts - np.round(parts)).max() < 1e-3 + 1e-9 * float(parts.max()):
            return float(f"{step:.9g}")
        rest = steps - np.floor(parts) * step
        step = float(rest[rest > 1e-3 * step].min())
    return None


def _widened(edges: tuple[Any, Any], values: pl.Series) -> tuple[Any, Any]:
    """The extremes with those of more values, which may all be null."""
    seen = [each for each in (*edges, values.min(), values.max()) if each is not None]
    return (min(seen), max(seen)) if seen else (None, None)
