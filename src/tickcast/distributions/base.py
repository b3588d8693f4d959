"""What a distribution is: `n` rows by `h` horizons of one-dimensional laws over a unitless variable z."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Distribution", "Floats", "frozen", "row_blocks"]

Floats = NDArray[np.float64]
_BLOCK = 200_000  # numbers worked on at once: a few arrays of this length fit in a core's cache


def frozen(values: object) -> Floats:
    """`values` as a float64 array that cannot be written to; the caller's own array stays writable."""
    out = np.asarray(values, np.float64).view()
    out.flags.writeable = False
    return out


def row_blocks(rows: int, width: int) -> Iterator[slice]:
    """Slices that cover `rows` rows of `width` numbers each, block by block, so that memory stays bounded.

    >>> [(part.start, part.stop) for part in row_blocks(5, 100_000)]
    [(0, 2), (2, 4), (4, 5)]
    """
    size = max(1, _BLOCK // max(1, width))
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))


class Distribution(ABC):
    """`n x h` laws of one kind over z, immutable. `Forecast` maps z to log-returns by its scale.

    `z` arguments have shape (n, h, m), results too; `levels` lie strictly between 0 and 1 and have shape (m,), the same for every law,
    or (n, h, m), where n and h may also be 1.
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
