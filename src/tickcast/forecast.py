"""Forecast: the hinge. Every model returns one, every calibrator maps one to another, every metric and policy reads one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickcast.distributions import Buckets, Distribution, Floats, Quantiles
from tickcast.errors import ForecastError

__all__ = ["Forecast"]


@dataclass(frozen=True, eq=False)
class Forecast:
    """Distributions of future log-returns: `n` rows by `h` horizons, immutable.

    Parameters
    ----------
    horizons: (h,) names such as "1s", "15m".
    law: the distributions of z, one per row and horizon; `kind` is theirs.
    scale: (n, h) positive; the log-return is `scale * z`. Ones where z is the log-return itself.
    unit: what z counts: "log_return", "sigma" or "ticks".

    Every method speaks in log-returns. Raises ForecastError when shapes disagree or a scale is not positive and finite.

    >>> law = Quantiles(np.array([0.05, 0.5, 0.95]), np.array([[[-1.0, 0.0, 1.0]]]))
    >>> forecast = Forecast(("60s",), law, np.array([[2e-4]]), "sigma")
    >>> float(forecast.prob_above(0.0)[0, 0]), float(forecast.quantile([0.95])[0, 0, 0])
    (0.5, 0.0002)
    """

    horizons: tuple[str, ...]
    law: Distribution
    scale: Floats
    unit: str

    def __post_init__(self) -> None:
        scale = np.asarray(self.scale, np.float64)
        object.__setattr__(self, "horizons", tuple(self.horizons))
        object.__setattr__(self, "scale", scale)
        if self.law.shape != scale.shape or len(self.horizons) != scale.shape[1]:
            raise ForecastError(f"law {self.law.shape}, scale {scale.shape} and {len(self.horizons)} horizons disagree")
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise ForecastError("scale must be positive and finite")
        if self.unit not in ("log_return", "sigma", "ticks"):
            raise ForecastError(f"unknown unit {self.unit!r}", hint="use log_return, sigma or ticks")

    @property
    def kind(self) -> str:
        """The kind of distribution, as in `tickcast.distributions.DISTRIBUTIONS`."""
        return self.law.kind

    def __len__(self) -> int:
        return len(self.scale)

    def _z(self, x: ArrayLike) -> tuple[Floats, bool]:
        """x in units of z as (n, h, m), and whether the last axis was added. x: scalar, (n, h) or (n, h, m)."""
        array = np.asarray(x, np.float64)
        flat = array.ndim < 3
        if flat:
            array = np.broadcast_to(array, self.scale.shape)[..., None]
        return np.ascontiguousarray(array / self.scale[..., None]), flat

    def cdf(self, x: ArrayLike) -> Floats:
        """P(R <= x). x: scalar, (n, h) or (n, h, m); the result is (n, h) or (n, h, m)."""
        z, flat = self._z(x)
        out = self.law.cdf(z)
        return out[..., 0] if flat else out

    def cdf_left(self, x: ArrayLike) -> Floats:
        """P(R < x), shapes as `cdf`."""
        z, flat = self._z(x)
        out = self.law.cdf_left(z)
        return out[..., 0] if flat else out

    def pdf(self, x: ArrayLike) -> Floats:
        """Density per unit of log-return, shapes as `cdf`."""
        z, flat = self._z(x)
        out = self.law.pdf(z) / self.scale[..., None]
        return out[..., 0] if flat else out

    def quantile(self, levels: ArrayLike) -> Floats:
        """(n, h, m) log-returns at `levels` (m,)."""
        wanted = np.atleast_1d(np.asarray(levels, np.float64))
        if not ((wanted > 0) & (wanted < 1)).all():
            raise ForecastError("quantile levels must lie strictly between 0 and 1")
        return self.law.quantile(wanted) * self.scale[..., None]

    def mean(self) -> Floats:
        """(n, h) expected log-return."""
        return self.law.mean() * self.scale

    def std(self) -> Floats:
        """(n, h) standard deviation of the log-return."""
        return np.sqrt(self.law.variance()) * self.scale

    def entropy(self) -> Floats:
        """(n, h) nats: differential for a density, Shannon for a lattice."""
        lattice = isinstance(self.law, Buckets) and self.law.lattice
        return self.law.entropy() + (0.0 if lattice else np.log(self.scale))

    def prob_above(self, x: ArrayLike) -> Floats:
        """P(R > x), shapes as `cdf`."""
        return 1.0 - self.cdf(x)

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """(n, h, size) draws, by inversion of one uniform per row, horizon and draw."""
        n, h = self.scale.shape
        grid = (np.arange(4096) + 0.5) / 4096
        table = self.quantile(grid)
        return np.take_along_axis(table, rng.integers(0, len(grid), (n, h, size)), axis=2)

    def to_quantiles(self, levels: ArrayLike) -> Forecast:
        """The same forecast held as quantiles at `levels` (m,), in the same unit."""
        wanted = np.atleast_1d(np.asarray(levels, np.float64))
        values = np.maximum.accumulate(self.law.quantile(wanted), axis=2)
        return Forecast(self.horizons, Quantiles(wanted, values), self.scale, self.unit)

    def to_buckets(self, edges: ArrayLike, *, lattice: bool = False) -> Forecast:
        """The same forecast held as bucket masses between `edges` (h, b + 1), given in units of z; the outer buckets take the tails."""
        grid = np.asarray(edges, np.float64)
        inner = np.broadcast_to(grid[:, 1:-1], (len(self), grid.shape[0], grid.shape[1] - 2))
        below = self.law.cdf(np.ascontiguousarray(inner))
        one = np.ones((*self.scale.shape, 1))
        mass = np.diff(np.concatenate([one * 0.0, np.maximum.accumulate(below, axis=2), one], axis=2), axis=2)
        return Forecast(self.horizons, Buckets(grid, mass, lattice), self.scale, self.unit)

    def take(self, rows: NDArray[np.int64] | slice) -> Forecast:
        """The forecasts of these rows."""
        return Forecast(self.horizons, self.law.take(rows), self.scale[rows], self.unit)

    def outputs(self) -> dict[str, Floats]:
        """(n, h) arrays: p_up, E_r, q05, q50, q95, std; log-returns except the probability p_up = P(R > 0)."""
        low, middle, high = np.moveaxis(self.quantile([0.05, 0.5, 0.95]), 2, 0)
        return {"p_up": self.prob_above(0.0), "E_r": self.mean(), "q05": low, "q50": middle, "q95": high, "std": self.std()}

    @staticmethod
    def concatenate(parts: Sequence[Forecast]) -> Forecast:
        """One forecast of all rows; the parts must share kind, horizons, unit and grid."""
        first = parts[0].law
        scale = np.concatenate([part.scale for part in parts])
        law: Distribution
        if isinstance(first, Buckets):
            masses = [part.law.probabilities for part in parts if isinstance(part.law, Buckets)]
            law = Buckets(first.edges, np.concatenate(masses), first.lattice)
        else:
            values = [part.law.values for part in parts if isinstance(part.law, Quantiles)]
            law = Quantiles(first.arrays()["levels"], np.concatenate(values))
        return Forecast(parts[0].horizons, law, scale, parts[0].unit)
