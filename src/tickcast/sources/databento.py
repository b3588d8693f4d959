"""Databento DBN files, read offline: bars, trades, books, messages of orders and definitions of contracts.

Symbols come from the mappings in the file's own metadata (instrument id → raw symbol, by UTC date), else from files of definitions. A bar
carries its start in the file and is stamped with its close here; everything else is stamped with the moment of its receipt, and `ts_event`
is the exchange's. Format: Databento DBN 1 to 3, https://databento.com/docs/schemas-and-data-formats
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.book import OrderBook
from tickcast.cleaning import Cleaned, clean
from tickcast.clock import DAY
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import BOOK_LEVELS, CONTRACTS, TABLES, conform
from tickcast.sources.base import FileSource
from tickcast.sources.databento_definitions import read_definitions
from tickcast.sources.dbn import INTERVALS, Symbols, metadata_of, records_of, spans_of, stamp, taken
from tickcast.sources.dbn_frames import bars_frame, packet_ends, quotes_frame, thinned, trades_frame
from tickcast.sources.dbn_orders import mbo_books, mbo_orders
from tickcast.sources.files import FETCH_AGAIN, Paths, list_files, read_bytes
from tickcast.sources.portions import Portion

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
_SPREAD_MARKS = ("-", ":", " ")


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

    Files of mbo begin with a snapshot, as whole UTC days do: each is read by itself. Events that a book refuses are quarantined.
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
        known = known if self.spreads else known.filter(~_is_spread())
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

    def _read(self, portion: Portion) -> Cleaned:
        path = portion.file
        raw = read_bytes(path)
        metadata, offset = metadata_of(raw, path)
        schema, table = str(metadata.schema), self.table.name
        if self.table is CONTRACTS:
            return self._wanted(read_definitions(raw, path))
        if schema not in _SCHEMAS[table]:
            raise SourceError(
                f"holds {schema}, not {table}", file=path, hint=f"use files of schema {' or '.join(_SCHEMAS[table])} for {table}"
            )
        records = records_of(raw, offset, metadata, path)
        numbers, names, spread = self._kept(records, metadata, path)
        records = records if len(numbers) == len(records) else taken(records, numbers)
        refused: pl.DataFrame | None = None
        if table == "bars":
            frame = bars_frame(records, INTERVALS[schema])
        elif table == "trades":
            prints = np.arange(len(records)) if schema in ("trades", "tbbo") else np.flatnonzero(records["action"] == b"T")
            frame = trades_frame(records[prints]).with_columns(row=prints + 1)
        elif schema == "mbo" and table == "orders":
            frame, refused = mbo_orders(records, path)
        elif schema == "mbo":
            frame, refused = mbo_books(records, self.levels, self.every, metadata.end, path)
        else:
            shown = np.flatnonzero(packet_ends(records)) if self.every != "event" else np.arange(len(records))
            frame = quotes_frame(records[shown]).with_columns(row=shown + 1)
        at = frame["row"].to_numpy().astype(np.int64) - 1 if "row" in frame.columns else np.arange(len(records))
        named = frame.with_columns(
            names.gather(at).alias("symbol"),
            names.gather(at).alias("underlying_contract"),
            pl.Series("spread", spread[at]),
            pl.Series("row", numbers[at] + 1),
        )
        if table == "book" and schema != "mbo":
            named = thinned(named, self.every)
        cleaned = self._cleaned(named, path)
        return cleaned if refused is None or not len(refused) else _with_refused(cleaned, refused, records, names, numbers)

    def _cleaned(self, frame: pl.DataFrame, path: Path) -> Cleaned:
        reasons = [pl.when(pl.col("symbol").is_null()).then(pl.lit("symbol_unmapped"))] if frame["symbol"].null_count() else []
        if "undefined" in frame.columns and frame["undefined"].any():
            reasons.append(pl.when(pl.col("undefined")).then(pl.lit("price_undefined")))
        cleaned = clean(frame, self.table, reasons=reasons, signed=pl.col("spread"), origin=path.name)
        if len(frame) and cleaned.counts.get("ts_implausible", 0) > len(frame) // 2:
            raise SourceError("most stamps lie outside 1970 to 2100", file=path, field="ts_event", hint=FETCH_AGAIN)
        return cleaned

    def _kept(self, records: NDArray[Any], metadata: Any, path: Path) -> tuple[NDArray[np.int64], pl.Series, NDArray[np.bool_]]:
        """(numbers, symbols, spreads) of the records of contracts that are wanted; those without a symbol are, to be set aside."""
        symbols = Symbols.of(spans_of(metadata, path))
        known = stamp(records["ts_recv" if "ts_recv" in (records.dtype.names or ()) else "ts_event"])
        days, ids = known // DAY, records["instrument_id"]
        at = symbols.place(ids, days)
        names = symbols.names
        if (at < 0).any() and self.beside:
            told = pl.concat([read_definitions(read_bytes(file), file).frame for file in self.beside])
            defined = Symbols.defined(told)
            more = defined.place(ids, days)
            at = np.where(at < 0, np.where(more < 0, -1, more + len(names)), at)
            names = pl.concat([names, defined.names])
        spread = names.to_frame("symbol").select(_is_spread()).to_series().to_numpy()
        wanted = np.ones(len(names) + 1, dtype=np.bool_)  # the last one, -1, is no symbol
        if not self.spreads:
            wanted[:-1] &= ~spread
        if self.symbol is not None:
            wanted[:-1] &= names.str.starts_with(self.symbol).to_numpy()
        numbers = np.flatnonzero(wanted[at])
        found = pl.Series("symbol", [*names, None], dtype=pl.String).gather(np.where(at < 0, len(names), at)[numbers])
        return numbers, found, np.append(spread, False)[at[numbers]]


def mapped_ids(path: Path) -> pl.DataFrame:
    """`symbol`, `instrument_id`, `first` and `last` (UTC dates, [first, last)) as a file's metadata maps them, by `first`."""
    return spans_of(metadata_of(read_bytes(path), path)[0], path)


def _is_spread() -> pl.Expr:
    return pl.any_horizontal([pl.col("symbol").str.contains(mark, literal=True) for mark in _SPREAD_MARKS]).fill_null(False)


def _with_refused(cleaned: Cleaned, refused: pl.DataFrame, records: NDArray[Any], names: pl.Series, numbers: NDArray[np.int64]) -> Cleaned:
    """The chunk with the events that a book refused in its quarantine, as the file has them."""
    at = refused["row"].to_numpy() - 1
    own = records[at]
    rows = refused.with_columns(
        names.gather(at).alias("symbol"),
        pl.Series("row", numbers[at] + 1),
        pl.Series("ts", stamp(own["ts_recv"])),
        pl.Series("ts_event", stamp(own["ts_event"])),
        pl.Series("action", own["action"].astype("U1").tolist()),
        pl.Series("order_id", np.ascontiguousarray(own["order_id"]).view(np.int64)),
        pl.Series("price", np.asarray(own["price"] / 1e9)),
        pl.Series("size", own["size"].astype(np.float64)),
    )
    held = cleaned.quarantined
    if len(held):
        rows = pl.concat([held.with_columns(pl.col("row").cast(pl.Int64)), rows], how="diagonal_relaxed")
    counts = dict(rows.group_by("reason").len().sort("reason").iter_rows())
    return replace(cleaned, quarantined=rows, counts=MappingProxyType(counts))
