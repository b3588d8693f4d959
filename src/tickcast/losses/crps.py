"""Continuous ranked probability score of bucket laws, in closed form.

Gneiting, Raftery (2007), "Strictly proper scoring rules, prediction, and estimation".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tickcast.heads.base import Head
from tickcast.losses.base import average, buckets_of

__all__ = ["BucketCrps", "bucket_crps"]


@dataclass(frozen=True)
class BucketCrps:
    """The integral over z of (F(z) - 1{z >= outcome})^2. `weights` (h,) over horizons, None for equal ones."""

    weights: tuple[float, ...] | None = None
    output: ClassVar[str] = "buckets"

    def __call__(self, head: Head, raw: Tensor, z: Tensor) -> Tensor:
        """Scalar in units of z; raw (..., h, b), z (..., h)."""
        buckets = buckets_of(head)
        each = bucket_crps(buckets.edges.to(raw.dtype), torch.softmax(raw, dim=-1), z, lattice=buckets.options.grid.lattice)
        return average(each, z, self.weights)


def bucket_crps(edges: Tensor, probabilities: Tensor, z: Tensor, *, lattice: bool) -> Tensor:
    """(..., h) CRPS of each law; NaN outcomes give zero.

    edges (h, b + 1), probabilities (..., h, b), z (..., h). On a lattice mass sits on the centres. Otherwise it is even inside each bucket,
    the outer ones included: their open tails are cut at the outer edge here, and an outcome beyond it is measured from the edge onward.
    """
    z = torch.nan_to_num(z)[..., None]
    below = torch.cumsum(probabilities, dim=-1)
    if lattice:
        centres = (edges[:, 1:] + edges[:, :-1]) / 2
        step = torch.diff(centres, dim=-1)
        before = ((z - centres[:, :-1]) / step).clamp(0, 1)  # the share of each gap that lies below the outcome
        inside = (step * (below[..., :-1] ** 2 * before + (1 - below[..., :-1]) ** 2 * (1 - before))).sum(dim=-1)
        low, high = centres[:, :1], centres[:, -1:]
    else:
        width = torch.diff(edges, dim=-1)
        start, share = below - probabilities, ((z - edges[:, :-1]) / width).clamp(0, 1)
        at = start + probabilities * share
        left = share * (start * start + start * at + at * at) / 3
        right = (1 - share) * ((1 - at) ** 2 + (1 - at) * (1 - below) + (1 - below) ** 2) / 3
        inside = (width * (left + right)).sum(dim=-1)
        low, high = edges[:, :1], edges[:, -1:]
    beyond = (low - z).clamp(min=0) + (z - high).clamp(min=0)
    return inside + beyond[..., 0]
