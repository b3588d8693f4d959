"""What a calendar is: the sessions of an exchange, each with its opening, its close and its trading day."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.errors import ConfigError, DataError

__all__ = ["Assigned", "Calendar", "Sessions"]

_Stamps = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Assigned:
    """A frame split by a calendar: `rows` with their context, and `outside`, the rows that no session holds (as they came)."""

    rows: pl.DataFrame
    outside: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Sessions:
    """`m` stretches of open market in time order, none overlapping another; one or several make a session.

    Parameters
    ----------
    open, close: (m,) int64, UTC ns; open < close, and a stretch opens no earlier than the one before it closed.
    trading_day: (m,) int32, days since 1970-01-01; several sessions may belong to one trading day.
    session_id: (m,) int64, UTC ns, the close of the session that a stretch belongs to; by default its own close. Breaks inside a session
        (lunch, a pause) are no open market: no row lies in them and no bar spans them, but nothing is reset over them either.

    Raises ConfigError when the stretches are empty intervals, out of order or overlapping, or a session ends before its stretch.
    """

    open: _Stamps
    close: _Stamps
    trading_day: NDArray[np.int32]
    session_id: _Stamps = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.session_id is None:
            object.__setattr__(self, "session_id", self.close)
        for name, dtype in (("open", np.int64), ("close", np.int64), ("trading_day", np.int32), ("session_id", np.int64)):
            column = np.array(getattr(self, name), dtype)  # a copy: what is frozen must not be somebody else's array
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        lengths = [len(self.open), len(self.close), len(self.trading_day), len(self.session_id)]
        if len(set(lengths)) > 1:
            told = "{} opens, {} closes, {} trading days, {} session ids do not agree".format(*lengths)
            raise ConfigError(told, field="sessions")
        if (self.open >= self.close).any() or (self.open[1:] < self.close[:-1]).any() or (np.diff(self.trading_day) < 0).any():
            raise ConfigError("sessions must be non-empty, in time order and must not overlap", field="sessions")
        if (self.session_id < self.close).any() or (np.diff(self.session_id) < 0).any():
            raise ConfigError("a session ends before one of its stretches", field="session_id")

    def __len__(self) -> int:
        return len(self.open)

    def locate(self, ts: _Stamps, *, tie: Literal["close", "open"] = "close") -> _Stamps:
        """(n,) position of the stretch with open <= ts <= close, -1 where there is none.

        Where one stretch opens at the moment another closes, `tie` decides: "close" for rows stamped when an interval ended (bars),
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

    def place(self, frame: pl.DataFrame) -> _Stamps:
        """(n,) position of the stretch that holds each row, -1 where none does.

        A frame with `ts_open` holds bars: a bar must lie inside one stretch. Otherwise `ts` is when a row happened. Raises DataError
        when `ts` is absent, null or not int64.
        """
        if frame.schema.get("ts") != pl.Int64 or frame["ts"].null_count():
            raise DataError("a calendar needs int64 stamps without nulls", field="ts", hint="give UTC nanoseconds")
        bars = "ts_open" in frame.columns
        at = self.locate(frame["ts"].to_numpy(), tie="close" if bars else "open")
        if bars and len(self):
            at = np.where(frame["ts_open"].to_numpy() >= self.open[np.maximum(at, 0)], at, -1)
        return at

    def assign(self, frame: pl.DataFrame) -> Assigned:
        """`frame` with `trading_day` and `session_id` (the session's close); rows in no stretch are set aside, in order.

        Raises DataError as `place` does.
        """
        at = self.place(frame)
        held = at >= 0
        at = at[held]
        rows = frame.filter(held).with_columns(
            pl.Series("trading_day", self.trading_day[at], pl.Int32), pl.Series("session_id", self.session_id[at], pl.Int64)
        )
        return Assigned(rows, frame.filter(~held))

    def as_lists(self) -> dict[str, list[int]]:
        """JSON values that `Sessions.parse` reads back; `session_id` is left out where every stretch is a session."""
        lists = {"open": self.open.tolist(), "close": self.close.tolist(), "trading_day": self.trading_day.tolist()}
        return lists if np.array_equal(self.session_id, self.close) else lists | {"session_id": self.session_id.tolist()}

    def as_rows(self) -> list[list[int]]:
        """(m) rows [open, close, trading day, session id], as a bundle holds them."""
        columns = (self.open, self.close, self.trading_day, self.session_id)
        return [[int(x) for x in row] for row in zip(*(each.tolist() for each in columns), strict=True)]

    @classmethod
    def parse(cls, lists: Mapping[str, Sequence[int]]) -> Sessions:
        """The sessions whose `as_lists()` these are. Raises ConfigError naming a missing list."""
        for name in ("open", "close", "trading_day"):
            if name not in lists:
                raise ConfigError("sessions lack this list", field=name)
        ids = np.array(lists.get("session_id", lists["close"]))
        return cls(np.array(lists["open"]), np.array(lists["close"]), np.array(lists["trading_day"]), ids)


class Calendar(ABC):
    """The sessions of one family of products, known offline for any range of time."""

    name: str
    zone: str  # where the exchange's day turns; an IANA name

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
