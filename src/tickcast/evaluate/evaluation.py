"""Evaluation: everything that was measured, as plain arrays that print as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickcast.distributions import Floats
from tickcast.evaluate.fans import Fan
from tickcast.metrics import PitHistogram, Reliability

__all__ = ["Evaluation", "plain"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """`f` forecasters × `h` horizons × `m` metrics, all over the same rows.

    Parameters
    ----------
    forecasters, horizons, metrics, units, better: names (f,), (h,), (m,); unit and direction ("lower", "higher", "target") per metric.
    rows: (h,) rows with a label. first, last: UTC ns of the first and last row.
    values, low, high: (f, h, m) scores with the ends of their 95 % block-bootstrap intervals.
    baselines: those that were present. best_baseline: (h,) name of the one with the least CRPS, "" where there is none.
    skill, skill_low, skill_high: (f, h) 1 - CRPS / CRPS of the best baseline, paired bootstrap; NaN where there is no baseline.
    ece: (f, h) expected calibration error of p_up.
    quantile_error: (f, h) mean over `levels` of |share of outcomes below the quantile - level|.
    levels: (l,) levels of `coverage` (f, h, l), the share of outcomes below each quantile.
    pit, reliability: (f,) per forecaster.
    edge_share: (f, h) share of outcomes in an outer bucket, NaN for quantile forecasts.
    fans: example moments of the best forecaster.
    block, resamples: of the bootstrap. lattice: scores count probability per tick move.
    """

    forecasters: tuple[str, ...]
    horizons: tuple[str, ...]
    metrics: tuple[str, ...]
    units: tuple[str, ...]
    better: tuple[str, ...]
    rows: NDArray[np.int64]
    first: int
    last: int
    values: Floats
    low: Floats
    high: Floats
    baselines: tuple[str, ...]
    best_baseline: tuple[str, ...]
    skill: Floats
    skill_low: Floats
    skill_high: Floats
    ece: Floats
    quantile_error: Floats
    levels: Floats
    coverage: Floats
    pit: tuple[PitHistogram, ...]
    reliability: tuple[Reliability, ...]
    edge_share: Floats
    fans: tuple[Fan, ...]
    block: int
    resamples: int
    lattice: bool

    def score(self, forecaster: str, horizon: str, metric: str = "crps") -> float:
        """One number of the table; ValueError for an unknown name."""
        at = self.forecasters.index(forecaster), self.horizons.index(horizon), self.metrics.index(metric)
        return float(self.values[at])

    @property
    def scored(self) -> list[int]:
        """Positions of the horizons that have labels."""
        return [int(j) for j in np.flatnonzero(self.rows > 0)]

    @property
    def best(self) -> str:
        """The forecaster whose CRPS, relative to the least one per horizon, is smallest on average."""
        crps = self.values[:, :, self.metrics.index("crps")]
        with np.errstate(invalid="ignore"):
            relative = crps / np.nanmin(np.where(np.isfinite(crps), crps, np.inf), axis=0)
        return self.forecasters[int(np.argmin(np.nan_to_num(relative, nan=1.0).mean(axis=1)))]

    def as_dict(self) -> dict[str, Any]:
        """JSON values; NaN becomes null."""
        found = {name: plain(getattr(self, name)) for name in self.__dataclass_fields__}
        return {"best": self.best, **found}

    def to_json(self) -> str:
        """`as_dict` as text, keys in order."""
        return json.dumps(self.as_dict(), indent=1, allow_nan=False)


def plain(value: object) -> Any:
    """JSON values of arrays, tuples and frozen records; numbers to nine digits, NaN and infinity as null."""
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.9g}") if np.isfinite(value) else None
    return {name: plain(getattr(value, name)) for name in getattr(value, "__dataclass_fields__", ())}
