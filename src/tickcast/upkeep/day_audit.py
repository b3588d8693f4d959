"""What can be wrong with one stored day: its bytes, its manifest, the order, owner and place of its rows, their values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import polars as pl

from tickcast.calendars import Calendar
from tickcast.cleaning import SPREAD, clean
from tickcast.clock import DAY, day_text
from tickcast.errors import DataError, StoreError
from tickcast.schema import TABLES, Table, conform
from tickcast.store.manifest import Day, summary

__all__ = ["DAY_FINDINGS", "Finding", "day_findings"]

DAY_FINDINGS: Mapping[str, str] = {
    "damaged": "restore the store from a backup, or drop it and ingest again",
    "manifest": "the ledger and the rows tell two things: restore the ledger from a backup",
    "schema": "write the day again: tickcast ingest CONFIG, or tickcast data fill CONFIG --again",
    "order": "write the day again: rows are kept in time order",
    "symbol": "write the day again under one symbol",
    "trading_day": "write the day again under one rule for trading days",
    "session": "ingest again with the exchange's calendar, which sets such rows aside",
    "identity": "write the day again: a row's identity may be there once",
    "values": "ingest again: cleaning sets such rows aside",
}
"""What a finding of a day is called, and what to do about it."""
_JUDGED = ("trades", "bars", "book", "orders", "options", "signals")  # tables whose values cleaning has rules for


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Parameters
    ----------
    kind: its name, see `DAY_FINDINGS` and `audit.STORE_FINDINGS`.
    table, symbol, day: where; `day` counts from 1970-01-01; None where it is not about one.
    file: the content that names the day's rows, or a block.
    row: the first row at fault, from 1 in time order; None where it is not about rows.
    found, do: what was found, and what to do.
    """

    kind: str
    table: str | None
    symbol: str | None
    day: int | None
    file: str | None
    row: int | None
    found: str
    do: str


def day_findings(manifest: Day, read: Callable[[str], pl.DataFrame], calendar: Calendar | None) -> Iterator[Finding]:
    """What is wrong with a stored day; its rows are read by the content that names them.

    `calendar` says when its market is open; without one a row is held against its own session alone.
    """

    def found(kind: str, text: str, row: int | None = None) -> Finding:
        where = (manifest.table, manifest.symbol, manifest.trading_day, manifest.content, row)
        return Finding(kind, *where, text, DAY_FINDINGS[kind])

    table = TABLES[manifest.table]
    try:
        rows = read(manifest.content)
    except StoreError as error:
        yield found("damaged", str(error))
        return
    try:
        shaped = conform(rows, table)
    except DataError as error:
        yield found("schema", error.message)
        return
    yield from (found("manifest", text) for text in _unlike(manifest, rows))
    for name, mark, text in _marks(manifest, shaped, table):
        if mark.any():
            yield found(name, f"{int(mark.sum())} rows {text}", _first(mark))
    yield from (found("session", text, row) for text, row in _outside(shaped, table, calendar if table.in_sessions else None))
    if manifest.table in _JUDGED:
        aside = clean(shaped, table, signed=pl.col(table.identity[0]).str.contains(SPREAD), arriving=True).quarantined
        for reason, count, row in aside.group_by("reason").agg(pl.len(), pl.col("row").min()).sort("reason").iter_rows():
            yield found("values", f"{count} rows that cleaning refuses: {reason}", int(row))


def _unlike(manifest: Day, rows: pl.DataFrame) -> list[str]:
    """Fields of the manifest that the rows contradict."""
    if not len(rows):
        return [f"{manifest.rows} rows are named, none is there"]
    real = asdict(summary(rows.sort("ts") if not rows["ts"].is_sorted() else rows))
    return [f"{name} is {getattr(manifest, name)}, of the rows {value}" for name, value in real.items() if getattr(manifest, name) != value]


def _marks(manifest: Day, rows: pl.DataFrame, table: Table) -> Iterator[tuple[str, pl.Series, str]]:
    """Kind, rows at fault and what they do, of each rule about rows of a day."""
    yield "order", (rows["ts"].diff().fill_null(0) < 0), "come before the row above them"
    yield "symbol", rows[table.identity[0]].ne_missing(manifest.symbol), f"are not {manifest.symbol}'s"
    utc = (rows["ts_open" if "ts_open" in rows.columns else "ts"] // DAY).cast(pl.Int32)
    day = rows["trading_day"].fill_null(utc) if "trading_day" in rows.columns else utc
    yield "trading_day", day.ne_missing(manifest.trading_day), f"belong to another trading day than {day_text(manifest.trading_day)}"
    identity = [*table.identity, *(("sequence",) if table.repeats and "sequence" in rows.columns else ())]
    yield "identity", rows.select(identity).is_duplicated(), f"share their {', '.join(identity)}"


def _outside(rows: pl.DataFrame, table: Table, calendar: Calendar | None) -> Iterator[tuple[str, int]]:
    """Rows outside the session they name, or outside every session of the calendar."""
    if "session_id" in rows.columns:
        late = (rows["ts"] > rows["session_id"]).fill_null(False)
        if late.any():
            yield f"{int(late.sum())} rows come after the close of their session", _first(late)
    if calendar is None or not len(rows):
        return
    numbered = rows.drop("trading_day", "session_id", strict=False).with_row_index("__row", offset=1)
    placed = calendar.assign(numbered)
    if len(placed.outside):
        yield f"{len(placed.outside)} rows lie outside every session of {calendar.name}", int(placed.outside["__row"][0])
    for name, told in (("trading_day", "trading day"), ("session_id", "session")):
        if name in rows.columns:
            own = rows[name].gather(placed.rows["__row"].cast(pl.Int64) - 1)
            other = own.is_not_null() & own.ne_missing(placed.rows[name])
            if other.any():
                row = int(placed.rows["__row"].filter(other)[0])
                yield f"{int(other.sum())} rows have another {told} than {calendar.name} says", row


def _first(mark: pl.Series) -> int:
    return int(np.flatnonzero(mark.to_numpy())[0]) + 1
