"""RollSchedule: which contract a product's series follows from which trading day on; data with a hash."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickcast.clock import day_text
from tickcast.errors import ConfigError

__all__ = ["Roll", "RollSchedule", "Rule"]

Rule = Literal["volume", "open_interest", "instrument"]
"""What decides when a series changes its contract."""


@dataclass(frozen=True)
class Roll:
    """One change of contract, decided on a trading day and effective from the next session on.

    Parameters
    ----------
    decided: trading day (days since 1970-01-01) whose volumes decided it; it was known at that day's last close.
    contract: the contract followed from then on, as MGCJ1.
    ratio: last common price of the contract left over that of the new one, both known by the end of `decided`; 1.0 for the first contract.
    measure: the new contract's volume or open interest on `decided`.
    left: the contract left, "" for the first.
    left_measure: its volume or open interest on `decided`, 0.0 for the first.
    instrument_id: the venue's number of the new contract, where contracts are told apart by it.
    """

    decided: int
    contract: str
    ratio: float
    measure: float
    left: str = ""
    left_measure: float = 0.0
    instrument_id: int | None = None

    @property
    def trading_day(self) -> int:
        """The first day (days since 1970-01-01) on which the new contract may be followed; the next session is on it or after it."""
        return self.decided + 1

    def explain(self, measure: str = "volume", threshold: float = 1.0) -> str:
        """One line for people: when, from what, to what, why."""
        day = day_text(self.decided)
        named = self.contract if self.instrument_id is None else f"{self.contract} (instrument {self.instrument_id})"
        if not self.left:
            return f"after {day}: {named} leads with {measure} {self.measure:,.0f}; the series starts with it"
        more = "" if threshold == 1 else f", more than {threshold:g} times"
        why = f"{measure} {self.measure:,.0f} against {self.left_measure:,.0f}{more}"
        return f"after {day}: {self.left} -> {named}, {why}, price ratio {self.ratio:.6f}"


@dataclass(frozen=True)
class RollSchedule:
    """The rolls of one product in time order; the first names the first contract.

    Parameters
    ----------
    product: as MGC.
    rolls: in time order.
    rule: what decides: "volume", "open_interest" or "instrument" (volume, contracts told apart by instrument id).
    threshold: how many times the measure of the contract followed another one must exceed.

    Raises ConfigError when the schedule is empty, out of order, or a ratio is not positive and finite.
    """

    product: str
    rolls: tuple[Roll, ...]
    rule: Rule = "volume"
    threshold: float = 1.0

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
        measure = "open interest" if self.rule == "open_interest" else "volume"
        return tuple(roll.explain(measure, self.threshold) for roll in self.rolls)

    def extends(self, earlier: RollSchedule) -> bool:
        """Whether every roll of `earlier` is one of these, as it must be where data was appended and none corrected."""
        same = (self.product, self.rule, self.threshold) == (earlier.product, earlier.rule, earlier.threshold)
        return same and self.rolls[: len(earlier.rolls)] == earlier.rolls

    def as_dict(self) -> dict[str, Any]:
        """JSON values that `RollSchedule.parse` reads back."""
        rolls = [asdict(roll) for roll in self.rolls]
        return {"product": self.product, "rule": self.rule, "threshold": self.threshold, "rolls": rolls}

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
            if values["rule"] not in get_args(Rule):
                raise ConfigError(f"no rule called {values['rule']!r}", field="rule", hint=f"known: {', '.join(get_args(Rule))}")
            return cls(str(values["product"]), rolls, values["rule"], float(values["threshold"]))
        except (KeyError, TypeError) as error:
            raise ConfigError(f"not a roll schedule: {error}", field="rolls") from None
