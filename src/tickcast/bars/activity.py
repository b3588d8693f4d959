"""What ends a bar of activity: trades, quantity or amount filling it, or buying and selling out of balance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tickcast._engine import BarSampler
from tickcast.errors import ConfigError

__all__ = ["Activity", "Filled", "Imbalance", "Measure"]

Measure = Literal["ticks", "volume", "dollars"]
"""What of a trade is counted: one, its size, or price times size."""


@dataclass(frozen=True)
class Filled:
    """A bar ends with the trade that brings its measure to `size` or beyond; trades are whole, and the next bar begins from nothing.

    Raises ConfigError when `size` is not positive and finite.
    """

    measure: Measure
    size: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.size) and self.size > 0):
            raise ConfigError(f"a bar of {self.size} {self.measure} is none", field="bars.size", hint="give a positive number")

    def sampler(self) -> BarSampler:
        """What tells of each trade whether it ends its bar, for one symbol."""
        return BarSampler(self.measure, self.size)


@dataclass(frozen=True)
class Imbalance:
    """A bar ends where the sum of its signed measures goes beyond what is expected: E[trades in a bar] x |E[signed measure of a trade]|.

    A trade's sign is its `side`; where that is 0 or absent it is that of the last change of price. The first expectation is known after
    `expected_ticks` trades, no bar ends before.

    Parameters
    ----------
    measure: what is signed and summed.
    expected_ticks: trades expected in the first bar.
    bars: how many bars the exponentially weighted mean of their trades spans, and remembers.
    window: the same for the signed measures of trades.
    least, most: bounds of the trades expected in a bar; without them bars may grow or shrink for ever.

    Source: López de Prado, Advances in Financial Machine Learning, 2.3.2.1. Raises ConfigError for bounds or spans that make no sense.
    """

    measure: Measure
    expected_ticks: float
    bars: int = 3
    window: int = 10_000
    least: float = 0.0
    most: float = 1e12

    def __post_init__(self) -> None:
        if not (math.isfinite(self.expected_ticks) and self.expected_ticks > 0):
            raise ConfigError(f"{self.expected_ticks} trades are no bar", field="bars.expected_ticks", hint="give a positive number")
        if not (self.bars >= 1 and self.window >= 1 and 0 <= self.least <= self.most):
            raise ConfigError("spans must be 1 at least and bounds in order", field="bars.window")

    def sampler(self) -> BarSampler:
        """What tells of each trade whether it ends its bar, for one symbol."""
        return BarSampler(self.measure, 0.0, (self.expected_ticks, self.least, self.most, self.bars, self.window))


Activity = Filled | Imbalance
"""What may end a bar of activity."""
