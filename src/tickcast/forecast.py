"""Forecast: the hinge. Every model returns one, every calibrator maps one to another, every metric and policy reads one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickcast.distributions import Buckets, Distribution, Floats, Quantiles
from tickcast.distributions.base import frozen, row_blocks
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
        object.__setattr__(self, "scale", frozen(scale))
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

    def around(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """P(R < x) and P(R <= x), shapes as `cdf`; they differ where x is an atom.

        On a lattice x counts as the atom of the bucket it falls into: a log-return of k ticks is not k times a return of one tick.
        """
        law = self.law
        if not (isinstance(law, Buckets) and law.lattice):
            return self.cdf_left(x), self.cdf(x)
        z, flat = self._z(x)
        for j, edges in enumerate(law.edges):
            z[:, j] = law.centres[j][np.clip(np.searchsorted(edges, z[:, j], side="right") - 1, 0, len(edges) - 2)]
        lower, upper = law.cdf_left(z), law.cdf(z)
        return (lower[..., 0], upper[..., 0]) if flat else (lower, upper)

    def pdf(self, x: ArrayLike) -> Floats:
        """Density per unit of log-return, shapes as `cdf`."""
        z, flat = self._z(x)
        out = self.law.pdf(z) / self.scale[..., None]
        return out[..., 0] if flat else out

    def quantile(self, levels: ArrayLike) -> Floats:
        """(n, h, m) log-returns at `levels` (m,): the smallest r with P(R <= r) >= level."""
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
        return self.law.entropy() + (np.zeros_like(self.scale) if lattice else np.log(self.scale))

    def prob_above(self, x: ArrayLike) -> Floats:
        """P(R > x), shapes as `cdf`."""
        return 1.0 - self.cdf(x)

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """(n, h, size) independent draws by exact inversion of uniforms from `rng`.

        Each horizon is drawn from its own law; a forecast says nothing about how horizons move together, so neither do the draws.
        """
        n, h = self.scale.shape
        out = np.empty((n, h, size))
        for rows in row_blocks(n, h * size):
            uniforms = 1.0 - rng.random((rows.stop - rows.start, h, size))  # (0, 1]; the one that is 1 has no quantile
            uniforms = np.clip(uniforms, np.finfo(float).tiny, 1.0 - 2.0**-53)
            out[rows] = self.law.take(rows).quantile(uniforms) * self.scale[rows, :, None]
        return out

    def to_quantiles(self, levels: ArrayLike) -> Forecast:
        """The same forecast held as quantiles at `levels` (m,), in the same unit."""
        wanted = np.atleast_1d(np.asarray(levels, np.float64))
        values = np.maximum.accumulate(self.law.quantile(wanted), axis=2)
        return Forecast(self.horizons, Quantiles(wanted, values), self.scale, self.unit)

    def to_buckets(self, edges: ArrayLike, *, lattice: bool = False) -> Forecast:
        """The same forecast held as bucket masses between `edges` (h, b + 1), given in units of z; the outer buckets take the tails."""
        grid = np.asarray(edges, np.float64)
        if grid.ndim != 2 or len(grid) != len(self.horizons):
            raise ForecastError(f"edges {grid.shape} do not fit {len(self.horizons)} horizons", hint="give one row of edges per horizon")
        mass = np.empty((len(self), len(grid), grid.shape[1] - 1))
        for rows in row_blocks(len(self), grid.size):
            part = self.law.take(rows)
            inner = np.broadcast_to(grid[:, 1:-1], (part.shape[0], len(grid), grid.shape[1] - 2))
            below = np.maximum.accumulate(part.cdf(np.ascontiguousarray(inner)), axis=2)
            mass[rows] = np.diff(below, axis=2, prepend=0.0, append=1.0)
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
        if not parts:
            raise ForecastError("no forecasts to concatenate")
        head, first = parts[0], parts[0].law
        if any((part.kind, part.horizons, part.unit) != (head.kind, head.horizons, head.unit) for part in parts):
            raise ForecastError("forecasts of different kind, horizons or unit cannot be concatenated")
        grids = [part.law.arrays()["edges" if isinstance(first, Buckets) else "levels"] for part in parts]
        if any(grid.shape != grids[0].shape or (grid != grids[0]).any() for grid in grids):
            raise ForecastError(
                "forecasts on different grids cannot be concatenated", hint="bring them to one with to_buckets or to_quantiles"
            )
        scale = np.concatenate([part.scale for part in parts])
        law: Distribution
        if isinstance(first, Buckets):
            masses = [part.law.probabilities for part in parts if isinstance(part.law, Buckets)]
            law = Buckets(first.edges, np.concatenate(masses), first.lattice)
        else:
            values = [part.law.values for part in parts if isinstance(part.law, Quantiles)]
            law = Quantiles(first.arrays()["levels"], np.concatenate(values))
        return Forecast(head.horizons, law, scale, head.unit)
