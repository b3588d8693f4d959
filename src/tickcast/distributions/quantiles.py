"""Values at probability levels, with exponential tails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.distributions.base import Distribution, Floats, frozen, row_blocks
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
        object.__setattr__(self, "levels", frozen(levels))
        object.__setattr__(self, "values", frozen(values))

    @property
    def shape(self) -> tuple[int, int]:
        """(n, h)."""
        return self.values.shape[0], self.values.shape[1]

    def _tails(self) -> tuple[Floats, Floats]:
        """(n, h) mean distance of the left and the right tail."""
        t, v = self.levels, self.values
        left = t[0] * (v[..., 1] - v[..., 0]) / (t[1] - t[0])
        right = (1 - t[-1]) * (v[..., -1] - v[..., -2]) / (t[-1] - t[-2])
        return np.maximum(left, _FLOOR), np.maximum(right, _FLOOR)

    def _between(self, z: Floats, rows: slice, *, strictly: bool) -> NDArray[np.int64]:
        """How many values lie at or below z, or strictly below it: values[k - 1] <(=) z <(=) values[k]."""
        k = np.zeros(z.shape, np.int64)
        for column in np.moveaxis(self.values[rows], 2, 0)[..., None]:
            k += (column < z) if strictly else (column <= z)
        return k

    def _interpolated(self, z: Floats, *, strictly: bool) -> Floats:
        left, right = self._tails()
        out, last = np.empty(z.shape), len(self.levels) - 1
        for rows in row_blocks(len(z), z.shape[1] * max(z.shape[2], len(self.levels))):
            at, v = z[rows], self.values[rows]
            k = self._between(at, rows, strictly=strictly)
            low, high = np.clip(k - 1, 0, None), np.clip(k, None, last)
            v0, v1 = np.take_along_axis(v, low, axis=2), np.take_along_axis(v, high, axis=2)
            share = np.where(v1 > v0, (at - v0) / np.where(v1 > v0, v1 - v0, 1.0), 0.0)
            inside = self.levels[low] + (self.levels[high] - self.levels[low]) * share
            under = self.levels[0] * np.exp(np.minimum(at - v[..., :1], 0.0) / left[rows, :, None])
            over = 1 - (1 - self.levels[-1]) * np.exp(-np.maximum(at - v[..., -1:], 0.0) / right[rows, :, None])
            out[rows] = np.where(k == 0, under, np.where(k == last + 1, over, inside))
        return out

    def cdf(self, z: Floats) -> Floats:
        """P(Z <= z), (n, h, m)."""
        return self._interpolated(z, strictly=False)

    def cdf_left(self, z: Floats) -> Floats:
        """P(Z < z), (n, h, m)."""
        return self._interpolated(z, strictly=True)

    def pdf(self, z: Floats) -> Floats:
        """Density at z, infinite at an atom, (n, h, m)."""
        left, right = self._tails()
        slope = np.diff(self.levels) / np.maximum(np.diff(self.values, axis=2), _FLOOR)
        out = np.empty(z.shape)
        for rows in row_blocks(len(z), z.shape[1] * max(z.shape[2], len(self.levels))):
            at, v = z[rows], self.values[rows]
            k = self._between(at, rows, strictly=False)
            inside = np.take_along_axis(slope[rows], np.clip(k - 1, 0, slope.shape[2] - 1), axis=2)
            s, t = left[rows, :, None], right[rows, :, None]
            under = self.levels[0] / s * np.exp(np.minimum(at - v[..., :1], 0.0) / s)
            over = (1 - self.levels[-1]) / t * np.exp(-np.maximum(at - v[..., -1:], 0.0) / t)
            out[rows] = np.where(k == 0, under, np.where(k == len(self.levels), over, inside))
        return np.where(self.cdf(z) > self.cdf_left(z), np.inf, out)

    def quantile(self, levels: Floats) -> Floats:
        """Smallest z with P(Z <= z) >= level, (n, h, m)."""
        left, right = self._tails()
        t, v = self.levels, self.values
        k = np.clip(np.searchsorted(t, levels, side="left"), 1, len(t) - 1)
        share = np.clip((levels - t[k - 1]) / (t[k] - t[k - 1]), 0.0, 1.0)
        if levels.ndim == 1:
            low, high = v[..., k - 1], v[..., k]
        else:
            at = np.broadcast_to(k, (*self.shape, k.shape[2]))
            low, high = np.take_along_axis(v, at - 1, axis=2), np.take_along_axis(v, at, axis=2)
        inside = np.where(share < 1.0, low + (high - low) * share, high)
        under = v[..., :1] + left[..., None] * np.log(np.minimum(levels / t[0], 1.0))
        over = v[..., -1:] - right[..., None] * np.log(np.minimum((1 - levels) / (1 - t[-1]), 1.0))
        return np.where(levels < t[0], under, np.where(levels > t[-1], over, inside))

    def mean(self) -> Floats:
        """E[Z], (n, h)."""
        left, right = self._tails()
        middles = (self.values[..., 1:] + self.values[..., :-1]) / 2
        inner = middles @ np.diff(self.levels)
        out: Floats = inner + self.levels[0] * (self.values[..., 0] - left) + (1 - self.levels[-1]) * (self.values[..., -1] + right)
        return out

    def variance(self) -> Floats:
        """Var[Z], (n, h)."""
        left, right = self._tails()
        centre = self.mean()
        a, b = self.values[..., :-1] - centre[..., None], self.values[..., 1:] - centre[..., None]
        inner = ((a * a + a * b + b * b) / 3) @ np.diff(self.levels)
        low, high = a[..., 0], b[..., -1]
        under = self.levels[0] * (low * low - 2 * low * left + 2 * left * left)
        over = (1 - self.levels[-1]) * (high * high + 2 * high * right + 2 * right * right)
        out: Floats = np.maximum(inner + under + over, 0.0)
        return out

    def entropy(self) -> Floats:
        """Nats, (n, h)."""
        left, right = self._tails()
        mass = np.diff(self.levels)
        inner = np.log(np.maximum(np.diff(self.values, axis=2), _FLOOR) / mass) @ mass
        t0, t1 = self.levels[0], 1 - self.levels[-1]
        out: Floats = inner + t0 * (1 + np.log(left / t0)) + t1 * (1 + np.log(right / t1))
        return out

    def take(self, rows: NDArray[np.int64] | slice) -> Self:
        """The laws of these rows."""
        return type(self)(self.levels, self.values[rows])

    def arrays(self) -> dict[str, Floats]:
        """The parameters by name."""
        return {"levels": self.levels, "values": self.values}
