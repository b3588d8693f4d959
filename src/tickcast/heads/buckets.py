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


@dataclass(frozen=True)
class BucketOptions:
    """A bucket head.

    Parameters
    ----------
    grid: where the edges lie.
    rank: polynomials by which an embedding tilts the training law, 0 to move every logit on its own. Few polynomials make smooth laws that
        learn from few rows: p(z | x) is proportional to p0(z) exp(sum_r theta_r(x) L_r(2 F0(z) - 1)) with Legendre polynomials L_r of the
        training law's cdf F0 (Neyman, 1937, "Smooth test for goodness of fit").
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
        basis = torch.zeros(horizons, options.rank, size) if options.rank else None
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
            rank_of = np.cumsum(mass, axis=1) - mass / 2
            degrees = np.arange(1, self.options.rank + 1)
            polynomials = legvander(2 * rank_of - 1, self.options.rank)[..., 1:] * np.sqrt(2 * degrees + 1)
            self.basis.copy_(torch.from_numpy(polynomials.transpose(0, 2, 1).copy()))

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
