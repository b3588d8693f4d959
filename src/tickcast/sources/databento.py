"""Databento DBN files, read offline: `ohlcv-*` into bars, `trades` into trades.

Records are read as one numpy array over the decompressed bytes. Symbols come from the mappings in the file's own metadata (instrument id →
raw symbol, by UTC date). A bar carries its start in the file and is stamped with its close here. Format: Databento DBN 1 to 3.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import polars as pl
from databento_dbn import DBNError, Metadata, OHLCVMsg, TradeMsg
from numpy.typing import NDArray

from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import CONTRACTS, TABLES, conform
from tickcast.sources.base import FileSource
from tickcast.sources.cleaning import Cleaned, clean
from tickcast.sources.databento_definitions import read_definitions
from tickcast.sources.files import Paths, list_files, read_bytes

__all__ = ["Databento", "mapped_ids"]

_INTERVALS = MappingProxyType({"ohlcv-1s": (SECOND, 32), "ohlcv-1m": (MINUTE, 33), "ohlcv-1h": (HOUR, 34), "ohlcv-1d": (DAY, 35)})
_TRADE_RTYPE = 0
_UNDEFINED = np.iinfo(np.int64).max
_NEVER = np.iinfo(np.uint64).max
_SPREAD_MARKS = ("-", ":", " ")


class Databento(FileSource):
    """DBN files of one dataset.

    Parameters
    ----------
    files: a file, a folder of `*.dbn` and `*.dbn.zst`, a glob, or a list of these.
    table: `bars` (files of schema ohlcv-*), `trades` or `contracts` (files of schema definition).
    symbol: keep the contracts of this product only (`MGC` keeps MGCG1); None keeps all.
    spreads: keep calendar spreads such as MGCG1-MGCJ1 too; their prices may be zero or negative.
    """

    name: ClassVar[str] = "databento"

    def __init__(self, files: Paths, *, table: str = "bars", symbol: str | None = None, spreads: bool = False) -> None:
        if table not in ("bars", "trades", "contracts"):
            raise ConfigError(f"DBN files give no table {table!r}", field="table", hint="choose bars, trades or contracts")
        self.table = TABLES[table]
        self.files, self.symbol, self.spreads = list_files(files, "*.dbn*"), symbol, spreads

    def contracts(self) -> pl.DataFrame:
        """Of files of definitions all they tell; of others the instrument ids in their metadata, known from the first UTC day they map."""
        if self.table is CONTRACTS:
            told = pl.concat([chunk.frame for chunk in self.history()]).sort("symbol", "ts", maintain_order=True)
            return told.unique(["symbol", "ts"], keep="last", maintain_order=True)
        spans = [_spans(_metadata(read_bytes(path), path)[0], path) for path in self.files]
        known = pl.concat(spans).select(
            "symbol", (pl.col("first").cast(pl.Int64) * DAY).alias("ts"), pl.col("instrument_id").cast(pl.Int64)
        )
        known = known if self.symbol is None else known.filter(pl.col("symbol").str.starts_with(self.symbol))
        known = known if self.spreads else known.filter(~_is_spread())
        again = pl.col("instrument_id") == pl.col("instrument_id").shift(1).over("symbol")
        return conform(known.unique(["symbol", "ts"]).sort("symbol", "ts").filter(~again.fill_null(False)), CONTRACTS)

    def _wanted(self, definitions: Cleaned) -> Cleaned:
        spread = pl.col("kind").is_in(["spread", "option_spread"]) & pl.lit(not self.spreads)
        other = pl.lit(False) if self.symbol is None else ~pl.col("symbol").str.starts_with(self.symbol)
        return replace(definitions, frame=definitions.frame.filter(~spread.fill_null(False), ~other))

    def _read(self, path: Path) -> Cleaned:
        raw = read_bytes(path)
        metadata, offset = _metadata(raw, path)
        if self.table is CONTRACTS:
            return self._wanted(read_definitions(raw, path))
        schema = str(metadata.schema)
        bars = self.table.name == "bars"
        if (schema in _INTERVALS) != bars or (not bars and schema != "trades"):
            raise SourceError(
                f"holds {schema}, not {self.table.name}", file=path, hint="use files of schema ohlcv-1m for bars or trades for trades"
            )
        layout = np.dtype(list((OHLCVMsg if bars else TradeMsg)._dtypes) + ([("ts_out", "u8")] if metadata.ts_out else []))
        rtype = _INTERVALS[schema][1] if bars else _TRADE_RTYPE
        records = _records(raw, offset, layout, rtype, path)
        frame = _bars_frame(records, _INTERVALS[schema][0]) if bars else _trades_frame(records)
        frame = _with_symbols(frame, metadata, path)
        if not self.spreads:
            frame = frame.filter(~_is_spread())
        if self.symbol is not None:
            frame = frame.filter(pl.col("symbol").is_null() | pl.col("symbol").str.starts_with(self.symbol))
        reasons = [
            pl.when(pl.col("symbol").is_null()).then(pl.lit("symbol_unmapped")),
            pl.when(pl.col("undefined")).then(pl.lit("price_undefined")),
        ]
        cleaned = clean(frame, self.table, reasons=reasons, signed=_is_spread(), origin=path.name)
        if len(frame) and cleaned.counts.get("ts_implausible", 0) > len(frame) // 2:
            raise SourceError(
                "most stamps lie outside 1970 to 2100", file=path, field="ts_event", hint="fetch the file again, it is damaged"
            )
        return cleaned


def mapped_ids(path: Path) -> pl.DataFrame:
    """`symbol`, `instrument_id`, `first` and `last` (UTC dates, [first, last)) as a file's metadata maps them, by `first`."""
    return _spans(_metadata(read_bytes(path), path)[0], path)


