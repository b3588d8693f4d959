"""Cross-entropy over buckets: the log score, hard or with the label spread over neighbouring buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tickcast.errors import ConfigError
from tickcast.heads.base import Head
from tickcast.losses.base import average, buckets_of

__all__ = ["CrossEntropy", "SoftCrossEntropy"]


@dataclass(frozen=True)
class CrossEntropy:
    """-log p of the bucket that the outcome fell into. `weights` (h,) over horizons, None for equal ones."""

    weights: tuple[float, ...] | None = None
    output: ClassVar[str] = "buckets"

    def __call__(self, head: Head, raw: Tensor, z: Tensor) -> Tensor:
        """Scalar in nats; raw (..., h, b), z (..., h)."""
        bucket = buckets_of(head).bucket(z)
        chosen = raw.gather(-1, bucket[..., None])[..., 0]
        return average(torch.logsumexp(raw, dim=-1) - chosen, z, self.weights)


@dataclass(frozen=True)
class SoftCrossEntropy:
    """Cross-entropy against a label spread over neighbouring buckets.

    q_k is proportional to exp(-(k - k*)^2 / (2 width^2)), |k - k*| <= 3 width.

    Buckets are ordered, so a near miss should cost less than a far one.

    Parameters
    ----------
    width: standard deviation of the spread, in buckets.
    weights: (h,) over horizons, None for equal ones.
    """

    width: float = 1.0
    weights: tuple[float, ...] | None = None
    output: ClassVar[str] = "buckets"

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise ConfigError(
                f"a label cannot be spread over {self.width} buckets", field="width", hint="use cross_entropy for hard labels"
            )

    def __call__(self, head: Head, raw: Tensor, z: Tensor) -> Tensor:
        """Scalar in nats; raw (..., h, b), z (..., h)."""
        bucket, size = buckets_of(head).bucket(z), raw.shape[-1]
        reach = max(1, round(3 * self.width))
        offsets = torch.arange(-reach, reach + 1, device=raw.device)
        near = bucket[..., None] + offsets
        share = torch.exp(-0.5 * (offsets / self.width) ** 2) * ((near >= 0) & (near < size))
        share = share / share.sum(dim=-1, keepdim=True)
        spread = (raw.gather(-1, near.clamp(0, size - 1)) * share).sum(dim=-1)
        return average(torch.logsumexp(raw, dim=-1) - spread, z, self.weights)
