"""LOBSTER days: NASDAQ order messages and the book after each of them, read into `book`, `orders` or `trades`.

A day is a pair of CSV files without header, in one zip or beside each other: `<symbol>_<date>_<start>_<end>_message_<levels>.csv` (seconds
after New York midnight, kind, order id, size, price x 10000, side) and `…_orderbook_<levels>.csv` (ask price, ask size, bid price, bid size
per level); row i of the book is the book after message i. Format: https://lobsterdata.com/info/DataStructure.php
"""

from __future__ import annotations

import io
import re
from datetime import date, datetime, time
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from tickcast.cleaning import Cleaned, clean
from tickcast.clock import SECOND
from tickcast.errors import ConfigError, DataError, SourceError
from tickcast.schema import BOOK_LEVELS, TABLES
from tickcast.sources.base import PortionSource, no_contracts
from tickcast.sources.files import FETCH_AGAIN, Paths, list_files, member_names, read_bytes
from tickcast.sources.portions import Portion

__all__ = ["Lobster"]

_NAME = re.compile(
    r"(?:.*[/!])?(?P<symbol>[^/!]+)_(?P<date>\d{4}-\d\d-\d\d)_\d+_\d+_(?P<what>message|orderbook)_(?P<levels>\d+)\.csv"
    r"(\.gz|\.xz|\.zst)?"
)
_ZONE = ZoneInfo("America/New_York")
_MESSAGE = ("time", "kind", "order_id", "size", "price", "side")
_UNIT = 10_000
_EMPTY = 9_999_999_999  # the price of a level that is not occupied, negative on the bid side
_NEW, _CANCEL, _DELETE, _EXECUTION, _HIDDEN, _CROSS, _HALT = range(1, 8)


class Lobster(PortionSource):
    """LOBSTER files, one chunk per day.

    Parameters
    ----------
    files: zips as LOBSTER's samples are, unpacked pairs, a folder of either, a glob or a list. Archives in .7z are unpacked first.
    table: `book` (a row per message; as many levels as the file's name says, at most 10), `orders` (a row per message, with age, remaining
        quantity and end of its order where its submission was seen) or `trades` (executions of visible and hidden orders, and crosses;
        side is the aggressor's, 0 for a cross).
    symbol: keep the files of this symbol only; None keeps all.

    `sequence` is the number of the message in its file, in all three tables: it says which book follows which message.
    """

    name: ClassVar[str] = "lobster"

    def __init__(self, files: Paths, *, table: str = "book", symbol: str | None = None) -> None:
        if table not in ("book", "orders", "trades"):
            raise ConfigError(f"LOBSTER files give no table {table!r}", field="table", hint="choose book, orders or trades")
        self.table, self.symbol = TABLES[table], symbol
        found = [entry for path in list_files(files, "*") for entry in _entries(path)]
        kept = [path for path in found if symbol is None or _parts(path)["symbol"] == symbol]
        self.days = tuple(path for path in kept if _parts(path)["what"] == "message")
        self.files = tuple(kept)
        if not self.days:
            others = ", ".join(sorted({_parts(path)["symbol"] for path in found}))
            hint = f"there are {others}" if found else "their names end in _message_10.csv"
            raise SourceError("no LOBSTER message file" + (f" of {symbol}" if found else ""), file=str(files), hint=hint)

    @property
    def portions(self) -> tuple[Portion, ...]:
        """Message files; the book beside each is read along with it."""
        return tuple(map(Portion, self.days))

    def contracts(self) -> pl.DataFrame:
        """None: the files tell nothing of the share but its symbol."""
        return no_contracts()

    def _read(self, portion: Portion) -> Cleaned:
        path = portion.file
        name = _parts(path)
        messages = _numbers(read_bytes(path), _MESSAGE, path, first=pl.Float64)
        try:
            midnight = datetime.combine(date.fromisoformat(name["date"]), time(), _ZONE)
        except ValueError:
            raise SourceError(f"{name['date']} is no date", file=path, hint="keep the name that LOBSTER gave") from None
        stamps = ((pl.col("time") * SECOND).round().cast(pl.Int64) + int(midnight.timestamp()) * SECOND).alias("ts")
        frame = messages.with_row_index("row", offset=1).select(
            "row", stamps, pl.col("row").cast(pl.Int64).alias("sequence"), *_MESSAGE, pl.lit(name["symbol"]).alias("symbol")
        )
        if self.table.name == "book":
            frame = pl.concat([frame.select("symbol", "row", "ts", "sequence", "time"), self._book(path, len(frame))], how="horizontal")
        elif self.table.name == "orders":
            frame = _with_lives(frame)
        else:
            crossed = pl.when(pl.col("kind") != _CROSS).then(-pl.col("side")).otherwise(0).alias("side")
            frame = frame.filter(pl.col("kind").is_in([_EXECUTION, _HIDDEN, _CROSS])).with_columns(crossed)
            frame = frame.with_columns(_currency(frame["price"]))
        strange = pl.when(~pl.col("time").is_between(0, 86_400)).then(pl.lit("time_implausible"))
        try:
            return clean(frame, self.table, reasons=[strange], origin=path.name)
        except DataError as error:
            raise SourceError(error.message, file=path, field=error.field, hint=FETCH_AGAIN) from error

    def _book(self, path: Path, rows: int) -> pl.DataFrame:
        """Prices and sizes of the levels that the schema has; null where a level is not occupied."""
        place = Path("_orderbook_".join(str(path).rsplit("_message_", 1)))
        levels = range(1, int(_parts(path)["levels"]) + 1)
        names = [f"{side}_{what}_{k}" for k in levels for side in ("ask", "bid") for what in ("price", "size")]
        book = _numbers(read_bytes(place), names, place)
        if len(book) != rows:
            hint = "fetch the file again, one of the two is truncated"
            raise SourceError(f"has {len(book)} rows for {rows} messages", file=place, hint=hint)
        prices = [name for name in names[: 4 * BOOK_LEVELS] if "price" in name]
        return pl.DataFrame([_currency(book[name]) for name in prices] + [book[name.replace("price", "size")] for name in prices])


