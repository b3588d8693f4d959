"""What a distribution is: `n` rows by `h` horizons of one-dimensional laws over a unitless variable z."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Distribution", "Floats"]

Floats = NDArray[np.float64]


class Distribution(ABC):
    """`n x h` laws of one kind over z, immutable. `Forecast` maps z to log-returns by its scale.

    `z` arguments have shape (n, h, m), results too; `levels` has shape (m,) with values strictly between 0 and 1.
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(n, h)."""

    @abstractmethod
    def cdf(self, z: Floats) -> Floats:
        """P(Z <= z)."""

    @abstractmethod
    def cdf_left(self, z: Floats) -> Floats:
        """P(Z < z); differs from `cdf` at atoms only."""

    @abstractmethod
    def pdf(self, z: Floats) -> Floats:
        """Density at z; infinite at an atom."""

    @abstractmethod
    def quantile(self, levels: Floats) -> Floats:
        """Smallest z with P(Z <= z) >= level, shape (n, h, m)."""

    @abstractmethod
    def mean(self) -> Floats:
        """E[Z], shape (n, h)."""

    @abstractmethod
    def variance(self) -> Floats:
        """Var[Z], shape (n, h)."""

    @abstractmethod
    def entropy(self) -> Floats:
        """Differential entropy in nats (Shannon entropy for atoms), shape (n, h)."""

    @abstractmethod
    def take(self, rows: NDArray[np.int64] | slice) -> Self:
        """The laws of these rows."""

    @abstractmethod
    def arrays(self) -> dict[str, Floats]:
        """The parameters by name, as `parse` of `tickcast.distributions` reads them."""
