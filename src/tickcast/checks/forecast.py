"""Laws of a forecast: it is a distribution, row by row and horizon by horizon."""

from __future__ import annotations

import numpy as np

from tickcast.errors import LawBroken
from tickcast.forecast import Forecast

__all__ = ["cdf_is_monotone", "outputs_are_finite", "quantile_inverts_cdf", "quantiles_never_cross"]

_LEVELS = np.linspace(0.01, 0.99, 99)


def quantiles_never_cross(forecast: Forecast) -> None:
    """Quantiles do not decrease along their levels."""
    if (np.diff(forecast.quantile(_LEVELS), axis=2) < 0).any():
        raise LawBroken("quantiles cross")


def cdf_is_monotone(forecast: Forecast) -> None:
    """The cdf stays within [0, 1] and does not decrease."""
    middle = forecast.quantile(_LEVELS)
    width = middle[..., -1:] - middle[..., :1] + forecast.scale[..., None]
    at = np.concatenate([middle[..., :1] - 5 * width, np.sort(middle, axis=2), middle[..., -1:] + 5 * width], axis=2)
    below = forecast.cdf(at)
    if not np.isfinite(below).all() or (below < 0).any() or (below > 1).any():
        raise LawBroken("the cdf leaves [0, 1]")
    if (np.diff(below, axis=2) < -1e-12).any():
        raise LawBroken("the cdf decreases")


def quantile_inverts_cdf(forecast: Forecast) -> None:
    """cdf_left(quantile(p)) <= p <= cdf(quantile(p)); equality where there is no atom."""
    at = forecast.quantile(_LEVELS)
    nudge = 1e-9 * np.maximum(np.abs(at), forecast.scale[..., None])
    if (forecast.cdf(at + nudge) < _LEVELS - 1e-9).any() or (forecast.cdf_left(at - nudge) > _LEVELS + 1e-9).any():
        raise LawBroken("quantile and cdf do not invert one another")


def outputs_are_finite(forecast: Forecast) -> None:
    """p_up lies in [0, 1], everything else is finite, and q05 <= q50 <= q95."""
    out = forecast.outputs()
    for name, values in out.items():
        if values.shape != forecast.scale.shape or not np.isfinite(values).all():
            raise LawBroken("is not finite or has the wrong shape", field=name)
    if (out["p_up"] < 0).any() or (out["p_up"] > 1).any() or (out["q05"] > out["q50"]).any() or (out["q50"] > out["q95"]).any():
        raise LawBroken("p_up is no probability, or q05, q50 and q95 are out of order")
