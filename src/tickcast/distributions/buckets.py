"""Probabilities of intervals: a histogram law, or atoms on a lattice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.distributions.base import Distribution, Floats
from tickcast.errors import ForecastError

__all__ = ["Buckets"]


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
        if not (np.diff(edges, axis=1) > 0).all():
            raise ForecastError("bucket edges do not increase")
        total = mass.sum(axis=2)
        if not (mass >= 0).all() or not (np.abs(total - 1) < 1e-6).all():
            raise ForecastError("bucket probabilities are negative, not finite, or do not sum to one")
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "probabilities", mass / total[:, :, None])

    @property
    def shape(self) -> tuple[int, int]:
        return self.probabilities.shape[0], self.probabilities.shape[1]

    @property
    def centres(self) -> Floats:
        """(h, b) middle of each bucket."""
        return (self.edges[:, 1:] + self.edges[:, :-1]) / 2

    @property
    def widths(self) -> Floats:
        """(h, b) width of each bucket."""
        return np.diff(self.edges, axis=1)

    def _cumulative(self, horizon: int) -> Floats:
        """(n, b + 1) mass below each edge."""
        mass = self.probabilities[:, horizon]
        below = np.zeros((len(mass), mass.shape[1] + 1))
        np.cumsum(mass, axis=1, out=below[:, 1:])
        below[:, -1] = 1.0
        return np.minimum(below, 1.0)

    def _lattice_cdf(self, z: Floats, *, side: str) -> Floats:
        out = np.empty_like(z)
        for j, centres in enumerate(self.centres):
            tolerance = 1e-9 * np.abs(centres).max()
            shifted = z[:, j] + (tolerance if side == "right" else -tolerance)
            out[:, j] = np.take_along_axis(self._cumulative(j), np.searchsorted(centres, shifted, side="right"), axis=1)
        return out

    def cdf(self, z: Floats) -> Floats:
        if self.lattice:
            return self._lattice_cdf(z, side="right")
        out = np.empty_like(z)
        for j, edges in enumerate(self.edges):
            at, below, mass, widths = z[:, j], self._cumulative(j), self.probabilities[:, j], np.diff(edges)
            k = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(widths) - 1)
            inside = np.take_along_axis(below, k, axis=1) + np.take_along_axis(mass, k, axis=1) * ((at - edges[k]) / widths[k])
            left = mass[:, :1] * np.exp(np.minimum(at - edges[1], 0.0) / widths[0])
            right = 1.0 - mass[:, -1:] * np.exp(-np.maximum(at - edges[-2], 0.0) / widths[-1])
            out[:, j] = np.where(at < edges[1], left, np.where(at >= edges[-2], right, inside))
        return np.clip(out, 0.0, 1.0)

    def cdf_left(self, z: Floats) -> Floats:
        return self._lattice_cdf(z, side="left") if self.lattice else self.cdf(z)

    def pdf(self, z: Floats) -> Floats:
        out = np.empty_like(z)
        for j, edges in enumerate(self.edges):
            at, mass, widths = z[:, j], self.probabilities[:, j], np.diff(edges)
            if self.lattice:
                on_atom = np.abs(at[..., None] - self.centres[j]).min(-1) <= 1e-9 * np.abs(self.centres[j]).max()
                out[:, j] = np.where(on_atom & (self.cdf(z)[:, j] > self.cdf_left(z)[:, j]), np.inf, 0.0)
                continue
            k = np.clip(np.searchsorted(edges, at, side="right") - 1, 0, len(widths) - 1)
            inside = np.take_along_axis(mass, k, axis=1) / widths[k]
            left = mass[:, :1] / widths[0] * np.exp(np.minimum(at - edges[1], 0.0) / widths[0])
            right = mass[:, -1:] / widths[-1] * np.exp(-np.maximum(at - edges[-2], 0.0) / widths[-1])
            out[:, j] = np.where(at < edges[1], left, np.where(at >= edges[-2], right, inside))
        return out

    def quantile(self, levels: Floats) -> Floats:
        n, h = self.shape
        out = np.empty((n, h, len(levels)))
        rows = np.arange(n)
        for j, edges in enumerate(self.edges):
            below, mass, widths, centres = self._cumulative(j), self.probabilities[:, j], np.diff(edges), self.centres[j]
            for m, level in enumerate(levels):
                k = np.minimum((below[:, 1:] < level).sum(axis=1), len(widths) - 1)
                if self.lattice:
                    out[:, j, m] = centres[k]
                    continue
                held = np.maximum(mass[rows, k], np.finfo(float).tiny)
                z = edges[k] + widths[k] * np.clip((level - below[rows, k]) / held, 0.0, 1.0)
                first, last = k == 0, k == len(widths) - 1
                z[first] = edges[1] + widths[0] * np.log(level / held[first])
                z[last] = edges[-2] - widths[-1] * np.log(np.minimum((1.0 - level) / held[last], 1.0))
                out[:, j, m] = z
        return out

    def _means(self) -> Floats:
        """(h, b) mean of z inside each bucket."""
        means = self.centres.copy()
        if not self.lattice:
            means[:, 0] = self.edges[:, 1] - self.widths[:, 0]
            means[:, -1] = self.edges[:, -2] + self.widths[:, -1]
        return means

    def mean(self) -> Floats:
        return np.einsum("nhb,hb->nh", self.probabilities, self._means())

    def variance(self) -> Floats:
        within = np.zeros_like(self.widths)
        if not self.lattice:
            within = self.widths**2 / 12
            within[:, 0], within[:, -1] = self.widths[:, 0] ** 2, self.widths[:, -1] ** 2
        second = np.einsum("nhb,hb->nh", self.probabilities, self._means() ** 2 + within)
        return np.maximum(second - self.mean() ** 2, 0.0)

    def entropy(self) -> Floats:
        mass = np.maximum(self.probabilities, np.finfo(float).tiny)
        shannon = -(self.probabilities * np.log(mass)).sum(axis=2)
        if self.lattice:
            return shannon
        log_width = np.log(self.widths)
        log_width[:, [0, -1]] += 1.0  # the entropy of an exponential with mean w is 1 + ln w
        return shannon + np.einsum("nhb,hb->nh", self.probabilities, log_width)

    def take(self, rows: NDArray[np.int64] | slice) -> Self:
        return type(self)(self.edges, self.probabilities[rows], self.lattice)

    def arrays(self) -> dict[str, Floats]:
        return {"edges": self.edges, "probabilities": self.probabilities, "lattice": np.array(float(self.lattice))}
