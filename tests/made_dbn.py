"""Databento DBN bytes made by hand, with Databento's own encoder of metadata: small, and known to the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import databento_dbn as dbn
import numpy as np
from numpy.typing import NDArray

from tickcast.clock import DAY

RECORDS: Mapping[str, type] = {
    "ohlcv-1s": dbn.OHLCVMsg,
    "ohlcv-1m": dbn.OHLCVMsg,
    "ohlcv-1h": dbn.OHLCVMsg,
    "ohlcv-1d": dbn.OHLCVMsg,
    "trades": dbn.TradeMsg,
    "mbp-1": dbn.MBP1Msg,
    "mbp-10": dbn.MBP10Msg,
    "mbo": dbn.MBOMsg,
    "definition": dbn.InstrumentDefMsg,
}
RTYPES: Mapping[str, int] = {
    "ohlcv-1s": 32,
    "ohlcv-1m": 33,
    "ohlcv-1h": 34,
    "ohlcv-1d": 35,
    "trades": 0,
    "mbp-1": 1,
    "mbp-10": 10,
    "mbo": 160,
    "definition": 19,
}


@dataclass(frozen=True)
class Interval:
    """One line of a mapping: the instrument id of a symbol on [start_date, end_date)."""

    start_date: date
    end_date: date
    symbol: str


@dataclass(frozen=True)
class Mapped:
    """A symbol and what it stands for, as Databento's encoder reads it."""

    raw_symbol: str
    intervals: Sequence[Interval]


def on(day: int) -> date:
    """The date of a day counted from 1970."""
    return date(1970, 1, 1) + timedelta(day)


def always(symbols: Mapping[str, int], start: int, end: int) -> list[Mapped]:
    """Every symbol mapped to one instrument id over all UTC days that [start, end) touches."""
    first, last = on(start // DAY), on(-(-end // DAY))
    return [Mapped(name, [Interval(first, last, str(number))]) for name, number in symbols.items()]


def records(schema: str, columns: Mapping[str, Any], instrument_id: Any = 1) -> NDArray[Any]:
    """Records of a schema with these fields, everything else 0; prices as they stand in the file, in units of 1e-9."""
    count = len(next(iter(columns.values())))
    made = np.zeros(count, dtype=np.dtype(RECORDS[schema]._dtypes))
    made["length"], made["rtype"], made["publisher_id"], made["instrument_id"] = made.itemsize // 4, RTYPES[schema], 1, instrument_id
    for name, values in columns.items():
        made[name] = values
    return made


def bars(opens: Sequence[int], price: float = 100.0, instrument_id: Any = 1, schema: str = "ohlcv-1m") -> NDArray[Any]:
    """Bars that begin at these moments (UTC ns), each a tenth above the one before."""
    level = np.round((price + 0.1 * np.arange(len(opens))) * 1e9).astype(np.int64)
    columns = {"ts_event": opens, "open": level, "high": level + 10**8, "low": level - 10**8, "close": level}
    return records(schema, {**columns, "volume": np.arange(1, len(opens) + 1)}, instrument_id)


def metadata(
    schema: str, start: int, end: int, mappings: Sequence[Mapped], *, stype_in: str = "raw_symbol", dataset: str = "GLBX.MDP3"
) -> bytes:
    """The beginning of a DBN file."""
    symbols = [each.raw_symbol for each in mappings]
    kinds = dbn.SType(stype_in), dbn.SType.INSTRUMENT_ID
    return bytes(dbn.Metadata(dataset, start, *kinds, dbn.Schema(schema), symbols=symbols, mappings=list(mappings), end=end, version=3))


def file(schema: str, rows: NDArray[Any], symbols: Mapping[str, int], *, span: tuple[int, int] | None = None) -> bytes:
    """A whole DBN file over the rows' days, or over `span`, without compression."""
    stamps = rows["ts_event"]
    start, end = span if span is not None else (int(stamps.min()) // DAY * DAY, (int(stamps.max()) // DAY + 1) * DAY)
    return metadata(schema, start, end, always(symbols, start, end)) + rows.tobytes()
