"""Quantiles that cannot cross."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from pydantic import ConfigDict
from torch import Tensor

from tickcast.distributions import Quantiles
from tickcast.errors import ConfigError, ModelError
from tickcast.heads.base import Head

__all__ = ["QuantileHead", "QuantileOptions"]

_LEVELS = tuple(round(0.025 * i, 3) for i in range(1, 40))


@dataclass(frozen=True)
class QuantileOptions:
    """A quantile head.

    Parameters
    ----------
    levels: increasing, strictly between 0 and 1.
    rank: polynomials of the level by which an embedding moves the increments, 0 to move each on its own.
    least: smallest increment, in standard deviations of z, that
        the training law may start with; atoms have increments of zero, which no gradient leaves.
    """

    levels: tuple[float, ...] = _LEVELS
    rank: int = 8
    least: float = 1e-3
    output: ClassVar[str] = "quantiles"
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        levels = np.asarray(self.levels)
        if len(levels) < 3 or not (np.diff(levels) > 0).all() or levels[0] <= 0 or levels[-1] >= 1:
            raise ConfigError("quantile levels must be at least three and increase strictly between 0 and 1", field="levels")

    def build(self, width: int, horizons: int) -> QuantileHead:
        """A head whose starting law is still to be set by `start` or by loading weights."""
        return QuantileHead(width, horizons, self)


class QuantileHead(Head):
    """The first quantile is the base, softplus increments are added to it.

    Increments are in units of the training law's own: value_i = value_{i-1} + w_i softplus(raw_i) with w_i the training increment, so one
    raw number means the same in the centre and in the tail.
    """

    output: ClassVar[str] = "quantiles"
    increments: Tensor

    def __init__(self, width: int, horizons: int, options: QuantileOptions) -> None:
        size = len(options.levels)
        super().__init__(width, horizons, size, _directions(options) if options.rank else None)
        if self.basis is not None:
            self.basis = self.basis.expand(horizons, -1, -1).contiguous()
        self.options = options
        self.register_buffer("increments", torch.ones(horizons, size))

    def start(self, z: NDArray[np.float64]) -> None:
        values = np.nanquantile(z, self.options.levels, axis=0).T
        spread = np.sqrt(np.nanmean(z * z, axis=0))[:, None]
        if not (spread > 0).all():
            raise ModelError("all training outcomes of a horizon are zero or absent", hint="drop the horizon")
        steps = np.maximum(np.diff(values, axis=1), self.options.least * spread)
        base = np.maximum(np.abs(values[:, :1]), self.options.least * spread)
        self.increments.copy_(torch.from_numpy(np.concatenate([base, steps], axis=1)))
        with torch.no_grad():
            self.bias.fill_(float(np.log(np.expm1(1.0))))  # softplus of it is one: each increment starts as the training law's
            self.bias[:, 0] = torch.from_numpy(values[:, 0] / base[:, 0])

    def domain(self, raw: Tensor) -> Tensor:
        moved = torch.cat([raw[..., :1], torch.nn.functional.softplus(raw[..., 1:])], dim=-1)
        return torch.cumsum(moved * self.increments, dim=-1)

    def law(self) -> dict[str, Any]:
        return {"kind": "quantiles", "levels": list(self.options.levels)}

    def distribution(self, output: NDArray[np.float64]) -> Quantiles:
        # A sum of positive float32 steps may still fall by the last bit.
        return Quantiles(np.asarray(self.options.levels), np.maximum.accumulate(output, axis=-1))


def _directions(options: QuantileOptions) -> Tensor:
    """(1, 1 + rank, size): the base on its own, then Legendre polynomials of the level for the increments."""
    levels = np.asarray(options.levels)
    middles = (levels[1:] + levels[:-1]) / 2
    degrees = np.arange(options.rank)
    basis = np.zeros((1, 1 + options.rank, len(levels)))
    basis[0, 0, 0] = 1.0
    basis[0, 1:, 1:] = (legvander(2 * middles - 1, options.rank - 1) * np.sqrt(2 * degrees + 1)).T
    return torch.from_numpy(basis).float()
