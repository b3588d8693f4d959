"""From a feed's chunks to rows that can be stored: numbered, in time order, placed in sessions; the rest set aside with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tickcast.calendars import Calendar
from tickcast.cleaning import Rules, Screen
from tickcast.clock import MINUTE
from tickcast.schema import Table
from tickcast.sources import Cleaned

__all__ = ["AHEAD", "Intake", "Taken"]

AHEAD = MINUTE
"""A live row stamped this far ahead of the clock (ns) was not sent by this exchange."""


@dataclass(frozen=True, eq=False)
class Taken:
    """`rows` with their trading day and session, and `aside`: rows that cannot be used, with `reason`."""

    rows: pl.DataFrame
    aside: pl.DataFrame


class Intake:
    """What the chunks of one connection have to be judged by together.

    Parameters
    ----------
    table: the rows' table.
    calendars: the calendar of each symbol.
    rules: what the market allows; books are asked inside their sessions only, rows outside are set aside before.
    """

    def __init__(self, table: Table, calendars: Mapping[str, Calendar], rules: Rules | None = None) -> None:
        self._screen = Screen(table, Rules() if rules is None else rules)
        self._table, self._calendars, self._key = table, calendars, table.identity[0]
        self._last = self._nothing()

    def connected(self) -> None:
        """A connection begins: it may repeat what an earlier one gave, and count anew."""
        self._last = self._nothing()

    def take(self, chunks: Sequence[Cleaned], now: int) -> Taken:
        """The usable rows of `chunks`, in the order they came; `now` in UTC ns."""
        held = [chunk.quarantined for chunk in chunks if len(chunk.quarantined)]
        rows = pl.concat([self._table.empty(), *(chunk.frame for chunk in chunks if len(chunk.frame))], how="diagonal")
        known = pl.col(self._key).is_in(list(self._calendars))
        held.append(_said(rows.filter(~known), "symbol_unexpected"))
        rows = rows.filter(known)
        ahead = pl.col("ts") > now + AHEAD
        held.append(_said(rows.filter(ahead), "ts_ahead"))
        rows = rows.filter(~ahead).join(self._last, on=self._key, how="left", maintain_order="left")
        newest = pl.max_horizontal("last_ts", pl.col("ts").cum_max().shift(1).over(self._key))
        late = (pl.col("ts") < newest).fill_null(False)
        held.append(_said(rows.filter(late), "out_of_order"))
        rows = rows.filter(~late)
        rows = self._numbered(rows)
        self._remember(rows)
        placed = self._placed(rows.drop("last_ts", "last_sequence"))
        sound = self._screen.take(Cleaned(placed.rows, placed.aside), now=now)
        return Taken(sound.frame, pl.concat([sound.quarantined, *(each for each in held if len(each))], how="diagonal_relaxed"))

    def _nothing(self) -> pl.DataFrame:
        return pl.DataFrame(schema={self._key: pl.String, "last_ts": pl.Int64, "last_sequence": pl.Int64})

    def _numbered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows of one stamp told apart by `sequence`: the source's own, or the place within the stamp over all chunks of the connection.

        A source without numbers of its own counts each chunk from 0; a stamp cut in two by chunks then shows a number twice.
        """
        if "sequence" not in self._table.names or not len(rows):
            return rows
        stamp = [self._key, "ts"]
        place = pl.int_range(pl.len(), dtype=pl.Int64).over(stamp)
        counted = pl.coalesce("sequence", place)
        goes_on = pl.col("ts") == pl.col("last_ts")
        rows = rows.with_columns(counted.alias("sequence"))
        first = pl.col("sequence").min().over(stamp)
        twice = (pl.col("sequence").n_unique() < pl.len()).over(stamp) | (goes_on & (first <= pl.col("last_sequence"))).fill_null(False)
        before = pl.when(goes_on).then(pl.col("last_sequence") + 1).otherwise(0)
        return rows.with_columns(pl.when(twice & (first == 0)).then(before + place).otherwise("sequence").alias("sequence"))

    def _remember(self, rows: pl.DataFrame) -> None:
        sequence = pl.col("sequence") if "sequence" in rows.columns else pl.lit(0, dtype=pl.Int64)
        seen = rows.select(self._key, pl.col("ts").alias("last_ts"), sequence.alias("last_sequence"))
        both = pl.concat([self._last, seen]).sort("last_ts", "last_sequence", maintain_order=True)
        self._last = both.unique(self._key, keep="last", maintain_order=True)

    def _placed(self, rows: pl.DataFrame) -> Taken:
        """Rows with their trading day and session; those outside every session set aside."""
        inside, outside = [rows.clear()], [rows.clear().with_columns(pl.lit(None, dtype=pl.String).alias("reason"))]
        for (symbol,), part in rows.partition_by(self._key, as_dict=True, maintain_order=True).items():
            placed = self._calendars[str(symbol)].assign(part)
            inside.append(placed.rows)
            outside.append(_said(placed.outside, "outside_session"))
        return Taken(pl.concat(inside, how="diagonal"), pl.concat(outside, how="diagonal"))


def _said(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    kept = rows.drop("last_ts", "last_sequence", "reason", strict=False)
    return kept.with_columns(pl.lit(reason).alias("reason"))
