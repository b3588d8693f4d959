"""Laws of a source: the past is told the same way however it is asked, and a feed tells what history will say.

Each takes the source and a range [start, end) in UTC ns in which it has some rows and several stamps.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from threading import Event

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from tickcast.calendars import CALENDARS, calendar
from tickcast.errors import LawBroken
from tickcast.schema import CONTRACTS, conform
from tickcast.sources import Cleaned, LiveSource, Source
from tickcast.sources.days import trading_days

__all__ = [
    "answers_the_same_twice",
    "calendar_holds_its_rows",
    "chunks_conform_in_order",
    "contracts_are_known_in_time",
    "counts_what_it_sets_aside",
    "every_day_is_answered",
    "keeps_to_its_range",
    "live_is_history",
    "pieces_make_the_whole",
]

_PATIENCE = 100
"""Empty chunks in a row after which a feed counts as silent, and chunks after `stop` after which it counts as deaf."""


def _chunks(source: Source, start: int, end: int) -> list[Cleaned]:
    return list(source.history(start=start, end=end))


def _rows(chunks: list[Cleaned], source: Source) -> pl.DataFrame:
    """All rows, each symbol's together, in the order in which they came."""
    frame = pl.concat([chunk.frame for chunk in chunks] or [source.table.empty()], how="diagonal")
    return frame.sort(source.table.identity[0], maintain_order=True)


