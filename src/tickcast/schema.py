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

__all__ = [
    "BARS",
    "BOOK",
    "BOOK_LEVELS",
    "CONTEXT",
    "CONTRACTS",
    "GAPS",
    "OPTIONS",
    "ORDERS",
    "QUARANTINE",
    "SIGNALS",
    "SURFACE",
    "TABLES",
    "TRADES",
    "Column",
    "Table",
    "conform",
    "nanoseconds",
]

BOOK_LEVELS = 10
"""Levels a side of a book may have; a source that knows fewer leaves the deeper ones null."""


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
    row of one identity is a correction of the first. Rows of a table that is not `versioned` tell about the data and are none of it: they
    have no part in a store's version. Rows of a table that is not `in_sessions` tell of instruments or the data, at any hour: no calendar
    expects a day of them, and none finds them outside.
    """

    name: str
    columns: tuple[Column, ...]
    identity: tuple[str, ...]
    repeats: bool = False
    versioned: bool = True
    in_sessions: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError if there is none."""
        return {column.name: column for column in (*self.columns, *CONTEXT)}[name]

    def empty(self) -> pl.DataFrame:
        """No rows, all columns in their types."""
        return pl.DataFrame(schema={column.name: column.dtype for column in self.columns})


CONTEXT = (
    Column("trading_day", pl.Int32, "days since 1970-01-01", "the exchange's trading day the row belongs to", required=False),
    Column("session_id", pl.Int64, "ns UTC", "close of the session the row belongs to", required=False),
    Column("segment_id", pl.Int64, "-", "run of rows of one contract; windows and labels never cross it", required=False),
    Column("underlying_contract", pl.String, "-", "contract the row comes from, as MGCG1", required=False),
)
_SYMBOL = Column("symbol", pl.String, "-", "instrument as its source names it")
_TS = Column("ts", pl.Int64, "ns UTC", "the moment the row could be known")
_TS_EVENT = Column("ts_event", pl.Int64, "ns UTC", "the moment it happened at the exchange", required=False)
_SEQUENCE = Column("sequence", pl.Int64, "-", "order among rows of one stamp, as the exchange or the file gives it", required=False)

