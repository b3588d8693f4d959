"""From the chunks of a source to rows that can be stored and rows of table `quarantine`: of files, of days asked and of a feed alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tickcast.calendars import Calendar
from tickcast.cleaning import Cleaned, Earlier, Rules, Screen, quarantine_rows
from tickcast.clock import DAY
from tickcast.schema import CONTRACTS, Table

__all__ = ["Intake", "Taken", "together"]

_OUTSIDE = "outside_session"


@dataclass(frozen=True, eq=False)
class Taken:
    """What became of a chunk.

    Parameters
    ----------
    rows: those that can be used, with their trading day and session, in the order they came.
    aside: the others, as rows of table `quarantine`.
    outside: how many lie outside every session. counts: how many were set aside for another reason, by reason.
    left_out: rows that were not asked for, by what they were, see `Cleaned`.
    counted: `sequence` counts the rows of a symbol and stamp, see `Cleaned`.
    """

    rows: pl.DataFrame
    aside: pl.DataFrame
    outside: int
    counts: Mapping[str, int]
    left_out: Mapping[str, int]
    counted: bool = False


class Intake:
    """One `Screen` for all chunks of a table, and the sessions that hold its rows.

    Parameters
    ----------
    table: the rows' table.
    calendars: the calendar, or that of each symbol, where rows of any other are set aside.
    rules: what the market allows.
    earlier: what was judged before, see `Screen`.
    source: what rows set aside are told to come from, where the chunk names no file.
    arriving: the chunks come from a feed: its rows have no numbers in a file.
    """

    def __init__(
        self,
        table: Table,
        calendars: Calendar | Mapping[str, Calendar],
        rules: Rules,
        *,
        earlier: Earlier,
        source: str,
        arriving: bool = False,
    ) -> None:
        self._table, self._key, self._calendars, self._source, self._arriving = table, table.identity[0], calendars, source, arriving
        rules = replace(rules, calendar=None)  # it is asked of rows that lie in a session
        self._screen = Screen(table, rules, place=self._placed, earlier=earlier, arriving=arriving)
        self._wanted: pl.Expr | None = None
        self._outside = 0

    @property
    def waiting(self) -> int:
        """Rows of a feed that wait for the clock."""
        return self._screen.waiting

    def begin(self) -> None:
        """A connection begins: it may repeat what an earlier one gave, and count anew."""
        self._screen.begin()

    def take(self, chunk: Cleaned, now: int | None, *, wanted: pl.Expr | None = None, last: bool = False) -> Taken:
        """What becomes of a chunk; `now` in UTC ns. Of rows in a session only those `wanted` are taken, the others forgotten.

        last: nothing more comes of this connection.
        """
        self._wanted, self._outside = wanted, 0
        if isinstance(self._calendars, Mapping):
            known = chunk.frame[self._key].is_in(list(self._calendars)).to_numpy()
            chunk = chunk.without(np.asarray(~known, np.bool_), "symbol_unexpected")
        if self._table is not CONTRACTS:
            chunk = self._screen.take(chunk, now=now, last=last)
        else:  # told at a moment that need not lie in a session
            chunk = self._in_range(
                replace(chunk, frame=chunk.frame.with_columns((pl.col("ts") // DAY).cast(pl.Int32).alias("trading_day")))
            )
        if self._arriving:
            chunk = replace(chunk, quarantined=_unnumbered(chunk.quarantined), origin="")
        aside = quarantine_rows(chunk, self._table, source=chunk.origin or self._source)
        counts = Counter(chunk.counts)
        counts[_OUTSIDE] -= self._outside
        counts = Counter({reason: count for reason, count in counts.items() if count})
        return Taken(chunk.frame, aside, self._outside, counts, chunk.left_out, chunk.counted)

    def _placed(self, chunk: Cleaned) -> Cleaned:
        given, calendars = len(chunk.frame), self._calendars
        chunk = _each_placed(chunk, self._key, calendars) if isinstance(calendars, Mapping) else chunk.placed(calendars)
        self._outside = given - len(chunk.frame)
        return self._in_range(chunk)

    def _in_range(self, chunk: Cleaned) -> Cleaned:
        if self._wanted is None:
            return chunk
        stays = chunk.frame.select(self._wanted.alias("stays"))["stays"]
        return replace(chunk, frame=chunk.frame.filter(stays), rows=chunk.numbers.filter(stays))


def together(chunks: Sequence[Cleaned], table: Table) -> Cleaned:
    """The chunks of a feed, one behind the other, as one. Rows without a `sequence` are counted, over the chunks of the connection."""
    rows = pl.concat([table.empty(), *(chunk.frame for chunk in chunks if len(chunk.frame))], how="diagonal")
    held = [chunk.quarantined for chunk in chunks if len(chunk.quarantined)]
    counted = "sequence" in table.names and (
        any(chunk.counted for chunk in chunks if len(chunk.frame)) or bool(rows["sequence"].null_count())
    )
    whole = Cleaned(rows, rows.clear().with_columns(pl.lit(0, pl.Int64).alias("row"), pl.lit("").alias("reason")), counted=counted)
    return whole.joined(pl.concat(held, how="diagonal_relaxed")) if held else whole


def _each_placed(chunk: Cleaned, key: str, calendars: Mapping[str, Calendar]) -> Cleaned:
    """The chunk placed by the calendar of each symbol; rows stay in the order they came."""
    names = chunk.frame[key].unique(maintain_order=True).to_list()
    if len({calendars[name].name for name in names}) <= 1:
        return chunk.placed(calendars[names[0]]) if names else chunk.placed(next(iter(calendars.values())))
    frame = chunk.frame.with_row_index("at")
    parts = [replace(chunk, frame=frame.filter(pl.col(key) == name), rows=chunk.numbers.filter(frame[key] == name)) for name in names]
    empty = chunk.quarantined.clear()
    done = [replace(part, quarantined=empty).placed(calendars[name]) for name, part in zip(names, parts, strict=True)]
    whole = pl.concat([part.frame for part in done]).with_columns(pl.concat([part.numbers for part in done]).alias("row")).sort("at")
    aside = pl.concat([part.quarantined.drop("at", strict=False) for part in done], how="diagonal_relaxed")
    return replace(chunk, frame=whole.drop("at", "row"), rows=whole["row"]).joined(aside)


def _unnumbered(held: pl.DataFrame) -> pl.DataFrame:
    """Rows of a feed: they have no number in a file, and columns without any value say nothing."""
    return held.select(name for name in held.columns if name != "row" and (name in ("ts", "reason") or held[name].null_count() < len(held)))