def _same(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    try:
        assert_frame_equal(left, right, check_exact=True)
    except AssertionError:
        return False
    return True


def chunks_conform_in_order(source: Source, start: int, end: int) -> None:
    """Frames conform to the source's table, and the stamps of a symbol never run backwards; there are rows to speak of."""
    chunks = _chunks(source, start, end)
    for chunk in chunks:
        if not _same(chunk.frame, conform(chunk.frame, source.table)):
            raise LawBroken(f"a chunk does not conform to {source.table.name}", file=chunk.origin or None)
    rows = _rows(chunks, source)
    if rows["ts"].n_unique() < 2:
        raise LawBroken(f"{len(rows)} rows are too few to judge a source by", field="ts")
    if rows.select((pl.col("ts").diff() < 0).over(source.table.identity[0])).to_series().any():
        raise LawBroken("stamps of a symbol run backwards", field="ts")


def answers_the_same_twice(source: Source, start: int, end: int) -> None:
    """The same call gives the same chunks, rows set aside included."""
    first, second = _chunks(source, start, end), _chunks(source, start, end)
    if len(first) != len(second):
        raise LawBroken(f"{len(first)} chunks, then {len(second)}")
    for one, other in zip(first, second, strict=True):
        told = [(chunk.origin, chunk.day, dict(chunk.counts)) for chunk in (one, other)]
        if told[0] != told[1] or not _same(one.frame, other.frame) or not _same(one.quarantined, other.quarantined):
            raise LawBroken("a chunk differs when asked again", file=one.origin or None)


def pieces_make_the_whole(source: Source, start: int, end: int) -> None:
    """A range cut at moments between and at stamps gives the same rows as at once."""
    whole = _rows(_chunks(source, start, end), source)
    stamps = whole["ts"].unique().sort().to_numpy()
    middle, last = int(stamps[len(stamps) // 2]), int(stamps[-1])
    edges = sorted({start, middle, middle + 1, last, end})
    found = [chunk for low, high in zip(edges, edges[1:], strict=False) for chunk in _chunks(source, low, high)]
    if not _same(_rows(found, source), whole):
        raise LawBroken("a range asked in pieces gives other rows than at once")


def keeps_to_its_range(source: Source, start: int, end: int) -> None:
    """Rows of a part lie inside the part, and an empty part has none."""
    stamps = _rows(_chunks(source, start, end), source)["ts"].unique().sort().to_numpy()
    for low, high in ((int(stamps[0]) + 1, int(stamps[-1])), (int(stamps[0]), int(stamps[0])), (int(stamps[-1]), int(stamps[-1]) + 1)):
        found = _rows(_chunks(source, low, high), source)["ts"]
        if not found.is_between(low, high, closed="left").all():
            raise LawBroken(f"asked for [{low}, {high}) it gives rows outside", field="ts")


def counts_what_it_sets_aside(source: Source, start: int, end: int) -> None:
    """`counts` says how many rows stand in `quarantined` under each reason, and each of them has one."""
    for chunk in _chunks(source, start, end):
        held = chunk.quarantined
        if not {"row", "reason"} <= set(held.columns) or held["reason"].null_count():
            raise LawBroken("a row set aside has no number or no reason", file=chunk.origin or None)
        tally = held.group_by("reason").len()
        if dict(zip(tally["reason"].to_list(), tally["len"].to_list(), strict=True)) != dict(chunk.counts):
            raise LawBroken(f"counts {dict(chunk.counts)} are not what was set aside", file=chunk.origin or None)


def contracts_are_known_in_time(source: Source, start: int, end: int) -> None:
    """Contracts conform, are sorted, stand once per moment, and nothing trades after the end that was known of its contract."""
    known = source.contracts()
    if not _same(known, conform(known, CONTRACTS)) or not _same(known, known.sort("symbol", "ts")):
        raise LawBroken("contracts do not conform or are not sorted", field="contracts")
    if known.select("symbol", "ts").is_duplicated().any() or (known["ts"] <= 0).any():
        raise LawBroken("a contract is told twice of one moment, or of none", field="ts")
    if "symbol" not in source.table.names or not len(known):
        return
    rows = _rows(_chunks(source, start, end), source).sort("ts").select("symbol", pl.col("ts").alias("seen"))
    ends = known.sort("ts").select("symbol", "ts", "expiry")
    placed = rows.join_asof(ends, left_on="seen", right_on="ts", by="symbol", strategy="backward", check_sortedness=False)
    late = placed.filter(pl.col("seen") > pl.col("expiry"))
    if len(late):
        raise LawBroken(f"{late['symbol'][0]} has a row at {late['seen'][0]}, after its contract ended", field="expiry")


def calendar_holds_its_rows(source: Source, start: int, end: int) -> None:
    """The sessions of the calendar that a source names hold every row it gives."""
    if source.calendar is None:
        return
    if source.calendar not in CALENDARS:
        raise LawBroken(f"there is no calendar {source.calendar!r}", field="calendar")
    outside = calendar(source.calendar).assign(_rows(_chunks(source, start, end), source)).outside
    if len(outside):
        raise LawBroken(f"{len(outside)} rows lie outside the sessions of {source.calendar}", field="calendar")


def every_day_is_answered(source: Source, start: int, end: int) -> None:
    """A remote source answers for every whole trading day of the range, with rows or without; a chunk of a day holds rows of that day."""
    chunks = _chunks(source, start, end)
    told = [chunk.day for chunk in chunks if chunk.day is not None]
    days = trading_days(source.calendar, start, end)
    if source.remote and set(told) != {day.number for day in days if day.whole}:
        missing = sorted({day.number for day in days if day.whole} ^ set(told))
        raise LawBroken(f"day {missing[0]} is not answered for, or was not asked in full", field="day")
    within = {day.number: (day.start, day.end) for day in days}
    for chunk in chunks:
        low, high = within.get(chunk.day, (start, end)) if chunk.day is not None else (start, end)
        if not chunk.frame["ts"].is_between(low, high, closed="left").all():
            raise LawBroken(f"a chunk of day {chunk.day} holds rows of another", field="day")


def live_is_history(source: Source, start: int, end: int) -> None:
    """A feed gives what history says of the same events, row for row, is never silent for long, and ends when told to."""
    if not isinstance(source, LiveSource):
        return
    past = _rows(_chunks(source, start, end), source)
    key, stop = source.table.identity[0], Event()
    feed = source.live(past[key].unique().sort().to_list(), stop)
    frames = list(_until(feed, len(past)))
    stop.set()
    if len(list(islice(feed, _PATIENCE))) == _PATIENCE:
        raise LawBroken("the feed does not end when told to", field="stop")
    seen = pl.concat(frames or [source.table.empty()], how="diagonal").filter(pl.col("ts") < end).sort(key, maintain_order=True)
    if not len(seen):
        raise LawBroken("the feed is silent", field="live")
    for symbol, rows in seen.partition_by(key, as_dict=True, maintain_order=True).items():
        said = past.filter((pl.col(key) == symbol[0]) & (pl.col("ts") >= rows["ts"][0])).head(len(rows))
        wrong = np.flatnonzero([not one for one in (said.rows()[i] == row for i, row in enumerate(rows.rows()[: len(said)]))])
        if len(wrong) or len(said) != len(rows):
            raise LawBroken(f"the feed of {symbol[0]} differs from its history", row=int(wrong[0]) + 1 if len(wrong) else len(said) + 1)


def _until(feed: Iterator[Cleaned], rows: int) -> Iterator[pl.DataFrame]:
    """Frames of the feed until it has given `rows` rows, ends, or has been silent for long."""
    given = silent = 0
    while given < rows and silent < _PATIENCE:
        chunk = next(feed, None)
        if chunk is None:
            return
        given, silent = given + len(chunk.frame), 0 if len(chunk.frame) else silent + 1
        if len(chunk.frame):
            yield chunk.frame
