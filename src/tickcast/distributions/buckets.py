"""Probabilities of intervals: a histogram law, or atoms on a lattice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.distributions.base import Distribution, Floats, frozen, row_blocks
from tickcast.errors import ForecastError

__all__ = ["Buckets"]

_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, eq=False)
class Buckets(Distribution):
    """Mass per bucket.

    Parameters
    ----------
    edges: (h, b + 1), increasing in each row.
    probabilities: (n, h, b), non-negative, sums to one over the buckets.
    lattice: False spreads each inner bucket's mass evenly; the two outer buckets are open: their mass decays exponentially outward from
        the inner edge, with the bucket's width as its mean distance. True puts each bucket's mass on its centre (a price lattice whose
        edges lie at half ticks).

    Raises ForecastError on a wrong shape, a negative or not finite probability, or a sum that is not one within 1e-6.
    """

    edges: Floats
    probabilities: Floats
    lattice: bool = False
    kind: ClassVar[str] = "buckets"

    def __post_init__(self) -> None:
        edges, mass = np.asarray(self.edges, np.float64), np.asarray(self.probabilities, np.float64)
        if mass.ndim != 3 or edges.shape != (mass.shape[1], mass.shape[2] + 1) or mass.shape[2] < 3:
            raise ForecastError(
                f"edges {edges.shape} do not fit probabilities {mass.shape}", hint="give (h, b + 1) edges, (n, h, b), b >= 3"
            )
        if not np.isfinite(edges).all() or not (np.diff(edges, axis=1) > 0).all():
            raise ForecastError("bucket edges do not increase or are not finite")
        total = mass.sum(axis=2)
        if not (mass >= 0).all() or not (np.abs(total - 1) < 1e-6).all():
            raise ForecastError("bucket probabilities are negative, not finite, or do not sum to one")
        if (np.abs(total - 1) > 1e-12).any():  # what is normalised stays as it is, so taking rows changes no bit
            mass = mass / total[:, :, None]
        object.__setattr__(self, "edges", frozen(edges))
        object.__setattr__(self, "probabilities", frozen(mass))

    @property
    def shape(self) -> tuple[int, int]:
        """(n, h)."""
        return self.probabilities.shape[0], self.probabilities.shape[1]

    @property
    def centres(self) -> Floats:
        """(h, b) middle of each bucket."""
        middles: Floats = (self.edges[:, 1:] + self.edges[:, :-1]) / 2
        return middles

    @property
    def widths(self) -> Floats:
        """(h, b) width of each bucket."""
        return np.diff(self.edges, axis=1)

    def _cumulative(self, rows: slice, horizon: int) -> Floats:
        """(rows, b + 1) mass below each edge."""
        mass = self.probabilities[rows, horizon]
        below = np.zeros((len(mass), mass.shape[1] + 1))
        np.cumsum(mass, axis=1, out=below[:, 1:])
        below[:, -1] = 1.0
        return np.minimum(below, 1.0)

    def _lattice_cdf(self, z: Floats, *, right: bool) -> Floats:
        out = np.empty(z.shape)
        for j, centres in enumerate(self.centres):
            slack = 1e-9 * np.abs(centres).max()  # z = return / scale is off its atom by rounding
            count = np.searchsorted(centres, z[:, j] + (slack if right else -slack), side="right")
            for rows in row_blocks(len(z), centres.size + z.shape[2]):
                out[rows, j] = np.take_along_axis(self._cumulative(rows, j), count[rows], axis=1)
        return out

    def cdf(self, z: Floats) -> Floats:
        """P(Z <= z), (n, h, m)."""
        if self.lattice:
            return self._lattice_cdf(z, right=True)
        out = np.empty(z.shape)
        for j, edges in enumerate(self.edges):
            widths = np.diff(edges)
            for rows in row_blocks(len(z), len(edges) + z.shape[2]):
                at, below, mass = z[rows, j], self._cumulative(rows, j), self.probabilities[rows, j]
                k = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(widths) - 1)
                inside = np.take_along_axis(below, k, axis=1) + np.take_along_axis(mass, k, axis=1) * ((at - edges[k]) / widths[k])
                left = mass[:, :1] * np.exp(np.minimum(at - edges[1], 0.0) / widths[0])
                right = 1.0 - mass[:, -1:] * np.exp(-np.maximum(at - edges[-2], 0.0) / widths[-1])
                out[rows, j] = np.where(at < edges[1], left, np.where(at >= edges[-2], right, inside))
        return np.clip(out, 0.0, 1.0, out=out)

    def cdf_left(self, z: Floats) -> Floats:
        """P(Z < z), (n, h, m)."""
        return self._lattice_cdf(z, right=False) if self.lattice else self.cdf(z)

    def pdf(self, z: Floats) -> Floats:
        """Density at z, infinite at an atom, (n, h, m)."""
        if self.lattice:
            return np.where(self.cdf(z) > self.cdf_left(z), np.inf, 0.0)
        out = np.empty(z.shape)
        for j, edges in enumerate(self.edges):
            at, mass, widths = z[:, j], self.probabilities[:, j], np.diff(edges)
            k = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(widths) - 1)
            inside = np.take_along_axis(mass, k, axis=1) / widths[k]
            left = mass[:, :1] / widths[0] * np.exp(np.minimum(at - edges[1], 0.0) / widths[0])
            right = mass[:, -1:] / widths[-1] * np.exp(-np.maximum(at - edges[-2], 0.0) / widths[-1])
            out[:, j] = np.where(at < edges[1], left, np.where(at >= edges[-2], right, inside))
        return out

    def quantile(self, levels: Floats) -> Floats:
        """Smallest z with P(Z <= z) >= level, (n, h, m)."""
        n, h = self.shape
        wanted = np.broadcast_to(levels, (n, h, levels.shape[-1]))
        out = np.empty(wanted.shape)
        for j in range(h):
            for rows in row_blocks(n, self.edges.shape[1] + wanted.shape[2]):
                out[rows, j] = self._inverse(wanted[rows, j], rows, j)
        return out

    def _inverse(self, level: Floats, rows: slice, horizon: int) -> Floats:
        """(rows, m) smallest z of one horizon with cdf >= level (rows, m)."""
        edges, below, mass = self.edges[horizon], self._cumulative(rows, horizon), self.probabilities[rows, horizon]
        last = mass.shape[1] - 1
        k = np.zeros(level.shape, np.int64)
        for column in below[:, 1:-1].T:  # one pass per edge over all levels: exact, and cheaper than a search per row
            k += column[:, None] < level
        if self.lattice:
            atoms: Floats = self.centres[horizon][k]
            return atoms
        widths = np.diff(edges)
        held = np.maximum(np.take_along_axis(mass, k, axis=1), _TINY)
        z = edges[k] + widths[k] * np.clip((level - np.take_along_axis(below, k, axis=1)) / held, 0.0, 1.0)
        with np.errstate(over="ignore"):  # an empty outer bucket is never the answer; its quotient may overflow
            left = edges[1] + widths[0] * np.log(np.minimum(level / held, 1.0))
            right = edges[-2] - widths[-1] * np.log(np.minimum((1.0 - level) / held, 1.0))
        out: Floats = np.where(k == 0, left, np.where(k == last, right, z))
        return out

    def _means(self) -> Floats:
        """(h, b) mean of z inside each bucket."""
        means: Floats = self.centres.copy()
        if not self.lattice:
            means[:, 0] = self.edges[:, 1] - self.widths[:, 0]
            means[:, -1] = self.edges[:, -2] + self.widths[:, -1]
        return means

    def mean(self) -> Floats:
        """E[Z], (n, h)."""
        return np.asarray(np.einsum("nhb,hb->nh", self.probabilities, self._means()))

    def variance(self) -> Floats:
        """Var[Z], (n, h)."""
        within = np.zeros_like(self.widths)
        if not self.lattice:
            within = self.widths**2 / 12
            within[:, 0], within[:, -1] = self.widths[:, 0] ** 2, self.widths[:, -1] ** 2
        second = np.einsum("nhb,hb->nh", self.probabilities, self._means() ** 2 + within)
        out: Floats = np.maximum(second - self.mean() ** 2, 0.0)
        return out

    def entropy(self) -> Floats:
        """Nats, (n, h)."""
        shannon = np.empty(self.shape)
        for rows in row_blocks(len(shannon), self.shape[1] * self.edges.shape[1]):
            mass = self.probabilities[rows]
            shannon[rows] = -(mass * np.log(np.maximum(mass, _TINY))).sum(axis=2)
        if self.lattice:
            return shannon
        log_width = np.log(self.widths)
        log_width[:, [0, -1]] += 1.0  # the entropy of an exponential with mean w is 1 + ln w
        out: Floats = shannon + np.einsum("nhb,hb->nh", self.probabilities, log_width)
        return out

    def take(self, rows: NDArray[np.int64] | slice) -> Self:
        """The laws of these rows."""
        return type(self)(self.edges, self.probabilities[rows], self.lattice)

    def arrays(self) -> dict[str, Floats]:
        """The parameters by name."""
        return {"edges": self.edges, "probabilities": self.probabilities, "lattice": np.array(float(self.lattice))}
