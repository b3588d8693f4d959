"""Bucket edges per horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from tickcast.errors import ConfigError, ModelError

__all__ = ["LatticeGrid", "SigmaGrid"]


@dataclass(frozen=True)
class SigmaGrid:
    """Edges at `reach * sinh(focus * u) / sinh(focus)` standard deviations of the training outcomes, u even in [-1, 1].

    The centre is finer than the tails: with the defaults a bucket is 0.036 standard deviations wide at zero and 0.36 at the end.
    An odd number of buckets puts one around zero.

    Parameters
    ----------
    buckets: per horizon.
    reach: last edge in standard deviations of z.
    focus: how much finer the centre is; close to zero gives even buckets.
    """

    buckets: int = 101
    reach: float = 6.0
    focus: float = 3.0
    lattice: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if self.buckets < 3 or self.reach <= 0 or self.focus <= 0:
            raise ConfigError(f"a grid of {self.buckets} buckets, reach {self.reach} and focus {self.focus} is none")

    def edges(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """(h, buckets + 1) edges for outcomes z (m, h) with NaN where there is no label."""
        finite = np.isfinite(z)
        if (finite.sum(axis=0) < 2).any():
            raise ModelError("a horizon has fewer than two training labels", hint="train on more rows or drop the horizon")
        spread = np.sqrt(np.nanmean(z * z, axis=0))
        if not (spread > 0).all():
            raise ModelError("all training outcomes of a horizon are zero", hint="use a lattice grid or drop the horizon")
        u = np.linspace(-1.0, 1.0, self.buckets + 1)
        return np.outer(spread, self.reach * np.sinh(self.focus * u) / np.sinh(self.focus))


@dataclass(frozen=True)
class LatticeGrid:
    """One bucket per tick from `-ticks` to `ticks`, edges at half ticks; for outcomes in ticks. The outer buckets hold what lies beyond."""

    ticks: int = 50
    lattice: ClassVar[bool] = True
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def __post_init__(self) -> None:
        if self.ticks < 1:
            raise ConfigError(f"a lattice of {self.ticks} ticks is none")

    @property
    def buckets(self) -> int:
        """Per horizon."""
        return 2 * self.ticks + 1

    def edges(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """(h, 2 ticks + 2) edges; they do not depend on the outcomes z (m, h)."""
        return np.tile(np.arange(-self.ticks - 0.5, self.ticks + 1.0), (z.shape[1], 1))
