"""Validation of features: what changed since the reference period, what is missing, stuck or out of range, and which say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import FeatureError
from tickcast.evaluate.drift import ks, psi
from tickcast.features import FeatureTable
from tickcast.selectors.uncorrelated import rank_correlations

__all__ = ["FeatureHealth", "Limits", "Pair", "Validation", "validate"]

_BINS = 28
_FEWEST = 30
_ENOUGH = 20_000  # rows that settle a correlation; more are thinned out evenly


@dataclass(frozen=True)
class Limits:
    """Where a remark begins.

    Parameters
    ----------
    psi: population stability index of a later period against the reference.
    missing: growth of the share of rows without a number.
    outside: share of later rows outside the range of the reference.
    stale: rows in one run without a change while the price moved, and three times the longest such run of the reference.
    correlation: |rank correlation| of two features.
    """

    psi: float = 0.25
    missing: float = 0.01
    outside: float = 0.01
    stale: int = 20
    correlation: float = 0.95


@dataclass(frozen=True)
class FeatureHealth:
    """One feature. Pairs are (reference, later); None stands for what could not be measured.

    Parameters
    ----------
    psi: of each later period against the reference. psi_within: of the reference's second half against its first.
    psi_later, ks_later: of all later rows against the reference.
    missing: shares of rows after the warm-up without a number. gap: longest run of them, in rows.
    low, high: range of the reference. quantiles: (1 %, 50 %, 99 %) of both.
    outside: share of later rows outside the range.
    stale: longest run, in rows, of one value, counting those on which the price moved.
    unchanged: share of rows that kept the value though the price moved.
    edges, shares: histogram for the picture; values beyond the outer edges fall in the outer bins.
    remarks: what deserves a look, in words.
    """

    name: str
    psi: tuple[float | None, ...]
    psi_within: float | None
    psi_later: float | None
    ks_later: float | None
    missing: tuple[float, float]
    gap: tuple[int, int]
    low: float | None
    high: float | None
    quantiles: tuple[tuple[float | None, ...], tuple[float | None, ...]]
    outside: float
    stale: tuple[int, int]
    unchanged: tuple[float, float]
    edges: tuple[float, ...]
    shares: tuple[tuple[float, ...], tuple[float, ...]]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """Two features that say nearly the same on the reference rows."""

    left: str
    right: str
    correlation: float


@dataclass(frozen=True)
class Validation:
    """A feature table under scrutiny.

    Parameters
    ----------
    name: of the feature set.
    first, until, last: UTC ns of the first row, the end of the reference period and the last row.
    rows: (reference, later) rows.
    periods: first stamp of each later period.
    features, pairs: see there; pairs by falling correlation.
    limits: where remarks begin.
    """

    name: str
    first: int
    until: int
    last: int
    rows: tuple[int, int]
    periods: tuple[int, ...]
    features: tuple[FeatureHealth, ...]
    pairs: tuple[Pair, ...]
    limits: Limits

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def validate(
    name: str, table: FeatureTable, until: int, warmup: Mapping[str, int], *, periods: int = 6, limits: Limits | None = None
) -> Validation:
    """Compare the rows after `until` (UTC ns), in `periods` runs of equally many rows, with those up to it.

    warmup: rows per feature that are NaN by declaration and not missed. Raises FeatureError when either side has fewer than 30 rows.
    """
    limits = limits or Limits()
    cut = int(np.searchsorted(table.ts, until, side="right"))
    if min(cut, len(table) - cut) < _FEWEST:
        raise FeatureError(
            f"{cut} rows up to the moment and {len(table) - cut} after it are too few to compare",
            field="until",
            hint=f"choose a moment with at least {_FEWEST} rows on either side",
        )
    parts = np.array_split(np.arange(cut, len(table)), periods)
    parts = [part for part in parts if len(part)]
    moved = np.diff(table.price, prepend=np.nan) != 0
    health = [_health(each, table.column(each), warmup.get(each, 0), cut, parts, moved, limits) for each in table.names]
    settled = table.values[min(max(warmup.values(), default=0), cut - 1) : cut]
    between = rank_correlations(settled[:: max(len(settled) // _ENOUGH, 1)])
    upper = np.argwhere(np.triu(np.abs(between), 1) > limits.correlation)
    pairs = sorted((Pair(table.names[i], table.names[j], float(between[i, j])) for i, j in upper), key=lambda pair: -abs(pair.correlation))
    starts = tuple(int(table.ts[part[0]]) for part in parts)
    rows = (cut, len(table) - cut)
    return Validation(name, int(table.ts[0]), until, int(table.ts[-1]), rows, starts, tuple(health), tuple(pairs), limits)


def _health(
    name: str, x: NDArray[np.float64], warmup: int, cut: int, parts: list[NDArray[np.int64]], moved: NDArray[np.bool_], limits: Limits
) -> FeatureHealth:
    sides = (x[min(warmup, cut) : cut], x[cut:])
    reference, later = (side[np.isfinite(side)] for side in sides)
    missing = (_share(~np.isfinite(sides[0])), _share(~np.isfinite(sides[1])))
    gap = (_longest(~np.isfinite(sides[0])), _longest(~np.isfinite(sides[1])))
    kept = np.concatenate([[False], x[1:] == x[:-1]])
    stale = (_stuck(kept[:cut], moved[:cut]), _stuck(kept[cut:], moved[cut:]))
    unchanged = (_share((kept & moved)[:cut]), _share((kept & moved)[cut:]))
    low, high = (float(reference.min()), float(reference.max())) if len(reference) else (None, None)
    outside = _share((later < reference.min()) | (later > reference.max())) if len(reference) else 0.0
    by_period = tuple(_number(psi(reference, x[part][np.isfinite(x[part])])) for part in parts)
    middle = len(reference) // 2
    within = _number(psi(reference[:middle], reference[middle:]))
    edges, shares = _histogram(reference, later)
    remarks = _remarks(by_period, within, missing, outside, stale, limits, empty=not len(reference))
    quantiles = tuple(tuple(_number(v) for v in np.quantile(s, (0.01, 0.5, 0.99))) if len(s) else (None,) * 3 for s in (reference, later))
    return FeatureHealth(
        name, by_period, within, _number(psi(reference, later)), _number(ks(reference, later)), missing, gap, low, high,
        (quantiles[0], quantiles[1]), outside, stale, unchanged, edges, shares, remarks,
    )  # fmt: skip


def _remarks(
    drift: tuple[float | None, ...],
    within: float | None,
    missing: tuple[float, float],
    outside: float,
    stale: tuple[int, int],
    limits: Limits,
    *,
    empty: bool,
) -> tuple[str, ...]:
    out = ["holds no number in the reference period"] if empty else []
    worst = max((value for value in drift if value is not None), default=0.0)
    if worst > limits.psi:
        before = "" if within is None else f", {within:.2f} between the halves of the reference"
        out.append(f"has moved: PSI {worst:.2f} in period {drift.index(worst) + 1}{before}")
    if missing[1] > missing[0] + limits.missing:
        out.append(f"is missing on {missing[1]:.1%} of later rows, was on {missing[0]:.1%}")
    if outside > limits.outside:
        out.append(f"leaves its range on {outside:.1%} of later rows")
    if stale[1] > max(limits.stale, 3 * stale[0]):
        out.append(f"is stuck for {stale[1]} rows while the price moves, was for {stale[0]}")
    return tuple(out)


def _histogram(
    reference: NDArray[np.float64], later: NDArray[np.float64]
) -> tuple[tuple[float, ...], tuple[tuple[float, ...], tuple[float, ...]]]:
    """Edges between the 0.5 % quantiles of both, and the shares of each in the bins."""
    both = np.concatenate([reference, later])
    if not len(both):
        return (), ((), ())
    low, high = np.quantile(both, (0.005, 0.995))
    if not high > low:
        low, high = float(both.min()), float(both.max())
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    left, right = (
        np.histogram(np.clip(side, low, high), edges)[0] / len(side) if len(side) else np.zeros(_BINS) for side in (reference, later)
    )
    return tuple(edges.tolist()), (tuple(left.tolist()), tuple(right.tolist()))


def _share(which: NDArray[np.bool_]) -> float:
    return float(which.mean()) if len(which) else 0.0


def _longest(which: NDArray[np.bool_]) -> int:
    """Longest run of True.

    >>> _longest(np.array([True, False, True, True]))
    2
    """
    ends = np.flatnonzero(np.diff(np.concatenate([[0], which.astype(np.int8), [0]])))
    return int((ends[1::2] - ends[::2]).max()) if len(ends) else 0


def _stuck(kept: NDArray[np.bool_], moved: NDArray[np.bool_]) -> int:
    """Most rows on which the price moved in one run of one value.

    >>> _stuck(np.array([False, True, True, True, False]), np.array([True, True, False, True, True]))
    2
    """
    return int(np.bincount(np.cumsum(~kept), (kept & moved).astype(np.float64)).max()) if len(kept) else 0


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
