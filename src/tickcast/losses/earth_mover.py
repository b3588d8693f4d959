"""Earth mover's distance between bucket probabilities and the outcome, in cumulative form.

Hou, Yu, Samaras (2016), "Squared earth mover's distance-based loss for training deep neural networks", arXiv:1611.05916.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tickcast.errors import ConfigError
from tickcast.heads.base import Head
from tickcast.losses.base import average, buckets_of

__all__ = ["EarthMover"]


@dataclass(frozen=True)
class EarthMover:
    """sum_k d_k |F_k - 1{k >= k*}|^power with F the cumulative probabilities, k* the outcome's bucket and d_k the distance of two centres.

    Parameters
    ----------
    power: 1 for the distance itself, 2 for the squared form (a discrete CRPS, hence proper; the first power rewards the median only).
    even: True takes d_k = 1, the distance in buckets, instead of the distance in units of z.
    weights: (h,) over horizons, None for equal ones.
    """

    power: int = 2
    even: bool = False
    weights: tuple[float, ...] | None = None
    output: ClassVar[str] = "buckets"

    def __post_init__(self) -> None:
        if self.power not in (1, 2):
            raise ConfigError(f"the earth mover's distance has no power {self.power}", field="power", hint="use 1 or 2")

    def __call__(self, head: Head, raw: Tensor, z: Tensor) -> Tensor:
        """Scalar in units of z (or buckets); raw (..., h, b), z (..., h)."""
        buckets = buckets_of(head)
        below = torch.cumsum(torch.softmax(raw, dim=-1), dim=-1)[..., :-1]
        order = torch.arange(raw.shape[-1] - 1, device=raw.device)
        gap = below - (order >= buckets.bucket(z)[..., None]).to(below.dtype)
        moved = gap.abs() if self.power == 1 else gap * gap
        if self.even:
            return average(moved.sum(dim=-1), z, self.weights)
        centres = (buckets.edges[:, 1:] + buckets.edges[:, :-1]) / 2
        return average((moved * torch.diff(centres, dim=-1).to(moved.dtype)).sum(dim=-1), z, self.weights)
