"""Confidence intervals of serially dependent scores, by resampling blocks of consecutive rows.

Circular block bootstrap of Politis and Romano (1992): overlapping labels and clustered volatility make neighbouring rows alike, so blocks
are at least as long as the longest label. Means come from running sums, so a resample costs one addition per block, not per row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.distributions import Floats
from tickcast.errors import ConfigError

__all__ = ["BlockBootstrap", "Interval"]


@dataclass(frozen=True)
class Interval:
    """A number with the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class BlockBootstrap:
    """Starts of the drawn blocks; one draw serves all forecasters, so differences between them are paired.

    Parameters
    ----------
    starts: (resamples, blocks) row numbers.
    block: rows per block.
    rows: rows in all.
    """

    starts: NDArray[np.int64]
    block: int
    rows: int

    @classmethod
    def draw(cls, rows: int, block: int, resamples: int, rng: np.random.Generator) -> BlockBootstrap:
        """Blocks of `block` rows (at most all rows) starting anywhere, enough to fill `rows`. Raises ConfigError for no rows or block."""
        if rows < 1 or block < 1 or resamples < 2:
            raise ConfigError(f"cannot resample {rows} rows in blocks of {block}, {resamples} times")
        size = min(block, rows)
        return cls(rng.integers(0, rows, (resamples, -(-rows // size))), size, rows)

    def means(self, terms: Floats) -> Floats:
        """(resamples, …) means over rows of `terms` (rows, …), NaN cells left out; NaN where a resample holds none."""
        known = np.isfinite(terms)
        total = self._sums(np.where(known, terms, 0.0))
        count = self._sums(known.astype(np.float64))
        out: Floats = np.where(count > 0.5, total / np.maximum(count, 1.0), np.nan)
        return out

    def _sums(self, terms: Floats) -> Floats:
        wrapped = np.concatenate([np.zeros((1, *terms.shape[1:])), terms, terms[: self.block]])
        running = np.cumsum(wrapped, axis=0)
        blocks = running[self.block :] - running[: -self.block]
        out = np.zeros((len(self.starts), *terms.shape[1:]))
        for column in self.starts.T:
            out += blocks[column]
        return out

    @staticmethod
    def interval(values: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
        """Percentile interval over the first axis; NaN where a value is NaN."""
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high
