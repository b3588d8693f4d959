"""What a market allows: the settings of the rules that need to know it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tickcast.calendars import Calendar
from tickcast.clock import MINUTE
from tickcast.errors import ConfigError

__all__ = ["Rules", "Verdict"]

Verdict = Literal["keep", "quarantine"]


@dataclass(frozen=True)
class Rules:
    """Settings of a `Screen`.

    Parameters
    ----------
    calendar: a crossed or locked book is a fault inside its sessions only, for auctions cross; None: at any time.
    symbols: those that were asked for; None: any.
    tick: smallest price change; prices between two ticks are set aside. None where prices are adjusted, or have no tick.
    crossed, locked: what becomes of a book whose bid is above its offer, or equal to it. Consolidated quotes of several venues do both.
    halts: (start, end) in UTC ns; trades strictly inside are set aside.
    ahead: ns by which a stamp may be later than the clock.
    stale: ns by which a quote's event may be earlier than its stamp; None: any.
    far: a price more than this many times the one before it, or less than its inverse, is set aside; None: any is taken.

    Raises ConfigError for settings that no rule could follow.
    """

    calendar: Calendar | None = None
    symbols: frozenset[str] | None = None
    tick: float | None = None
    crossed: Verdict = "quarantine"
    locked: Verdict = "keep"
    halts: tuple[tuple[int, int], ...] = ()
    ahead: int = MINUTE
    stale: int | None = MINUTE
    far: float | None = 2.0

    def __post_init__(self) -> None:
        if self.tick is not None and not (math.isfinite(self.tick) and self.tick > 0):
            raise ConfigError(f"a tick of {self.tick}", field="tick", hint="give a number above 0")
        if self.far is not None and not (math.isfinite(self.far) and self.far > 1):
            raise ConfigError(f"{self.far} times the price before", field="far", hint="give a number above 1")
        for name in ("crossed", "locked"):
            if getattr(self, name) not in ("keep", "quarantine"):
                raise ConfigError(f"{getattr(self, name)!r} is no verdict", field=name, hint="choose keep or quarantine")
        if any(start >= end for start, end in self.halts):
            raise ConfigError("a halt ends before it starts", field="halts", hint="give (start, end) in UTC ns")
