"""What a calendar is: the sessions of an exchange, each with its opening, its close and its trading day."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.errors import ConfigError, DataError

__all__ = ["Assigned", "Calendar", "Sessions", "Stamps"]

Stamps = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Assigned:
    """A frame split by a calendar: `rows` with their context, and `outside`, the rows that no session holds (as they came)."""

    rows: pl.DataFrame
    outside: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Sessions:
    """`m` sessions in time order, none overlapping another.

    Parameters
    ----------
    open, close: (m,) int64, UTC ns; open < close, and a session opens no earlier than the one before it closed.
    trading_day: (m,) int32, days since 1970-01-01; several sessions may belong to one trading day.

    Raises ConfigError when the sessions are empty intervals, out of order or overlapping.
    """

    open: Stamps
    close: Stamps
    trading_day: NDArray[np.int32]

    def __post_init__(self) -> None:
        for name, dtype in (("open", np.int64), ("close", np.int64), ("trading_day", np.int32)):
            column = np.array(getattr(self, name), dtype)  # a copy: what is frozen must not be somebody else's array
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        if not len(self.open) == len(self.close) == len(self.trading_day):
            raise ConfigError(f"{len(self.open)} opens, {len(self.close)} closes, {len(self.trading_day)} trading days do not agree")
        if (self.open >= self.close).any() or (self.open[1:] < self.close[:-1]).any() or (np.diff(self.trading_day) < 0).any():
            raise ConfigError("sessions must be non-empty, in time order and must not overlap", field="sessions")

    def __len__(self) -> int:
        return len(self.open)

    def locate(self, ts: Stamps, *, tie: Literal["close", "open"] = "close") -> Stamps:
        """(n,) position of the session with open <= ts <= close, -1 where there is none.

        Where one session opens at the moment another closes, `tie` decides: "close" for rows stamped when an interval ended (bars),
        "open" for rows stamped when they happened (trades).
        """
        stamps = np.asarray(ts, np.int64)
        if not len(self):
            return np.full(stamps.shape, -1, np.int64)
        at = np.searchsorted(self.open, stamps, side="right") - 1
        if tie == "close":
            before = np.maximum(at - 1, 0)
            at = np.where((at > 0) & (self.close[before] == stamps), at - 1, at)
        inside = (at >= 0) & (stamps <= self.close[np.maximum(at, 0)])
        return np.where(inside, at, -1).astype(np.int64)

    def assign(self, frame: pl.DataFrame) -> Assigned:
        """`frame` with `trading_day` and `session_id` (the session's close); rows outside every session are set aside, in order.

        A frame with `ts_open` holds bars: a bar must lie inside one session. Otherwise `ts` is when a row happened. Raises DataError
        when `ts` is absent, null or not int64.
        """
        if frame.schema.get("ts") != pl.Int64 or frame["ts"].null_count():
            raise DataError("a calendar needs int64 stamps without nulls", field="ts", hint="give UTC nanoseconds")
        bars = "ts_open" in frame.columns
        at = self.locate(frame["ts"].to_numpy(), tie="close" if bars else "open")
        held = at >= 0
        if bars and len(self):
            held &= frame["ts_open"].to_numpy() >= self.open[np.maximum(at, 0)]
        at = at[held]
        rows = frame.filter(held).with_columns(
            pl.Series("trading_day", self.trading_day[at], pl.Int32), pl.Series("session_id", self.close[at], pl.Int64)
        )
        return Assigned(rows, frame.filter(~held))

    def as_lists(self) -> dict[str, list[int]]:
        """JSON values that `Sessions.parse` reads back."""
        return {"open": self.open.tolist(), "close": self.close.tolist(), "trading_day": self.trading_day.tolist()}

    @classmethod
    def parse(cls, lists: Mapping[str, Sequence[int]]) -> Sessions:
        """The sessions whose `as_lists()` these are. Raises ConfigError naming a missing list."""
        for name in ("open", "close", "trading_day"):
            if name not in lists:
                raise ConfigError("sessions lack this list", field=name)
        return cls(np.array(lists["open"]), np.array(lists["close"]), np.array(lists["trading_day"]))


class Calendar(ABC):
    """The sessions of one family of products, known offline for any range of time."""

    name: ClassVar[str]
    zone: ClassVar[str]  # where the exchange's day turns; an IANA name

    @abstractmethod
    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """All sessions that touch [start_ns, end_ns], UTC ns. Raises ConfigError when start_ns > end_ns."""

    def assign(self, frame: pl.DataFrame) -> Assigned:
        """`Sessions.assign` over the sessions that the frame's stamps reach."""
        if not len(frame):
            return self.sessions(0, 0).assign(frame)
        low, high = frame.select(pl.col("ts").min().alias("low"), pl.col("ts").max().alias("high")).row(0)
        if low is None:
            raise DataError("every stamp is null", field="ts")
        return self.sessions(int(low), int(high)).assign(frame)
