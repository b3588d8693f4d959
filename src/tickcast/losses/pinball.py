"""Pinball loss of quantiles.

Koenker, Bassett (1978), "Regression quantiles".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tickcast.heads.base import Head
from tickcast.losses.base import average, quantiles_of

__all__ = ["Pinball", "pinball"]


@dataclass(frozen=True)
class Pinball:
    """Twice the mean over levels t of max(t e, (t - 1) e), e = outcome - value: a CRPS in the limit. `weights` (h,) over horizons."""

    weights: tuple[float, ...] | None = None
    output: ClassVar[str] = "quantiles"

    def __call__(self, head: Head, raw: Tensor, z: Tensor) -> Tensor:
        """Scalar in units of z; raw (..., h, q), z (..., h)."""
        quantiles = quantiles_of(head)
        levels = torch.tensor(quantiles.options.levels, dtype=raw.dtype, device=raw.device)
        return average(pinball(levels, quantiles.domain(raw), z), z, self.weights)


def pinball(levels: Tensor, values: Tensor, z: Tensor) -> Tensor:
    """(..., h) twice the mean pinball loss over levels (q,) of values (..., h, q); NaN outcomes count as zero outcomes."""
    error = torch.nan_to_num(z)[..., None] - values
    return 2 * torch.maximum(levels * error, (levels - 1) * error).mean(dim=-1)
