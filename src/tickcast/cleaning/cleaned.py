"""What cleaning hands on: the rows that can be used, and those set aside with their reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.calendars import Calendar

__all__ = ["Cleaned", "tally"]


@dataclass(frozen=True)
class Cleaned:
    """One chunk of a source's history.

    `frame` conforms to the table. `quarantined` holds the rows set aside, as read, with `row` (from 1, header excluded) and `reason`.
    `counts` gives the number of rows per reason. `origin` names the file the chunk comes from, for provenance. `day` is the trading day
    (days since 1970-01-01) for which the provider has answered in full, None where the chunk is no whole day. `rows` numbers the rows of
    `frame` in the file, None where they are counted from 1. `counted` says that `sequence` is no number of the source's, but counts the
    rows of a symbol and stamp. `left_out` gives the number of rows that were read and not asked for, as calendar spreads, by what they are.
    """

    frame: pl.DataFrame
    quarantined: pl.DataFrame
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    origin: str = ""
    day: int | None = None
    rows: pl.Series | None = None
    counted: bool = False
    left_out: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def numbers(self) -> pl.Series:
        """(n,) numbers of the rows of `frame` in their file."""
        return pl.Series("row", np.arange(1, len(self.frame) + 1)) if self.rows is None else self.rows

    def within(self, start: int | None, end: int | None) -> Cleaned:
        """The chunk with the rows of start <= ts < end (UTC ns) only; what was set aside stays."""
        if start is None and end is None:
            return self
        ts = self.frame["ts"]
        keep = (ts >= (start or 0)) & (ts < end) if end is not None else ts >= (start or 0)
        return replace(self, frame=self.frame.filter(keep), rows=self.numbers.filter(keep))

    def placed(self, calendar: Calendar) -> Cleaned:
        """The chunk with the trading day and session of each row; rows that no session holds are set aside as `outside_session`."""
        at = calendar.assign(self.frame.with_columns(self.numbers.cast(pl.Int64).alias("row")))
        inside = replace(self, frame=at.rows.drop("row"), rows=at.rows["row"])
        return inside.joined(at.outside.with_columns(pl.lit("outside_session").alias("reason")))

    def without(self, bad: NDArray[np.bool_], reason: str | pl.Series) -> Cleaned:
        """The chunk with the marked rows set aside under this reason, or each under its own (as many as are marked)."""
        if not bad.any():
            return self
        mark = pl.Series(bad)
        named = pl.lit(reason) if isinstance(reason, str) else reason
        new = self.frame.filter(mark).drop("trading_day", "session_id", strict=False)  # as it was read
        new = new.with_columns(self.numbers.filter(mark).cast(pl.Int64).alias("row"), named.alias("reason"))
        aside = self.quarantined
        if "row" in aside.columns:
            aside = aside.with_columns(pl.col("row").cast(pl.Int64))
        aside = pl.concat([aside, new], how="diagonal_relaxed") if len(aside) else new
        return replace(self, frame=self.frame.filter(~mark), rows=self.numbers.filter(~mark), quarantined=aside, counts=tally(aside))

    def joined(self, earlier: pl.DataFrame) -> Cleaned:
        """The chunk with more rows set aside, before its own: `earlier` has `row` and `reason`."""
        if not len(earlier):
            return self
        parts = [part.with_columns(pl.col("row").cast(pl.Int64)) for part in (earlier, self.quarantined) if len(part)]
        aside = pl.concat(parts, how="diagonal_relaxed")
        return replace(self, quarantined=aside, counts=tally(aside))


def tally(aside: pl.DataFrame) -> Mapping[str, int]:
    """Rows per `reason`, by name."""
    counted = aside.group_by("reason").len().sort("reason")
    return MappingProxyType(dict(zip(counted["reason"].to_list(), counted["len"].to_list(), strict=True)))