def _is_spread() -> pl.Expr:
    return pl.any_horizontal([pl.col("symbol").str.contains(mark, literal=True) for mark in _SPREAD_MARKS]).fill_null(False)


def _metadata(raw: bytes, path: Path) -> tuple[Any, int]:
    """The file's metadata and the byte at which its records begin."""
    length = int.from_bytes(raw[4:8], "little")
    if len(raw) < 8 or raw[:3] != b"DBN" or raw[3] not in (1, 2, 3):
        raise SourceError("is no DBN file of version 1 to 3", file=path, hint="name files ending in .dbn or .dbn.zst")
    if len(raw) < 8 + length:
        raise SourceError(
            f"ends inside its metadata at byte {len(raw)} of {8 + length}", file=path, hint="fetch the file again, it is truncated"
        )
    try:
        return Metadata.decode(raw[: 8 + length]), 8 + length
    except (DBNError, ValueError, OverflowError) as error:
        raise SourceError(f"metadata cannot be read: {error}", file=path, hint="fetch the file again, it is damaged") from error


def _records(raw: bytes, offset: int, layout: np.dtype[Any], rtype: int, path: Path) -> NDArray[Any]:
    """All records as one structured array; SourceError naming the first record that is not of this layout and type."""
    count, rest = divmod(len(raw) - offset, layout.itemsize)
    records = np.frombuffer(raw, dtype=layout, count=count, offset=offset)
    wrong = (records["length"] != layout.itemsize // 4) | (records["rtype"] != rtype)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        found = f"record at byte {offset + row * layout.itemsize} has length {4 * records['length'][row]} and type {records['rtype'][row]}"
        raise SourceError(f"{found}, not {layout.itemsize} and {rtype}", file=path, row=row + 1, hint="fetch the file again, it is damaged")
    if rest:
        raise SourceError(
            f"ends inside a record at byte {len(raw)}", file=path, row=count + 1, hint="fetch the file again, it is truncated"
        )
    return records


def _stamp(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Unsigned ns as int64; the undefined stamp and anything beyond int64 become 0, which cleaning refuses."""
    return np.where(values > np.uint64(_UNDEFINED), np.uint64(0), values).astype(np.int64)


def _price(records: NDArray[Any], name: str) -> NDArray[np.float64]:
    return np.asarray(records[name] / 1e9, dtype=np.float64)


def _bars_frame(records: NDArray[Any], interval: int) -> pl.DataFrame:
    begin = _stamp(records["ts_event"])
    undefined = np.logical_or.reduce([records[name] == _UNDEFINED for name in ("open", "high", "low", "close")])
    begin_ok = (begin > 0) & (begin < _UNDEFINED - interval)
    return pl.DataFrame(
        {
            "row": np.arange(1, len(records) + 1),
            "instrument_id": records["instrument_id"],
            "date": (begin // DAY).astype(np.int32),
            "undefined": undefined,
            "interval": np.full(len(records), interval, dtype=np.int64),
            "ts": np.where(begin_ok, begin + interval * begin_ok, 0),
            "ts_open": begin,
            **{name: _price(records, name) for name in ("open", "high", "low", "close")},
            "volume": records["volume"].astype(np.float64),
        }
    )


def _trades_frame(records: NDArray[Any]) -> pl.DataFrame:
    side = np.select([records["side"] == b"B", records["side"] == b"A"], [1, -1], 0).astype(np.int8)
    known = _stamp(records["ts_recv"])
    return pl.DataFrame(
        {
            "row": np.arange(1, len(records) + 1),
            "instrument_id": records["instrument_id"],
            "date": (known // DAY).astype(np.int32),
            "undefined": records["price"] == _UNDEFINED,
            "ts": known,
            "ts_event": _stamp(records["ts_event"]),
            "price": _price(records, "price"),
            "size": records["size"].astype(np.float64),
            "side": side,
            "sequence": records["sequence"].astype(np.int64),
        }
    )


def _spans(metadata: Any, path: Path) -> pl.DataFrame:
    """`instrument_id`, `first` and `last` (UTC dates, [first, last)) and `symbol`, as the metadata maps them, by `first`."""
    ids, first, last, names = [], [], [], []
    for raw_symbol, intervals in metadata.mappings.items():
        for interval in intervals:
            if not interval["symbol"].isdigit():
                raise SourceError(
                    f"maps {raw_symbol} to {interval['symbol']!r}, not an instrument id", file=path, hint="ask for stype_out=instrument_id"
                )
            ids.append(int(interval["symbol"]))
            first.append(interval["start_date"].toordinal() - 719_163)
            last.append(interval["end_date"].toordinal() - 719_163)
            names.append(raw_symbol)
    return pl.DataFrame(
        {"instrument_id": ids, "first": first, "last": last, "symbol": names},
        schema={"instrument_id": pl.UInt32, "first": pl.Int32, "last": pl.Int32, "symbol": pl.String},
    ).sort("first")


def _with_symbols(frame: pl.DataFrame, metadata: Any, path: Path) -> pl.DataFrame:
    """`symbol` and `underlying_contract` by instrument id and UTC date; null where the metadata names none."""
    spans = _spans(metadata, path)
    placed = (
        frame.select("row", "instrument_id", "date")
        .sort("date")
        .join_asof(spans, left_on="date", right_on="first", by="instrument_id", strategy="backward", check_sortedness=False)
    )
    named = pl.when(pl.col("date") < pl.col("last")).then(pl.col("symbol")).alias("symbol")
    symbols = placed.sort("row").select(named)["symbol"]
    return frame.drop("instrument_id", "date").with_columns(symbols, symbols.alias("underlying_contract"))
