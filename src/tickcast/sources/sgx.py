"""Book snapshots as text blocks, as samples of SGX futures come: a `TimeStamp,<moment>` line, then one line per level.

A level's line is `bid, bid quantity, ask, ask quantity`, best first; `nan` or nothing stands where a level is not occupied. Blank lines
part nothing. Moments look like `2014-01-09D08:45:00.130972200`, in the exchange's local time.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from tickcast.cleaning import Cleaned, clean
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import BOOK_LEVELS, TABLES
from tickcast.sources.base import PortionSource, no_contracts
from tickcast.sources.files import FETCH_AGAIN, Paths, list_files, read_bytes
from tickcast.sources.portions import Portion
from tickcast.sources.stamps import Stamps

__all__ = ["Sgx"]

_HEADER = "Bid,Bid_Quantity,Ask,Ask_Quantity"
_COLUMNS = ("bid_price", "bid_size", "ask_price", "ask_size")
_MOMENT = re.compile(r"TimeStamp,(\d{4}-\d\d-\d\d)D(\d\d:\d\d:\d\d(?:\.\d{1,9})?)")


class Sgx(PortionSource):
    """Files of text blocks into `book`, one chunk per file; `row` in the quarantine is the line of the block's moment.

    Parameters
    ----------
    files: a file (also packed), a folder, a glob or a list.
    symbol: what the files are about; they do not tell.
    zone: of the moments.
    divisor: what prices are divided by, as 100 where they are whole hundredths.
    """

    name: ClassVar[str] = "sgx"

    def __init__(self, files: Paths, *, symbol: str, table: str = "book", zone: str = "Asia/Singapore", divisor: float = 1.0) -> None:
        if table != "book":
            raise ConfigError(f"blocks of snapshots give no table {table!r}", field="table", hint="choose book")
        if not np.isfinite(divisor) or divisor <= 0:
            raise ConfigError(f"{divisor} is no divisor", field="divisor", hint="give a number above 0")
        self.table, self.symbol, self.divisor, self._stamps = TABLES[table], symbol, float(divisor), Stamps(zone)
        self.files = list_files(files, "*.csv*")

    def contracts(self) -> pl.DataFrame:
        """None: the files tell nothing of the instrument."""
        return no_contracts()

    def _read(self, portion: Portion) -> Cleaned:
        path = portion.file
        try:
            lines = read_bytes(path).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise SourceError(f"is no UTF-8 text at byte {error.start}", file=path, hint=FETCH_AGAIN) from None
        text = pl.DataFrame({"text": lines}).with_row_index("row", offset=1).with_columns(pl.col("text").str.strip_chars())
        text = text.filter(~pl.col("text").is_in(["", _HEADER])).with_columns(pl.col("text").str.starts_with("TimeStamp").alias("begins"))
        text = text.with_columns((pl.col("begins").cast(pl.Int64).cum_sum() - 1).alias("block"))
        if not len(text) or not text["begins"][0]:
            raise SourceError("does not begin with a TimeStamp line", file=path, hint="name files of snapshot blocks")
        blocks = text.filter("begins").select("row", "block", ts=self._moments(text.filter("begins"), path))
        book = _levels(text.filter(~pl.col("begins")), path)
        deep = pl.when(pl.col("depth") > BOOK_LEVELS).then(pl.lit("too_many_levels")).alias("deep")
        frame = blocks.join(book, on="block", how="left", maintain_order="left").with_columns(deep, pl.lit(self.symbol).alias("symbol"))
        prices = [name for name in frame.columns if "_price_" in name]
        frame = frame.with_columns(pl.Series(name, frame[name].to_numpy() / self.divisor).fill_nan(None) for name in prices)
        return clean(frame, self.table, reasons=[pl.col("deep")], origin=path.name)

    def _moments(self, begins: pl.DataFrame, path: Path) -> pl.Series:
        """UTC ns; a local time that a clock change repeats is null and quarantined."""
        for row, line in zip(begins["row"], begins["text"], strict=True):
            if _MOMENT.fullmatch(line) is None:
                raise SourceError(f"{line[:60]!r} tells no moment", file=path, row=row, field="TimeStamp", hint=FETCH_AGAIN)
        texts = begins["text"].str.strip_prefix("TimeStamp,").str.replace("D", " ", literal=True)
        return self._stamps.nanoseconds(texts, file=path, field="TimeStamp")["ts"]


def _levels(text: pl.DataFrame, path: Path) -> pl.DataFrame:
    """A row per block: its levels side by side, as far as the schema goes, and how many lines it had."""
    parts = text.with_columns(pl.col("text").str.split(",").alias("cells"))
    ragged = parts.filter(pl.col("cells").list.len() != len(_COLUMNS))
    if len(ragged):
        found = f"has {len(ragged['cells'][0])} fields, not {len(_COLUMNS)}"
        raise SourceError(found, file=path, row=int(ragged["row"][0]), hint=FETCH_AGAIN)
    cells = parts.select("row", "block", pl.col("cells").list.to_struct(fields=_COLUMNS)).unnest("cells")
    cells = cells.with_columns(pl.col(name).str.strip_chars().replace({"": "nan"}) for name in _COLUMNS)
    numbers = cells.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in _COLUMNS)
    for name in _COLUMNS:
        if numbers[name].null_count():
            at = int(numbers[name].is_null().arg_max() or 0)
            raise SourceError(f"{cells[name][at]!r} is no number", file=path, row=int(cells["row"][at]), field=name, hint=FETCH_AGAIN)
    numbers = numbers.with_columns(pl.col(name).fill_nan(None) for name in _COLUMNS)
    numbers = numbers.with_columns((pl.int_range(pl.len()).over("block") + 1).alias("level"))
    depth = numbers.group_by("block").agg(pl.len().alias("depth"))
    kept = numbers.filter(pl.col("level") <= BOOK_LEVELS)
    wide = kept.pivot("level", index="block", values=_COLUMNS, maintain_order=True)
    return wide.join(depth, on="block")
