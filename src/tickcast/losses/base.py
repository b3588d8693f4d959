"""What a loss is: one number from a head's raw output and the outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from tickcast.errors import ConfigError
from tickcast.heads.base import Head
from tickcast.heads.buckets import BucketHead
from tickcast.heads.quantiles import QuantileHead

__all__ = ["Loss", "average", "buckets_of", "quantiles_of"]


class Loss(Protocol):
    """A frozen dataclass of plain values; called with a head, its raw output and the outcomes."""

    @property
    def output(self) -> str:
        """Kind of head it is for."""

    def __call__(self, head: Head, raw: Tensor, z: Tensor) -> Tensor:
        """Scalar; raw (..., h, size), z (..., h) with NaN where there is no label."""


def average(each: Tensor, z: Tensor, weights: Sequence[float] | None) -> Tensor:
    """Weighted mean over horizons of the mean over labelled rows.

    each (..., h) losses, z (..., h) with NaN where there is no label, weights (h,) or None for equal ones. A horizon without a label in the
    batch counts zero; a missing label never reaches a gradient. Raises ConfigError when the weights do not fit the horizons.
    """
    horizons = z.shape[-1]
    if weights is not None and len(weights) != horizons:
        raise ConfigError(f"{len(weights)} weights do not fit {horizons} horizons", field="weights")
    known = torch.isfinite(z).reshape(-1, horizons)
    losses = torch.where(known, each.reshape(-1, horizons), torch.zeros((), dtype=each.dtype, device=each.device))
    per_horizon = losses.sum(dim=0) / known.sum(dim=0).clamp(min=1)
    share = torch.ones(horizons) if weights is None else torch.tensor(weights, dtype=torch.float32)
    return (per_horizon * (share / share.sum()).to(per_horizon)).sum()


def buckets_of(head: Head) -> BucketHead:
    """The head, known to be a bucket head. Raises ConfigError for another."""
    if not isinstance(head, BucketHead):
        raise ConfigError(f"this loss needs a bucket head, not {head.output}", hint="use pinball for quantiles")
    return head


def quantiles_of(head: Head) -> QuantileHead:
    """The head, known to be a quantile head. Raises ConfigError for another."""
    if not isinstance(head, QuantileHead):
        raise ConfigError(f"this loss needs a quantile head, not {head.output}", hint="use a bucket loss for buckets")
    return head
