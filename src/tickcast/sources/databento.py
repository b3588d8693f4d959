"""Databento DBN files, read offline: bars, trades, books, messages of orders and definitions of contracts.

Symbols come from the mappings in the file's own metadata (instrument id → raw symbol, by UTC date), else from files of definitions. A bar
carries its start in the file and is stamped with its close here; everything else is stamped with the moment of its receipt, and `ts_event`
is the exchange's. Format: Databento DBN 1 to 3, https://databento.com/docs/schemas-and-data-formats
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import polars as pl

from tickcast.book import OrderBook
from tickcast.cleaning import Cleaned
from tickcast.clock import DAY
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import BOOK_LEVELS, CONTRACTS, TABLES, conform
from tickcast.sources.base import FileSource, Progress
from tickcast.sources.databento_definitions import read_definitions
from tickcast.sources.dbn import INTERVALS, Symbols
from tickcast.sources.dbn_blocks import DbnFile
from tickcast.sources.dbn_contracts import FileContracts, is_spread
from tickcast.sources.dbn_rows import DbnRows
from tickcast.sources.files import Paths, list_files, read_bytes

__all__ = ["Databento", "mapped_ids"]

_SCHEMAS = MappingProxyType(
    {
        "bars": tuple(INTERVALS),
        "trades": ("trades", "tbbo", "mbp-1", "mbp-10", "mbo"),
        "book": ("mbp-1", "tbbo", "mbp-10", "mbo"),
        "orders": ("mbo",),
        "contracts": ("definition",),
    }
)
"""Schemas whose files give a table."""


class Databento(FileSource):
    """DBN files of one dataset.

    Parameters
    ----------
    files: a file, a folder of `*.dbn` and `*.dbn.zst`, a glob, or a list of these.
    table: `bars` (files of schema ohlcv-*), `trades` (trades, tbbo, mbp-1, mbp-10, mbo), `book` (mbp-1, mbp-10, or rebuilt from mbo),
        `orders` (mbo) or `contracts` (definition).
    symbol: keep the contracts of this product only (`MGC` keeps MGCG1); None keeps all.
    spreads: keep calendar spreads such as MGCG1-MGCJ1 too; their prices may be zero or negative.
    every: which books: the visible one after each `packet`, after each `event` inside packets too, after each `change` of a level, or on a
        grid as `1s` (see `OrderBook`).
    levels: levels a side of books rebuilt from mbo.
    definitions: files of definitions that say what instrument ids are where the metadata of a file does not.

    Books and orders of mbo go on from a file to the next one that begins when it ended; any other file begins with a snapshot, as whole
    UTC days do. Events that a book refuses are quarantined.
    """

    name: ClassVar[str] = "databento"

    def __init__(
        self,
        files: Paths,
        *,
        table: str = "bars",
        symbol: str | None = None,
        spreads: bool = False,
        every: str = "packet",
        levels: int = BOOK_LEVELS,
        definitions: Paths | None = None,
    ) -> None:
        if table not in _SCHEMAS:
            raise ConfigError(f"DBN files give no table {table!r}", field="table", hint=f"choose {', '.join(_SCHEMAS)}")
        OrderBook(every=every, levels=levels)  # says what is wrong with either
        self.table, self.every, self.levels = TABLES[table], every, levels
        self.files, self.symbol, self.spreads = list_files(files, "*.dbn*"), symbol, spreads
        self.beside = () if definitions is None else list_files(definitions, "*.dbn*")

    def contracts(self) -> pl.DataFrame:
        """Of files of definitions all they tell; of others the instrument ids in their metadata, known from the first UTC day they map.

        With both, of one moment the definitions count.
        """
        if self.table is CONTRACTS:
            told = pl.concat([chunk.frame for chunk in self.history()]).sort("symbol", "ts", maintain_order=True)
            return told.unique(["symbol", "ts"], keep="last", maintain_order=True)
        spans = [mapped_ids(path) for path in self.files]
        known = pl.concat(spans).select(
            "symbol", (pl.col("first").cast(pl.Int64) * DAY).alias("ts"), pl.col("instrument_id").cast(pl.Int64)
        )
        known = known if self.symbol is None else known.filter(pl.col("symbol").str.starts_with(self.symbol))
        known = known if self.spreads else known.filter(~is_spread())
        again = pl.col("instrument_id") == pl.col("instrument_id").shift(1).over("symbol")
        mapped = conform(known.unique(["symbol", "ts"]).sort("symbol", "ts").filter(~again.fill_null(False)), CONTRACTS)
        if not self.beside:
            return mapped
        defined = [self._wanted(read_definitions(read_bytes(file), file)).frame for file in self.beside]
        both = pl.concat([mapped, *defined]).sort("symbol", "ts", maintain_order=True)
        return both.unique(["symbol", "ts"], keep="last", maintain_order=True)

    def _wanted(self, definitions: Cleaned) -> Cleaned:
        spread = pl.col("kind").is_in(["spread", "option_spread"]) & pl.lit(not self.spreads)
        other = pl.lit(False) if self.symbol is None else ~pl.col("symbol").str.starts_with(self.symbol)
        kept = ~spread.fill_null(False) & ~other
        return replace(
            definitions, frame=definitions.frame.filter(kept), rows=definitions.numbers.filter(definitions.frame.select(kept).to_series())
        )

    def chunks(self, progress: Progress | None = None, skip: int = 0) -> Iterator[tuple[Path, Cleaned]]:
        """A chunk per block of a file, most often the whole of it. What is skipped is read again, and cleaned where books go on from it."""
        reader, told = DbnRows(self.table, self.every, self.levels), 0
        for done, path in enumerate(self.files):
            for share, make in self._made(path, reader):
                if progress is not None:
                    progress(f"reading {path.name}", (done + share) / len(self.files))
                if told >= skip:
                    yield path, make()
                elif not reader.free:
                    make()
                told += 1
        if progress is not None:
            progress("read", 1.0)

    def _made(self, path: Path, reader: DbnRows) -> Iterator[tuple[float, Callable[[], Cleaned]]]:
        """For each chunk of a file the share that lies before it, and what makes it."""
        file = DbnFile(path)
        schema, table = file.metadata.schema, self.table.name
        if self.table is CONTRACTS:
            yield 0.0, lambda: self._wanted(read_definitions(read_bytes(path), path))
            return
        if schema not in _SCHEMAS[table]:
            hint = f"use files of schema {' or '.join(_SCHEMAS[table])} for {table}"
            raise SourceError(f"holds {schema}, not {table}", file=path, hint=hint)
        yield from reader.read(file, FileContracts(file.metadata, self._defined if self.beside else None, self.symbol, self.spreads))

    def _defined(self) -> Symbols:
        return Symbols.defined(pl.concat([read_definitions(read_bytes(file), file).frame for file in self.beside]))


def mapped_ids(path: Path) -> pl.DataFrame:
    """`symbol`, `instrument_id`, `first` and `last` (UTC dates, [first, last)) as a file's metadata maps them, by `first`."""
    return DbnFile(path).metadata.spans
