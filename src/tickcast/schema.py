"""Every column of every table: name, type, unit, meaning.

Times are int64 UTC nanoseconds. `ts` is the moment a row could be known; `ts_event` the moment it happened, where that differs. Once a
table has passed `rolls` each row also carries `CONTEXT`. `session_id` is the session's close in UTC nanoseconds, so whoever holds a row
knows when its session ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tickcast.errors import DataError

__all__ = ["BARS", "CONTEXT", "SIGNALS", "TABLES", "TRADES", "Column", "Table", "conform"]


@dataclass(frozen=True)
class Column:
    """One column: its name, polars type, unit and meaning; `required` columns may not be absent."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    unit: str
    meaning: str
    required: bool = True


@dataclass(frozen=True)
class Table:
    """A named, ordered list of columns; `identity` names those that tell two rows apart.

    Where `repeats` holds, two genuine rows may share an identity (trades at one stamp) and their count tells them apart; elsewhere a second
    row of one identity is a correction of the first.
    """

    name: str
    columns: tuple[Column, ...]
    identity: tuple[str, ...]
    repeats: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError if there is none."""
        return {column.name: column for column in (*self.columns, *CONTEXT)}[name]


CONTEXT = (
    Column("trading_day", pl.Int32, "days since 1970-01-01", "the exchange's trading day the row belongs to", required=False),
    Column("session_id", pl.Int64, "ns UTC", "close of the session the row belongs to", required=False),
    Column("segment_id", pl.Int64, "-", "run of rows of one contract; windows and labels never cross it", required=False),
    Column("underlying_contract", pl.String, "-", "contract the row comes from, as MGCG1", required=False),
)
_SYMBOL = Column("symbol", pl.String, "-", "instrument as its source names it")
_TS = Column("ts", pl.Int64, "ns UTC", "the moment the row could be known")
_TS_EVENT = Column("ts_event", pl.Int64, "ns UTC", "the moment it happened at the exchange", required=False)

TRADES = Table(
    "trades",
    (
        _SYMBOL,
        _TS,
        _TS_EVENT,
        Column("price", pl.Float64, "quote currency", "traded price"),
        Column("size", pl.Float64, "contracts or shares", "traded quantity"),
        Column("side", pl.Int8, "-", "+1 buyer aggressed, -1 seller, 0 unknown", required=False),
        Column("sequence", pl.Int64, "-", "order among rows of one stamp, as the exchange or the file gives it", required=False),
    ),
    identity=("symbol", "ts", "price", "size", "side"),
    repeats=True,
)
BARS = Table(
    "bars",
    (
        _SYMBOL,
        Column("interval", pl.Int64, "ns", "nominal length of the bar"),
        _TS,
        Column("ts_open", pl.Int64, "ns UTC", "start of the bar"),
        Column("open", pl.Float64, "quote currency", "first price"),
        Column("high", pl.Float64, "quote currency", "highest price"),
        Column("low", pl.Float64, "quote currency", "lowest price"),
        Column("close", pl.Float64, "quote currency", "last price"),
        Column("volume", pl.Float64, "contracts or shares", "traded quantity", required=False),
        Column("turnover", pl.Float64, "quote currency", "sum of price times size", required=False),
        Column("count", pl.Int64, "-", "trades in the bar", required=False),
    ),
    identity=("symbol", "interval", "ts"),
)
SIGNALS = Table(
    "signals",
    (
        Column("name", pl.String, "-", "the signal's name"),
        _TS,
        Column("value", pl.Float64, "as declared", "its value from ts on"),
    ),
    identity=("name", "ts"),
)
TABLES: Mapping[str, Table] = {table.name: table for table in (TRADES, BARS, SIGNALS)}


def conform(frame: pl.DataFrame, table: Table, *, file: object = None) -> pl.DataFrame:
    """`frame` with the table's columns in order and in type; absent optional columns become null, context columns are kept.

    Raises DataError naming the column that is missing, unknown or cannot be cast.
    """
    known = {column.name: column for column in (*table.columns, *CONTEXT)}
    unknown = [name for name in frame.columns if name not in known]
    if unknown:
        raise DataError(f"table {table.name} has no such column", file=file, field=unknown[0], hint=f"known columns: {', '.join(known)}")
    out = []
    for column in (*table.columns, *CONTEXT):
        if column.name not in frame.columns:
            if column.required:
                raise DataError(f"table {table.name} needs this column", file=file, field=column.name, hint="map it in the source")
            if column in table.columns:
                out.append(pl.lit(None, dtype=column.dtype).alias(column.name))
            continue
        out.append(pl.col(column.name).cast(column.dtype, strict=True))
    try:
        return frame.select(out)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"cannot read as table {table.name}: {str(error).splitlines()[0]}", file=file) from error
