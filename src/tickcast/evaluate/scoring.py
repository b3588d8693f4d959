"""Every forecaster on the same rows, by every metric, against the best baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tickcast.distributions import Buckets, Floats
from tickcast.errors import ForecastError
from tickcast.evaluate.evaluation import Evaluation
from tickcast.evaluate.fans import fans
from tickcast.forecast import Forecast
from tickcast.metrics import (
    METRICS,
    BlockBootstrap,
    Rows,
    coverage_by_level,
    expected_calibration_error,
    pit_histogram,
    reliability,
)
from tickcast.views.view import View

__all__ = ["evaluate", "label_rows"]

_LEVELS = np.array([0.025, 0.05, *np.round(np.arange(0.1, 0.95, 0.1), 1), 0.95, 0.975])


def evaluate(
    forecasts: Mapping[str, Forecast],
    view_test: View,
    *,
    baselines: Sequence[str] = ("climatology", "ewma", "har"),
    rng: np.random.Generator,
    tick: float | None = None,
    resamples: int = 500,
) -> Evaluation:
    """Scores with intervals, calibration and examples.

    Parameters
    ----------
    forecasts: by name, each with one row per row of `view_test`, in its order.
    baselines: names that count as baselines where present; skill is measured against the one with the least CRPS per horizon.
    rng: draws the bootstrap's blocks; the same seed gives the same bytes.
    tick: smallest price change; given, scores count probability per tick move (short horizons of futures), else densities.
    resamples: of the block bootstrap. Blocks are at least as long as the longest label, and at least √n rows.

    Raises ForecastError for no forecast, no row, or a forecast of other rows or horizons.
    """
    _same_rows(forecasts, view_test)
    rows = Rows(view_test.outcomes, None if tick is None else tick / view_test.price)
    block = int(max(np.ceil(label_rows(view_test).max()), np.ceil(np.sqrt(len(view_test)))))
    draw = BlockBootstrap.draw(len(view_test), block, resamples, rng)
    found = _judged(forecasts, view_test, rows, draw, baselines)
    return replace(found, fans=fans(found.best, forecasts[found.best], view_test))


def _judged(forecasts: Mapping[str, Forecast], view_test: View, rows: Rows, draw: BlockBootstrap, baselines: Sequence[str]) -> Evaluation:
    """Everything but the examples."""
    overlap = label_rows(view_test)
    crps = list(METRICS).index("crps")
    scored = [_scored(forecast, rows, draw) for forecast in forecasts.values()]
    values = np.stack([one[0] for one in scored])
    bounds = [draw.interval(one[1]) for one in scored]
    names = tuple(forecasts)
    present = tuple(name for name in baselines if name in names)
    best, skill, skill_low, skill_high = _skill(names, present, values[:, :, crps], [one[1][:, :, crps] for one in scored])
    tables = tuple(reliability(forecast, rows) for forecast in forecasts.values())
    coverage = np.stack([coverage_by_level(forecast, rows, _LEVELS) for forecast in forecasts.values()])
    return Evaluation(
        forecasters=names,
        horizons=tuple(view_test.horizons),
        metrics=tuple(METRICS),
        units=tuple(metric.unit for metric in METRICS.values()),
        better=tuple(metric.better for metric in METRICS.values()),
        rows=rows.known.sum(axis=0),
        first=int(view_test.ts[0]),
        last=int(view_test.ts[-1]),
        values=values,
        low=np.stack([low for low, _ in bounds]),
        high=np.stack([high for _, high in bounds]),
        baselines=present,
        best_baseline=best,
        skill=skill,
        skill_low=skill_low,
        skill_high=skill_high,
        ece=np.stack([expected_calibration_error(table) for table in tables]),
        quantile_error=np.abs(coverage - _LEVELS).mean(axis=2),
        levels=_LEVELS,
        coverage=coverage,
        pit=tuple(pit_histogram(forecast, rows, overlap=overlap) for forecast in forecasts.values()),
        reliability=tables,
        edge_share=np.stack([_edge_share(forecast, rows) for forecast in forecasts.values()]),
        fans=(),
        block=draw.block,
        resamples=len(draw.starts),
        lattice=rows.tick is not None,
    )


def _same_rows(forecasts: Mapping[str, Forecast], view: View) -> None:
    if not forecasts or not len(view):
        raise ForecastError("nothing to evaluate: no forecasts or no test rows")
    for name, forecast in forecasts.items():
        if forecast.scale.shape != view.outcomes.shape or forecast.horizons != tuple(view.horizons):
            raise ForecastError(
                f"forecast {name!r} is of {forecast.scale.shape} and {forecast.horizons}, the test rows are not", field=name
            )


def label_rows(view: View) -> Floats:
    """(h,) rows of the view that one label spans: the 99th percentile over its labels, at least 1."""
    out = np.ones(len(view.horizons))
    position = np.arange(len(view))
    for j in range(len(out)):
        known = np.isfinite(view.outcomes[:, j])
        if known.any():
            ends = np.searchsorted(view.ts, view.labels.end[view.rows[known], j], side="left")
            out[j] = max(1.0, float(np.quantile(ends - position[known], 0.99)))
    return out


def _scored(forecast: Forecast, rows: Rows, draw: BlockBootstrap) -> tuple[Floats, Floats]:
    """(h, m) scores and (resamples, h, m) resampled scores."""
    values, resampled = [], []
    for metric in METRICS.values():
        terms = metric.contribute(forecast, rows).terms
        known = np.isfinite(terms)
        count = known.sum(axis=0)
        total = np.where(known, terms, 0.0).sum(axis=0)
        values.append(metric.combine(np.where(count > 0, total / np.maximum(count, 1), np.nan)))
        resampled.append(metric.combine(draw.means(terms)))
    return np.stack(values, axis=1), np.stack(resampled, axis=2)


def _skill(
    names: tuple[str, ...], baselines: tuple[str, ...], crps: Floats, resampled: list[Floats]
) -> tuple[tuple[str, ...], Floats, Floats, Floats]:
    """Best baseline per horizon, and skill (f, h) against it with the ends of its paired interval."""
    f, h = crps.shape
    out = np.full((3, f, h), np.nan)
    best = []
    for j in range(h):
        known = [names.index(name) for name in baselines if np.isfinite(crps[names.index(name), j])]
        if not known:
            best.append("")
            continue
        base = min(known, key=lambda i: float(crps[i, j]))
        best.append(names[base])
        for i in range(f):
            low, high = BlockBootstrap.interval(1 - resampled[i][:, j] / resampled[base][:, j])
            out[:, i, j] = 1 - crps[i, j] / crps[base, j], low, high
    return tuple(best), out[0], out[1], out[2]


def _edge_share(forecast: Forecast, rows: Rows) -> Floats:
    """(h,) share of outcomes beyond the inner edges of a bucket forecast."""
    law = forecast.law
    if not isinstance(law, Buckets):
        return np.full(rows.outcomes.shape[1], np.nan)
    z = rows.filled / forecast.scale
    outside = ((z < law.edges[:, 1]) | (z >= law.edges[:, -2])) & rows.known
    out: Floats = outside.sum(axis=0) / np.maximum(rows.known.sum(axis=0), 1)
    return out