TRADES = Table(
    "trades",
    (
        _SYMBOL,
        _TS,
        _TS_EVENT,
        Column("price", pl.Float64, "quote currency", "traded price"),
        Column("size", pl.Float64, "contracts or shares", "traded quantity"),
        Column("side", pl.Int8, "-", "+1 buyer aggressed, -1 seller, 0 unknown", required=False),
        _SEQUENCE,
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


def _side(side: str, best: str) -> tuple[Column, ...]:
    """Prices, then sizes, of one side of a book; a level that is not occupied is null in both."""
    levels = range(1, BOOK_LEVELS + 1)
    prices = [
        Column(f"{side}_price_{k}", pl.Float64, "quote currency", f"price of level {k}, 1 the {best}", required=False) for k in levels
    ]
    sizes = [Column(f"{side}_size_{k}", pl.Float64, "contracts or shares", f"quantity at level {k}", required=False) for k in levels]
    return (*prices, *sizes)


BOOK = Table(
    "book",
    (
        _SYMBOL,
        _TS,
        _TS_EVENT,
        *_side("bid", "highest bid"),
        *_side("ask", "lowest ask"),
        Column("last", pl.Float64, "quote currency", "last traded price", required=False),
        Column("volume", pl.Float64, "contracts or shares", "quantity traded since the session's open", required=False),
        Column("turnover", pl.Float64, "quote currency", "sum of price times size since the session's open", required=False),
        Column("open_interest", pl.Float64, "contracts", "contracts open", required=False),
        _SEQUENCE,
    ),
    identity=("symbol", "ts"),
    repeats=True,
)
_ORDER_KINDS = (
    "1 new, 2 partial cancel, 3 delete, 4 visible execution, 5 hidden execution, 6 cross, 7 halt, 8 modified to this price and size, "
    "9 book emptied, 10 order of a snapshot"
)
ORDERS = Table(
    "orders",
    (
        _SYMBOL,
        _TS,
        _TS_EVENT,
        Column("kind", pl.Int8, "-", _ORDER_KINDS),
        Column("order_id", pl.Int64, "-", "the exchange's number, the same 64 bits if unsigned; 0 where it tells none", required=False),
        Column("size", pl.Float64, "contracts or shares", "quantity of this message; null for a halt", required=False),
        Column("price", pl.Float64, "quote currency", "price of the order; null for a halt", required=False),
        Column("side", pl.Int8, "-", "+1 buy order, -1 sell order; a halt: -1 trading stops, 0 quoting, +1 resumes", required=False),
        Column("age", pl.Float64, "s", "since the order was submitted; 0 for a new one, null where that was not seen", required=False),
        Column("remaining", pl.Float64, "contracts or shares", "left of the order after this message; null if not known", required=False),
        Column("ended", pl.Int8, "-", "1 where nothing is left of a visible order, else 0; null where not known", required=False),
        _SEQUENCE,
    ),
    identity=("symbol", "ts", "kind", "order_id", "price", "size", "side"),
    repeats=True,
)
SIGNALS = Table(
    "signals",
    (
        Column("name", pl.String, "-", "the signal's name"),
        Column("ts", pl.Int64, "ns UTC", "the moment it was published"),
        Column("ts_event", pl.Int64, "ns UTC", "the moment it happened, as the end of the month that was counted", required=False),
        Column("value", pl.Float64, "as declared", "its value from ts on"),
    ),
    identity=("name", "ts", "ts_event"),
)
CONTRACTS = Table(
    "contracts",
    (
        _SYMBOL,
        Column("ts", pl.Int64, "ns UTC", "the moment the row could be known; a later row of a symbol replaces it"),
        Column("instrument_id", pl.Int64, "-", "the venue's or vendor's number of the instrument from ts on", required=False),
        Column("product", pl.String, "-", "what it is a contract of, as MGC", required=False),
        Column("kind", pl.String, "-", "future, spread, option, option_spread, stock, bond, fx, index, swap", required=False),
        Column("expiry", pl.Int64, "ns UTC", "the moment trading in it ends", required=False),
        Column("first_day", pl.Int32, "days since 1970-01-01", "first trading day", required=False),
        Column("price_tick", pl.Float64, "quote currency", "smallest price change", required=False),
        Column("multiplier", pl.Float64, "quote currency per 1.00 of price", "worth of a price change of one", required=False),
        Column("currency", pl.String, "-", "of the prices, as USD", required=False),
        Column("exchange", pl.String, "-", "where it trades, as XCEC", required=False),
    ),
    identity=("symbol", "ts"),
    in_sessions=False,
)
_UNDERLYING = Column("underlying", pl.String, "-", "what the options are on, as their source names it")
_UNDERLYING_PRICE = Column("underlying_price", pl.Float64, "quote currency", "its price by the feed, perhaps older", required=False)
OPTIONS = Table(
    "options",
    (
        _UNDERLYING,
        _TS,
        _TS_EVENT,
        Column("expiry", pl.Int64, "ns UTC", "the moment the contract settles"),
        Column("strike", pl.Float64, "quote currency", "strike price"),
        Column("right", pl.Int8, "-", "+1 call, -1 put"),
        Column("bid", pl.Float64, "quote currency", "best bid; 0 or null where nobody bids", required=False),
        Column("ask", pl.Float64, "quote currency", "best offer; 0 or null where nobody offers", required=False),
        Column("last", pl.Float64, "quote currency", "last trade, perhaps days old", required=False),
        Column("iv", pl.Float64, "per year, fraction", "implied volatility as the feed gives it", required=False),
        Column("delta", pl.Float64, "per unit of the underlying", "as the feed gives it", required=False),
        Column("gamma", pl.Float64, "per unit of the underlying, squared", "as the feed gives it", required=False),
        Column("vega", pl.Float64, "quote currency per 1.00 of volatility", "as the feed gives it", required=False),
        Column("theta", pl.Float64, "quote currency per year", "as the feed gives it", required=False),
        Column("volume", pl.Float64, "contracts", "traded on the day until ts", required=False),
        Column("open_interest", pl.Float64, "contracts", "open at the start of the day", required=False),
        _UNDERLYING_PRICE,
    ),
    identity=("underlying", "ts", "expiry", "strike", "right"),
)
_TENORS = (7, 30, 60, 90)
_MONEYNESS = (("95", "0.95"), ("97_5", "0.975"), ("100", "1.00"), ("102_5", "1.025"), ("105", "1.05"))


def _volatilities() -> tuple[Column, ...]:
    """What a surface says about volatility, tenor by tenor."""

    def known(name: str, meaning: str) -> Column:
        return Column(name, pl.Float64, "per year, fraction", meaning, required=False)

    at = [known(f"atm_iv_{days}d", f"implied volatility at the forward, {days} days ahead") for days in _TENORS]
    cells = [known(f"iv_{d}d_{m}", f"at strike / forward {x}, {d} days ahead") for d in _TENORS for m, x in _MONEYNESS]
    wings = [known(f"{w}25_iv_{d}d", f"of the {w} whose delta is a quarter, {d} days ahead") for d in _TENORS for w in ("put", "call")]
    return (known("atm_iv_front", "at the forward of the nearest expiry"), *at, *cells, *wings)


def _known(name: str, unit: str, meaning: str) -> Column:
    """A figure that is null where the quotes do not tell it."""
    return Column(name, pl.Float64, unit, meaning, required=False)


SURFACE = Table(
    "surface",
    (
        _UNDERLYING,
        _TS,
        _UNDERLYING_PRICE,
        _known("forward_front", "quote currency", "forward of the nearest expiry, by put-call parity"),
        _known("days_front", "days", "to the nearest expiry"),
        _known("rate", "per year, fraction", "flat interest rate that put-call parity implies"),
        *_volatilities(),
        _known("put_volume", "contracts", "puts traded"),
        _known("call_volume", "contracts", "calls traded"),
        _known("put_call_volume", "-", "puts traded per call traded"),
        _known("put_open_interest", "contracts", "open puts"),
        _known("call_open_interest", "contracts", "open calls"),
        _known("put_call_open_interest", "-", "open puts per open call"),
        _known("oi_delta", "per unit of the underlying", "mean delta, weighted by open interest"),
        _known("oi_gamma", "per unit of the underlying, squared", "mean gamma, weighted by open interest"),
        _known("oi_vega", "quote currency per 1.00 of volatility", "mean vega, weighted by open interest"),
        _known("oi_theta", "quote currency per year", "mean theta, weighted by open interest"),
        _known("oi_net_gamma", "per unit of the underlying, squared", "mean of gamma, puts negative, weighted by open interest"),
        _known("oi_moneyness", "-", "mean log(strike / forward), weighted by open interest"),
        _known("oi_days", "days", "mean days to expiry, weighted by open interest"),
        Column("quotes", pl.Int64, "-", "contracts with a quote recent enough", required=False),
        Column("priced", pl.Int64, "-", "of these, those with a usable implied volatility", required=False),
    ),
    identity=("underlying", "ts"),
)
GAPS = Table(
    "gaps",
    (
        _SYMBOL,
        Column("ts", pl.Int64, "ns UTC", "end of the stretch; the moment it was known to be one"),
        Column("start", pl.Int64, "ns UTC", "its beginning: the last row known before it, or the opening"),
        Column("table", pl.String, "-", "the table whose rows may be missing"),
        Column("reason", pl.String, "-", "why the recorder cannot say that it saw everything"),
        Column("healed", pl.Int8, "-", "1 once history was asked for the stretch, else 0"),
    ),
    identity=("symbol", "ts", "table"),
    in_sessions=False,
)
QUARANTINE = Table(
    "quarantine",
    (
        Column("symbol", pl.String, "-", "instrument as its source names it; empty where the row tells none"),
        Column("ts", pl.Int64, "ns UTC", "the row's stamp; of the row before it in the file where its own cannot be"),
        Column("table", pl.String, "-", "the table that the row was meant for"),
        Column("source", pl.String, "-", "the file or provider it came from"),
        Column("file_row", pl.Int64, "-", "its number there, from 1, header excluded", required=False),
        Column("reason", pl.String, "-", "why it was set aside"),
        Column("original", pl.String, "JSON", "every value of the row as it was read, as text"),
    ),
    identity=("symbol", "ts", "table", "source", "file_row", "reason", "original"),
    versioned=False,
    in_sessions=False,
)
TABLES: Mapping[str, Table] = {
    table.name: table for table in (TRADES, BARS, BOOK, ORDERS, SIGNALS, OPTIONS, SURFACE, CONTRACTS, GAPS, QUARANTINE)
}


def nanoseconds(column: pl.Series, *, file: object = None) -> pl.Series:
    """Whole UTC nanoseconds as they are, times with a zone as nanoseconds.

    Raises DataError for anything else: a time without a zone says no moment, and its number counts other units.
    """
    kind = column.dtype
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return column.dt.timestamp("ns")
    if not kind.is_integer() and kind != pl.Null:
        hint = "give whole UTC nanoseconds, or times with a zone"
        raise DataError(f"holds {kind}, which is no stamp", file=file, field=column.name, hint=hint)
    return column.cast(pl.Int64)


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
        if column.unit == "ns UTC":
            frame = frame.with_columns(nanoseconds(frame[column.name], file=file))
        out.append(pl.col(column.name).cast(column.dtype, strict=True))
    try:
        return frame.select(out)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"cannot read as table {table.name}: {str(error).splitlines()[0]}", file=file) from error
