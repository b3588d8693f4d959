"""Own rows: what the inputs of one experiment gave, told apart from whatever else its store holds of the same symbol.

Experiments share a store and often a symbol. What an ingest gave is remembered as spans (symbol, trading day, first and last stamp, number
of rows), and an experiment is answered with the stored rows inside its spans, so it gets the same rows from any store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from tickcast.clock import day_text
from tickcast.errors import DataError
from tickcast.schema import TABLES
from tickcast.store import Store

__all__ = ["Span", "joined", "own_rows", "spans_of", "within"]


@dataclass(frozen=True)
class Span:
    """What inputs gave of one symbol on one trading day; of bars, of one interval.

    Parameters
    ----------
    symbol, day: whose rows, and of which trading day (days since 1970-01-01).
    interval: of bars, ns; 0 for all there are, and elsewhere.
    first_ts, last_ts: UTC ns, both inclusive.
    rows: number of rows; None where inputs overlap, so that nobody counted.
    """

    symbol: str
    day: int
    interval: int
    first_ts: int
    last_ts: int
    rows: int | None


def spans_of(rows: pl.DataFrame, table: str) -> tuple[Span, ...]:
    """The spans of rows that a calendar has placed, by symbol, day and interval."""
    interval = pl.col("interval") if "interval" in rows.columns else pl.lit(0, dtype=pl.Int64).alias("interval")
    found = (
        rows.lazy()
        .group_by(pl.col(TABLES[table].identity[0]), pl.col("trading_day"), interval)
        .agg(pl.col("ts").min().alias("first"), pl.col("ts").max().alias("last"), pl.len().cast(pl.Int64))
        .sort(pl.all())
        .collect()
    )
    return tuple(Span(*row) for row in found.iter_rows())


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """One span per symbol, day and interval; where two meet in time their rows may be the same ones, so their number is not known."""
    whole: dict[tuple[str, int, int], Span] = {}
    for new in spans:
        key = (new.symbol, new.day, new.interval)
        old = whole.get(key)
        if old is not None:
            apart = new.first_ts > old.last_ts or new.last_ts < old.first_ts
            rows = old.rows + new.rows if apart and old.rows is not None and new.rows is not None else None
            new = Span(*key, min(old.first_ts, new.first_ts), max(old.last_ts, new.last_ts), rows)
        whole[key] = new
    return tuple(sorted(whole.values(), key=lambda span: (span.symbol, span.day, span.interval)))


def own_rows(store: Store, table: str, spans: Sequence[Span], version: str) -> Iterator[tuple[Span, pl.DataFrame]]:
    """The rows of each span in dataset `version`, by symbol and day: memory stays that of a day.

    Raises DataError where the store holds other rows inside a span, or lacks some.
    """
    if not spans:
        return
    by_day: dict[tuple[str, int], list[Span]] = {}
    for span in spans:
        by_day.setdefault((span.symbol, span.day), []).append(span)
    key = TABLES[table].identity[0]
    symbols = list(dict.fromkeys(span.symbol for span in spans))
    start, end = min(span.first_ts for span in spans), max(span.last_ts for span in spans) + 1
    for rows in store.chunks(table, symbols, start, end, as_of=version):
        day = rows["trading_day"].max() if "trading_day" in rows.columns else None
        for span in by_day.pop((rows[key][0], day), ()) if isinstance(day, int) else ():
            yield span, within(rows, span, table)
    for left in by_day.values():
        raise _unlike(table, left[0], 0)


def within(rows: pl.DataFrame, span: Span, table: str) -> pl.DataFrame:
    """The rows of a span's day that lie in the span. Raises DataError where they are not as many as its inputs gave."""
    if len(rows) == span.rows and rows["ts"][0] >= span.first_ts and rows["ts"][-1] <= span.last_ts:
        return rows  # nobody else wrote to the day
    held = pl.col("ts").is_between(span.first_ts, span.last_ts)
    if "interval" in rows.columns and span.interval:
        held &= pl.col("interval") == span.interval
    kept = rows.filter(held)
    if span.rows is not None and len(kept) != span.rows:
        raise _unlike(table, span, len(kept))
    return kept


def _unlike(table: str, span: Span, found: int) -> DataError:
    told = f"{table} of {span.symbol} on {day_text(span.day)}: the store holds {found} rows where these inputs gave {span.rows or 'some'}"
    return DataError(told, hint="other inputs wrote the same hours: keep this experiment's data in a store of its own (--store)")
