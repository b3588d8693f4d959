"""What a head is: parameters per horizon, a domain map from raw numbers to a law, and the distribution that the law is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tickcast.distributions import Distribution

__all__ = ["Head", "HeadOptions"]


class Head(nn.Module, ABC):
    """Embedding → `size` raw numbers per horizon → law output.

    The raw numbers are `bias + tilt(embedding)`. `start` sets the bias to the law of the training outcomes and the tilt to zero, so an
    untrained head forecasts the climatology of z and training only learns what departs from it.

    Parameters
    ----------
    width: of the embedding.
    horizons: h.
    size: raw numbers per horizon.
    basis: (r, size) directions in which an embedding may move the raw numbers; None for all of them.
    """

    output: ClassVar[str]  # kind of the distribution
    basis: Tensor | None

    def __init__(self, width: int, horizons: int, size: int, basis: Tensor | None) -> None:
        super().__init__()
        self.horizons, self.size = horizons, size
        self.tilt = nn.Linear(width, horizons * (size if basis is None else basis.shape[-2]), bias=False)
        nn.init.zeros_(self.tilt.weight)
        self.bias = nn.Parameter(torch.zeros(horizons, size))
        self.register_buffer("basis", basis)

    def forward(self, embedding: Tensor) -> Tensor:
        """(..., width) → raw (..., h, size)."""
        weight: Tensor = self.tilt.weight
        if self.basis is not None:  # folded into one matrix: a single product per row, and nothing but it is served
            weight = torch.einsum("hrw,hrs->hsw", weight.reshape(self.horizons, -1, weight.shape[1]), self.basis).flatten(0, 1)
        raw = nn.functional.linear(embedding, weight, self.bias.flatten())
        return raw.reshape(*embedding.shape[:-1], self.horizons, self.size)

    @abstractmethod
    def start(self, z: NDArray[np.float64]) -> None:
        """Set grid, bias and basis from the outcomes of the training rows, z (m, h), NaN where there is no label."""

    @abstractmethod
    def domain(self, raw: Tensor) -> Tensor:
        """raw (..., h, size) → law output of the same shape: probabilities or quantile values."""

    @abstractmethod
    def law(self) -> dict[str, Any]:
        """The "law" entry of `model.json`."""

    @abstractmethod
    def distribution(self, output: NDArray[np.float64]) -> Distribution:
        """The laws of z that a law output (n, h, size) describes."""


class HeadOptions(Protocol):
    """What a configuration says about a head; a frozen dataclass of plain values."""

    @property
    def output(self) -> str:
        """Kind of the distribution."""

    def build(self, width: int, horizons: int) -> Head:
        """A head over embeddings of `width`, to be started on training outcomes or loaded with weights."""
