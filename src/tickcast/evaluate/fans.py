"""Fans: what was forecast at a moment, beside what then happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.clock import SECOND, parse_duration
from tickcast.distributions import Floats
from tickcast.errors import ConfigError
from tickcast.forecast import Forecast
from tickcast.views.view import View

__all__ = ["FAN_LEVELS", "Fan", "fans"]

FAN_LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
_POINTS = 240  # prices drawn per fan, so that a report stays small


@dataclass(frozen=True, eq=False)
class Fan:
    """One moment.

    Parameters
    ----------
    forecaster: whose forecast it is. title: why this moment was chosen.
    ts: UTC ns. price: at ts.
    at: (h,) UTC ns that each horizon looks at.
    quantiles: (h, 7) prices at FAN_LEVELS.
    path_ts, path_price: (p,) real prices before and after ts.
    """

    forecaster: str
    title: str
    ts: int
    price: float
    at: NDArray[np.int64]
    quantiles: Floats
    path_ts: NDArray[np.int64]
    path_price: Floats


def fans(forecaster: str, forecast: Forecast, view: View) -> tuple[Fan, ...]:
    """Fans of the latest moment, the latest with all labels, a calm, a wild and a surprising one."""
    whole = np.flatnonzero(np.isfinite(view.outcomes).all(axis=1))
    chosen: dict[int, str] = {}
    if len(whole):
        spread = forecast.take(whole).std()[:, -1]
        surprise = np.abs(view.outcomes[whole, -1]) / spread
        chosen[int(whole[-1])] = "latest with every outcome known"
        chosen.setdefault(int(whole[np.argsort(spread)[len(whole) // 50]]), "a calm moment (2nd percentile of spread)")
        chosen.setdefault(int(whole[np.argsort(spread)[-1 - len(whole) // 50]]), "a wild moment (98th percentile of spread)")
        chosen.setdefault(int(whole[np.argmax(surprise)]), "the largest surprise, relative to spread")
    if len(view):
        chosen.setdefault(len(view) - 1, "the latest moment, outcome not known yet")
    return tuple(_fan(forecaster, title, row, forecast, view) for row, title in chosen.items())


def _fan(forecaster: str, title: str, row: int, forecast: Forecast, view: View) -> Fan:
    table, position = view.table, int(view.rows[row])
    ts, price = int(table.ts[position]), float(table.price[position])
    ends = view.labels.end[position].copy()
    for j, name in enumerate(view.horizons):
        if not np.isfinite(view.labels.values[position, j]):
            ends[j] = ts + _nominal(name, table.step)
    span = int(ends.max()) - ts
    a, b = np.searchsorted(table.ts, [ts - span, int(ends.max()) + 1])
    inside = np.arange(a, b)[np.isfinite(table.price[a:b]) & (table.segment[a:b] == table.segment[position])]
    inside = np.unique(np.concatenate([inside[:: max(1, len(inside) // _POINTS)], inside[-1:], [position]]))
    values = price * np.exp(forecast.take(slice(row, row + 1)).quantile(FAN_LEVELS)[0])
    return Fan(forecaster, title, ts, price, ends, values, table.ts[inside], table.price[inside])


def _nominal(horizon: str, step: int) -> int:
    """Nominal length in ns; a horizon not named after its duration is drawn one step long."""
    try:
        return parse_duration(horizon)
    except ConfigError:
        return max(step, SECOND)
