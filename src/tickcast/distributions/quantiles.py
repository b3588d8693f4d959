"""Values at probability levels, with exponential tails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.distributions.base import Distribution, Floats
from tickcast.errors import ForecastError

__all__ = ["Quantiles"]

_FLOOR = 1e-12  # the least width that a tail or a segment is given, in units of z


@dataclass(frozen=True, eq=False)
class Quantiles(Distribution):
    """Quantile values, linear in between; equal neighbours are an atom.

    Parameters
    ----------
    levels: (q,), increasing, strictly between 0 and 1, q >= 3.
    values: (n, h, q), not decreasing along the levels.

    Beyond the outer levels the tail is exponential and continues the density of the outermost segment:
    F(z) = t1 exp((z - v1) / s) with s = t1 (v2 - v1) / (t2 - t1), mirrored on the right.

    Raises ForecastError on wrong shapes, crossing or not finite values.
    """

    levels: Floats
    values: Floats
    kind: ClassVar[str] = "quantiles"

    def __post_init__(self) -> None:
        levels, values = np.asarray(self.levels, np.float64), np.asarray(self.values, np.float64)
        if values.ndim != 3 or levels.shape != (values.shape[2],) or len(levels) < 3:
            raise ForecastError(f"levels {levels.shape} do not fit values {values.shape}", hint="give (q,) levels and (n, h, q), q >= 3")
        if not (np.diff(levels) > 0).all() or levels[0] <= 0 or levels[-1] >= 1:
            raise ForecastError("quantile levels must increase strictly between 0 and 1")
        if not np.isfinite(values).all() or (np.diff(values, axis=2) < 0).any():
            raise ForecastError("quantile values cross or are not finite")
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "values", values)

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape[0], self.values.shape[1]

    def _tails(self) -> tuple[Floats, Floats]:
        """(n, h) mean distance of the left and the right tail."""
        t, v = self.levels, self.values
        left = t[0] * (v[..., 1] - v[..., 0]) / (t[1] - t[0])
        right = (1 - t[-1]) * (v[..., -1] - v[..., -2]) / (t[-1] - t[-2])
        return np.maximum(left, _FLOOR), np.maximum(right, _FLOOR)

    def _interpolated(self, z: Floats, *, strictly: bool) -> Floats:
        left, right = self._tails()
        out = np.empty_like(z)
        for m in range(z.shape[2]):
            at = z[:, :, m]
            below = self.values < at[..., None] if strictly else self.values <= at[..., None]
            k = below.sum(axis=2)  # values[k - 1] <(=) z <(=) values[k]
            low, high = np.clip(k - 1, 0, None), np.clip(k, None, len(self.levels) - 1)
            v0 = np.take_along_axis(self.values, low[..., None], axis=2)[..., 0]
            v1 = np.take_along_axis(self.values, high[..., None], axis=2)[..., 0]
            share = np.where(v1 > v0, (at - v0) / np.where(v1 > v0, v1 - v0, 1.0), 0.0)
            inside = self.levels[low] + (self.levels[high] - self.levels[low]) * share
            under = self.levels[0] * np.exp(np.minimum(at - self.values[..., 0], 0.0) / left)
            over = 1 - (1 - self.levels[-1]) * np.exp(-np.maximum(at - self.values[..., -1], 0.0) / right)
            out[:, :, m] = np.where(k == 0, under, np.where(k == len(self.levels), over, inside))
        return out

    def cdf(self, z: Floats) -> Floats:
        return self._interpolated(z, strictly=False)

    def cdf_left(self, z: Floats) -> Floats:
        return self._interpolated(z, strictly=True)

    def pdf(self, z: Floats) -> Floats:
        left, right = self._tails()
        slope = np.diff(self.levels) / np.maximum(np.diff(self.values, axis=2), _FLOOR)
        out = np.empty_like(z)
        for m in range(z.shape[2]):
            at = z[:, :, m]
            k = (self.values <= at[..., None]).sum(axis=2)
            inside = np.take_along_axis(slope, np.clip(k - 1, 0, slope.shape[2] - 1)[..., None], axis=2)[..., 0]
            under = self.levels[0] / left * np.exp(np.minimum(at - self.values[..., 0], 0.0) / left)
            over = (1 - self.levels[-1]) / right * np.exp(-np.maximum(at - self.values[..., -1], 0.0) / right)
            out[:, :, m] = np.where(k == 0, under, np.where(k == len(self.levels), over, inside))
        return out

    def quantile(self, levels: Floats) -> Floats:
        left, right = self._tails()
        t, v = self.levels, self.values
        k = np.clip(np.searchsorted(t, levels, side="left"), 1, len(t) - 1)
        share = (levels - t[k - 1]) / (t[k] - t[k - 1])
        inside = v[..., k - 1] + (v[..., k] - v[..., k - 1]) * np.clip(share, 0.0, 1.0)
        under = v[..., :1] + left[..., None] * np.log(np.minimum(levels / t[0], 1.0))
        over = v[..., -1:] - right[..., None] * np.log(np.minimum((1 - levels) / (1 - t[-1]), 1.0))
        return np.where(levels < t[0], under, np.where(levels > t[-1], over, inside))

    def mean(self) -> Floats:
        left, right = self._tails()
        middles = (self.values[..., 1:] + self.values[..., :-1]) / 2
        inner = middles @ np.diff(self.levels)
        return inner + self.levels[0] * (self.values[..., 0] - left) + (1 - self.levels[-1]) * (self.values[..., -1] + right)

    def variance(self) -> Floats:
        left, right = self._tails()
        centre = self.mean()
        a, b = self.values[..., :-1] - centre[..., None], self.values[..., 1:] - centre[..., None]
        inner = ((a * a + a * b + b * b) / 3) @ np.diff(self.levels)
        low, high = a[..., 0], b[..., -1]
        under = self.levels[0] * (low * low - 2 * low * left + 2 * left * left)
        over = (1 - self.levels[-1]) * (high * high + 2 * high * right + 2 * right * right)
        return np.maximum(inner + under + over, 0.0)

    def entropy(self) -> Floats:
        left, right = self._tails()
        mass = np.diff(self.levels)
        inner = np.log(np.maximum(np.diff(self.values, axis=2), _FLOOR) / mass) @ mass
        t0, t1 = self.levels[0], 1 - self.levels[-1]
        return inner + t0 * (1 + np.log(left / t0)) + t1 * (1 + np.log(right / t1))

    def take(self, rows: NDArray[np.int64] | slice) -> Self:
        return type(self)(self.levels, self.values[rows])

    def arrays(self) -> dict[str, Floats]:
        return {"levels": self.levels, "values": self.values}
