"""RollSchedule: which contract a product's series follows from which trading day on; data with a hash."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickcast.errors import ConfigError

__all__ = ["Roll", "RollSchedule"]


@dataclass(frozen=True)
class Roll:
    """One change of contract, decided on a trading day and effective from the next session on.

    Parameters
    ----------
    decided: trading day (days since 1970-01-01) whose volumes decided it; it was known at that day's last close.
    contract: the contract followed from then on, as MGCJ1.
    ratio: last common close of the contract left over that of the new one, both known by the end of `decided`; 1.0 for the first contract.
    volume: the new contract's volume on `decided`.
    left: the contract left, "" for the first.
    left_volume: its volume on `decided`, 0.0 for the first.
    """

    decided: int
    contract: str
    ratio: float
    volume: float
    left: str = ""
    left_volume: float = 0.0

    @property
    def trading_day(self) -> int:
        """The first day (days since 1970-01-01) on which the new contract may be followed; the next session is on it or after it."""
        return self.decided + 1

    def explain(self) -> str:
        """One line for people: when, from what, to what, why."""
        day = date(1970, 1, 1) + timedelta(self.decided)
        if not self.left:
            return f"after {day}: {self.contract} leads with volume {self.volume:,.0f}; the series starts with it"
        why = f"volume {self.volume:,.0f} against {self.left_volume:,.0f}"
        return f"after {day}: {self.left} -> {self.contract}, {why}, price ratio {self.ratio:.6f}"


@dataclass(frozen=True)
class RollSchedule:
    """The rolls of one product in time order; the first names the first contract.

    Raises ConfigError when the schedule is empty, out of order, or a ratio is not positive and finite.
    """

    product: str
    rolls: tuple[Roll, ...]

    def __post_init__(self) -> None:
        if not self.rolls:
            raise ConfigError("a roll schedule needs at least its first contract", field="rolls")
        for i, roll in enumerate(self.rolls):
            if not (math.isfinite(roll.ratio) and roll.ratio > 0):
                raise ConfigError(f"roll to {roll.contract} has ratio {roll.ratio}", row=i + 1, field="ratio")
            if i and roll.decided <= self.rolls[i - 1].decided:
                raise ConfigError(f"roll to {roll.contract} is not later than the one before", row=i + 1, field="decided")

    @property
    def contracts(self) -> tuple[str, ...]:
        """(s,) contract per segment; the position is the `segment_id`."""
        return tuple(roll.contract for roll in self.rolls)

    @property
    def factors(self) -> NDArray[np.float64]:
        """(s,) what a segment's prices are multiplied by: the product of the ratios so far, so no later roll can change it."""
        return np.asarray(np.cumprod([roll.ratio for roll in self.rolls]), np.float64)

    def segments(self, trading_day: ArrayLike) -> NDArray[np.int64]:
        """(n,) segment of each trading day (days since 1970-01-01), -1 before the first contract was known."""
        decided = np.array([roll.decided for roll in self.rolls])
        return np.searchsorted(decided, np.asarray(trading_day), side="left").astype(np.int64) - 1

    def explain(self) -> tuple[str, ...]:
        """One line per roll."""
        return tuple(roll.explain() for roll in self.rolls)

    def as_dict(self) -> dict[str, Any]:
        """JSON values that `RollSchedule.parse` reads back."""
        return {"product": self.product, "rolls": [asdict(roll) for roll in self.rolls]}

    @property
    def digest(self) -> str:
        """SHA-256 of the schedule's canonical JSON, in hex."""
        text = json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> RollSchedule:
        """The schedule whose `as_dict()` this is. Raises ConfigError when something is missing or of the wrong kind."""
        try:
            rolls = tuple(Roll(**each) for each in values["rolls"])
            typed = all(isinstance(r.decided, int) and isinstance(r.contract, str) and isinstance(r.ratio, float) for r in rolls)
            if not typed:
                raise ConfigError("a roll has a value of the wrong kind", field="rolls")
            return cls(str(values["product"]), rolls)
        except (KeyError, TypeError) as error:
            raise ConfigError(f"not a roll schedule: {error}", field="rolls") from None
