"""Calibration: whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from tickcast.distributions import Floats
from tickcast.forecast import Forecast
from tickcast.metrics.base import Rows

__all__ = ["PitHistogram", "Reliability", "coverage_by_level", "expected_calibration_error", "pit_histogram", "reliability"]


@dataclass(frozen=True, eq=False)
class PitHistogram:
    """Relative frequency of PIT values per bin, 1 = as often as it should.

    Parameters
    ----------
    density: (h, bins).
    low, high: (h,) the band that holds one bin of a calibrated forecast in 99 % of cases if rows `effective` apart are independent.
    effective: (h,) independent rows: labels that overlap count once.
    """

    density: Floats
    low: Floats
    high: Floats
    effective: Floats


@dataclass(frozen=True, eq=False)
class Reliability:
    """Groups of equally many rows by p_up: mean p_up (h, g), share of outcomes above zero (h, g), rows (h, g)."""

    forecast: Floats
    observed: Floats
    count: Floats


def pit_histogram(forecast: Forecast, rows: Rows, *, bins: int = 20, overlap: Floats | None = None) -> PitHistogram:
    """Nonrandomised PIT histogram (Czado, Gneiting and Held 2009): an outcome on an atom is spread evenly over [F-, F].

    `overlap` (h,) is the number of rows that one label spans; 1 where absent.
    """
    rows.check(forecast)
    lower, upper = rows.bounds(forecast)
    width = np.maximum(upper - lower, 1e-12)
    ends = np.linspace(0, 1, bins + 1)
    h = rows.outcomes.shape[1]
    below = np.empty((h, bins + 1))
    count = rows.known.sum(axis=0)
    for i, end in enumerate(ends):
        share = np.where(rows.known, np.clip((end - lower) / width, 0.0, 1.0), 0.0)
        below[:, i] = share.sum(axis=0) / np.maximum(count, 1)
    below[:, 0], below[:, -1] = 0.0, 1.0
    effective = np.maximum(count / (np.ones(h) if overlap is None else np.maximum(overlap, 1.0)), 1.0)
    whole = np.floor(effective)
    low, high = (binom.ppf(level, whole, 1 / bins) * bins / whole for level in (0.005, 0.995))
    return PitHistogram(np.diff(below, axis=1) * bins, low, high, effective)


def reliability(forecast: Forecast, rows: Rows, *, groups: int = 10) -> Reliability:
    """p_up = P(R > 0) against how often the outcome was above zero, in groups of equally many rows."""
    rows.check(forecast)
    p_up = forecast.prob_above(0.0)
    h = p_up.shape[1]
    out = np.full((3, h, groups), np.nan)
    for j in range(h):
        known = np.flatnonzero(rows.known[:, j])
        order = known[np.argsort(p_up[known, j], kind="stable")]
        for g, part in enumerate(np.array_split(order, groups)):
            if len(part):
                out[:, j, g] = p_up[part, j].mean(), (rows.outcomes[part, j] > 0).mean(), len(part)
    return Reliability(out[0], out[1], np.nan_to_num(out[2]))


def expected_calibration_error(table: Reliability) -> Floats:
    """(h,) mean of |p_up - frequency| over groups, weighted by rows."""
    gap = np.nan_to_num(np.abs(table.forecast - table.observed)) * table.count
    out: Floats = gap.sum(axis=1) / np.maximum(table.count.sum(axis=1), 1)
    return out


def coverage_by_level(forecast: Forecast, rows: Rows, levels: Floats) -> Floats:
    """(h, m) share of outcomes below the forecast's quantile at each level; `levels` itself when calibrated."""
    rows.check(forecast)
    lower, upper = rows.bounds(forecast)
    width = np.maximum(upper - lower, 1e-12)
    count = np.maximum(rows.known.sum(axis=0), 1)
    shares = [np.where(rows.known, np.clip((level - lower) / width, 0, 1), 0.0).sum(axis=0) / count for level in levels]
    return np.stack(shares, axis=1)