def _currency(prices: pl.Series) -> pl.Series:
    """Integer prices in the quote currency; null at a level that is not occupied."""
    found = pl.Series(prices.name, prices.to_numpy() / _UNIT)  # polars would multiply by 1/10,000, one bit off
    top = prices.abs().max()
    return found if top is None or int(str(top)) < _EMPTY else found.set(prices.abs() >= _EMPTY, None)


def _parts(path: Path) -> dict[str, str]:
    match = _NAME.fullmatch(str(path))
    return match.groupdict() if match else {"symbol": "", "date": "", "what": "", "levels": ""}


def _entries(path: Path) -> list[Path]:
    """The LOBSTER files that a path stands for: itself, or the members of an archive; none where it is something else, as a readme."""
    if path.suffix != ".zip":
        return [path] if _parts(path)["what"] else []
    return [member for member in (Path(f"{path}!{name}") for name in sorted(member_names(path))) if _parts(member)["what"]]


def _numbers(content: bytes, names: tuple[str, ...] | list[str], path: Path, first: type[pl.DataType] = pl.Int64) -> pl.DataFrame:
    """The file's columns as numbers. SourceError naming row and field of the first cell that is none; nothing is read of half a file."""
    if not content.endswith(b"\n"):
        what = "does not end with a line's end" if content else "is empty"
        raise SourceError(what, file=path, hint="fetch the file again, it is truncated")
    fields = content[: content.index(b"\n")].count(b",") + 1
    extra = [f"column_{i}" for i in range(len(names), fields)]  # newer message files carry a participant's name
    if fields < len(names) or (extra and names[0] != "time"):
        raise SourceError(f"has {fields} columns, not {len(names)}", file=path, row=1, hint="keep the name that LOBSTER gave")
    kinds: dict[str, type[pl.DataType]] = dict.fromkeys(names, pl.Int64) | dict.fromkeys(extra, pl.String)
    kinds[names[0]] = first
    try:
        frame = pl.read_csv(io.BytesIO(content), has_header=False, schema=kinds).select(names)
        if not sum(frame.null_count().row(0)):
            return frame
        text = frame
    except (pl.exceptions.PolarsError, ValueError):
        text = _texts(content, [*names, *extra], path).select(pl.col(name).cast(kinds[name], strict=False) for name in names)
    for row, cells in enumerate(text.select(pl.col(name).is_null() for name in names).iter_rows(), start=1):
        if any(cells):
            raise SourceError("no number stands here", file=path, row=row, field=names[cells.index(True)], hint=FETCH_AGAIN)
    raise SourceError("cannot be read as numbers", file=path, hint=FETCH_AGAIN)


def _texts(content: bytes, names: list[str], path: Path) -> pl.DataFrame:
    try:
        return pl.read_csv(io.BytesIO(content), has_header=False, schema=dict.fromkeys(names, pl.String), encoding="utf8-lossy")
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise SourceError(f"is no readable CSV: {str(error).splitlines()[0]}", file=path, hint=FETCH_AGAIN) from error


def _with_lives(frame: pl.DataFrame) -> pl.DataFrame:
    """The messages with `age`, `remaining` and `ended` of their orders, from the messages up to each one and no later one."""
    kind, ids, size, ts = (frame[name].to_numpy() for name in ("kind", "order_id", "size", "ts"))
    order = np.argsort(ids, kind="stable")
    opened = np.ones(len(order), bool)  # each new order begins a life, and so does each number
    opened[1:] = (ids[order][1:] != ids[order][:-1]) | (kind[order][1:] == _NEW)
    life = np.cumsum(opened) - 1
    start = order[opened]
    seen = (kind[start] == _NEW)[life] & (ids[order] > 0)
    taken = np.cumsum(np.where(kind[order] == _NEW, 0, size[order]))
    before = (taken - np.where(kind[order] == _NEW, 0, size[order]))[opened]
    left = np.where(seen, size[start][life] - (taken - before[life]), np.nan)
    left = np.where(kind[order] == _DELETE, 0.0, np.maximum(left, 0.0))
    age = np.where(seen, (ts[order] - ts[start][life]) / SECOND, np.nan)
    remaining, since = np.empty(len(order)), np.empty(len(order))
    remaining[order], since[order] = left, age
    lives = pl.DataFrame({"age": since, "remaining": remaining}).select(pl.all().fill_nan(None))
    trading = pl.col("kind") != _HALT
    stops = pl.col("price").sign().cast(pl.Int64)  # -1 halted, 0 quoting, 1 trading
    return pl.concat([frame, lives], how="horizontal").with_columns(
        (pl.col("remaining") <= 0).cast(pl.Int8).alias("ended"),
        pl.when(trading).then(_currency(frame["price"])).alias("price"),
        pl.when(trading).then(pl.col("size")).alias("size"),
        pl.when(trading).then(pl.col("side")).otherwise(stops).alias("side"),
        pl.when(pl.col("order_id") > 0).then(pl.col("order_id")).otherwise(0).alias("order_id"),
    )
