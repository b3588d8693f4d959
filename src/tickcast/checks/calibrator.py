"""Laws of a calibrator: it maps distributions to distributions, row by row, from what it was fitted on and nothing else."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from tickcast.calibrators import Calibrator, parse
from tickcast.checks.forecast import cdf_is_monotone, quantiles_never_cross
from tickcast.errors import LawBroken
from tickcast.forecast import Forecast

__all__ = ["applies_row_by_row", "keeps_distributions", "survives_json"]

_LEVELS = np.linspace(0.05, 0.95, 19)


def keeps_distributions(calibrator: Calibrator, forecast: Forecast, outcomes: NDArray[np.float64]) -> None:
    """What comes out has the same rows, horizons and unit, a monotone cdf and quantiles that do not cross."""
    out = calibrator.fit(forecast, outcomes).apply(forecast)
    if (len(out), out.horizons, out.unit, out.kind) != (len(forecast), forecast.horizons, forecast.unit, forecast.kind):
        raise LawBroken("a calibrator changed rows, horizons, unit or kind")
    cdf_is_monotone(out)
    quantiles_never_cross(out)


def applies_row_by_row(calibrator: Calibrator, forecast: Forecast, outcomes: NDArray[np.float64]) -> None:
    """A row's correction does not depend on the other rows, and applying changes nothing of the calibrator."""
    fitted = calibrator.fit(forecast, outcomes)
    whole = fitted.apply(forecast).quantile(_LEVELS)
    for rows in (slice(0, 1), slice(1, 4), slice(len(forecast) // 2, None)):
        if not np.array_equal(fitted.apply(forecast.take(rows)).quantile(_LEVELS), whole[rows]):
            raise LawBroken("the correction of a row depends on other rows")
    if not np.array_equal(fitted.apply(forecast).quantile(_LEVELS), whole):
        raise LawBroken("applying twice gives two answers")


def survives_json(calibrator: Calibrator, forecast: Forecast, outcomes: NDArray[np.float64]) -> None:
    """Written as JSON and read back it corrects with the same bits."""
    fitted = calibrator.fit(forecast, outcomes)
    again = parse(json.loads(json.dumps(fitted.parameters(), allow_nan=False)))
    if not np.array_equal(again.apply(forecast).quantile(_LEVELS), fitted.apply(forecast).quantile(_LEVELS)):
        raise LawBroken("the calibrator that was read back corrects differently")
