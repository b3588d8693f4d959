"""Bucket probabilities by softmax."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from pydantic import ConfigDict
from torch import Tensor

from tickcast.distributions import Buckets
from tickcast.heads.base import Head
from tickcast.heads.grids import LatticeGrid, SigmaGrid

__all__ = ["BucketHead", "BucketOptions"]

_LATTICE_TILTS = 5


@dataclass(frozen=True)
class BucketOptions:
    """A bucket head.

    Parameters
    ----------
    grid: where the edges lie.
    rank: polynomials by which an embedding tilts the training law, 0 to move every logit on its own. Few polynomials make smooth laws that
        learn from few rows: p(z | x) is proportional to p0(z) exp(sum_r theta_r(x) L_r(2 F0(z) - 1)) with Legendre polynomials L_r of the
        training law's cdf F0 (Neyman, 1937, "Smooth test for goodness of fit"). On a lattice the tilts are sizes and signs of the move,
        five at most.
    prior: observations that an even law over the buckets is worth when the training law is counted; keeps every bucket possible.
    """

    grid: SigmaGrid | LatticeGrid = field(default_factory=SigmaGrid)
    rank: int = 12
    prior: float = 1.0
    output: ClassVar[str] = "buckets"
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def build(self, width: int, horizons: int) -> BucketHead:
        """A head whose grid is still to be set by `start` or by loading weights."""
        return BucketHead(width, horizons, self)


class BucketHead(Head):
    """Softmax over the buckets of a grid per horizon."""

    output: ClassVar[str] = "buckets"
    edges: Tensor

    def __init__(self, width: int, horizons: int, options: BucketOptions) -> None:
        size = options.grid.buckets
        directions = min(options.rank, _LATTICE_TILTS) if options.grid.lattice else options.rank
        basis = torch.zeros(horizons, directions, size) if directions else None
        super().__init__(width, horizons, size, basis)
        self.options = options
        self.register_buffer("edges", torch.zeros(horizons, size + 1, dtype=torch.float64))

    def start(self, z: NDArray[np.float64]) -> None:
        edges = self.options.grid.edges(z)
        mass = np.empty((self.horizons, self.size))
        for j in range(self.horizons):
            outcome = z[np.isfinite(z[:, j]), j]
            where = np.searchsorted(edges[j, 1:-1], outcome, side="right")
            counts = np.bincount(where, minlength=self.size) + self.options.prior / self.size
            mass[j] = counts / counts.sum()
        self.edges.copy_(torch.from_numpy(edges))
        with torch.no_grad():
            self.bias.copy_(torch.from_numpy(np.log(mass)))
        if self.basis is not None:
            tilts = _lattice_tilts(edges, mass) if self.options.grid.lattice else _legendre_tilts(mass, self.options.rank)
            self.basis.copy_(torch.from_numpy(np.ascontiguousarray(tilts[:, : self.basis.shape[1]])))

    def bucket(self, z: Tensor) -> Tensor:
        """(..., h) int64 bucket of each outcome z (..., h); any bucket where z is NaN."""
        inner = self.edges[:, 1:-1]
        columns = [torch.bucketize(z[..., j].contiguous().to(inner.dtype), inner[j].contiguous(), right=True) for j in range(self.horizons)]
        return torch.stack(columns, dim=-1)

    def domain(self, raw: Tensor) -> Tensor:
        return torch.softmax(raw, dim=-1)

    def law(self) -> dict[str, Any]:
        return {"kind": "buckets", "edges": self.edges.tolist(), "lattice": self.options.grid.lattice}

    def distribution(self, output: NDArray[np.float64]) -> Buckets:
        return Buckets(self.edges.cpu().numpy(), output / output.sum(axis=-1, keepdims=True), self.options.grid.lattice)


def _legendre_tilts(mass: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """(h, rank, size) polynomials of the training law's cdf, orthonormal under it."""
    rank_of = np.cumsum(mass, axis=1) - mass / 2
    degrees = np.arange(1, rank + 1)
    polynomials = np.asarray(legvander(2 * rank_of - 1, rank), np.float64)[..., 1:] * np.sqrt(2 * degrees + 1)
    return np.moveaxis(polynomials, 2, 1)


def _lattice_tilts(edges: NDArray[np.float64], mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """(h, 5, size) sizes and signs of the move: |u|, u, log(1 + |u|), sign(u) log(1 + |u|), u = 0; u in training standard deviations.

    A cdf with most of its mass on one tick is flat beyond it, so polynomials of it could never tell one tick from five: a market that
    wakes up would stay out of reach.
    """
    centres = (edges[:, 1:] + edges[:, :-1]) / 2
    spread = np.sqrt((mass * centres**2).sum(axis=1, keepdims=True))
    u = centres / np.maximum(spread, 0.5)
    size = np.log1p(np.abs(u))
    return np.stack([np.abs(u), u, size, np.sign(u) * size, (np.abs(centres) < 0.5).astype(np.float64)], axis=1)
