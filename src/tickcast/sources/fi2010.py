"""FI-2010, the benchmark of limit order books: text matrices of 149 rows, an event per column.

Rows 1 to 40 hold ten levels as ask price, ask size, bid price, bid size; rows 41 to 144 hand-made features, rows 145 to 149 labels.
Only the files normalised by decimal precision (`DecPre`) hold prices; those by z-score or extremes do not. The files tell no times.
Source: Ntakaris, Magris, Kanniainen, Gabbouj, Iosifidis (2018), Benchmark dataset for mid-price forecasting of limit order book data.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.cleaning import Cleaned, clean
from tickcast.clock import SECOND, parse_duration
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import TABLES
from tickcast.sources.base import PortionSource, no_contracts
from tickcast.sources.files import FETCH_AGAIN, Paths, list_files, read_bytes
from tickcast.sources.portions import Portion

__all__ = ["Fi2010"]

_LEVELS, _FEATURES, _LABELS = 10, 144, 5


class Fi2010(PortionSource):
    """Files of FI-2010 into `book`, one chunk per file.

    Parameters
    ----------
    files: text files (also packed) of one normalisation, `DecPre`, in time order.
    symbol: of all rows; the files hold five stocks one after another and do not say which.
    start: date or moment (ISO, UTC) given to the first event, and `step` between two events: the files tell no times, so windows of event
        time mean nothing here, windows of rows do.
    jump: relative move of the mid price beyond which the next stock begins; rows get a new `segment_id` there.
    """

    name: ClassVar[str] = "fi2010"

    def __init__(
        self, files: Paths, *, symbol: str, table: str = "book", start: str = "2010-06-01", step: str = "1s", jump: float = 0.05
    ) -> None:
        if table != "book":
            raise ConfigError(f"FI-2010 files give no table {table!r}", field="table", hint="choose book")
        try:
            moment = datetime.fromisoformat(start).replace(tzinfo=UTC)
        except (TypeError, ValueError):
            raise ConfigError(f"{start!r} is no date", field="start", hint="write it as 2010-06-01") from None
        self.table, self.symbol, self.jump = TABLES[table], symbol, jump
        self._start, self._step = int(moment.timestamp()) * SECOND, parse_duration(step)
        self.files = list_files(files, "*DecPre*.txt*")

    def contracts(self) -> pl.DataFrame:
        """None: the files tell nothing of the instrument."""
        return no_contracts()

    def labels(self, path: Path) -> NDArray[np.int64]:
        """(n, 5) published labels of a file's events, 1 up, 2 stationary, 3 down, over the next 10, 20, 30, 50 and 100 events.

        They look ahead; they are for comparing with published results, never a feature. Raises SourceError.
        """
        labels = _matrix(path)[_FEATURES:].T
        if not np.isin(labels, (1, 2, 3)).all():
            raise SourceError("holds labels other than 1, 2 and 3", file=path, hint=FETCH_AGAIN)
        return labels.astype(np.int64)

    def _read(self, portion: Portion) -> Cleaned:
        path = portion.file
        values = _matrix(path)[: 4 * _LEVELS]
        names = [f"{side}_{what}_{level}" for level in range(1, _LEVELS + 1) for side in ("ask", "bid") for what in ("price", "size")]
        frame = pl.DataFrame(dict(zip(names, values, strict=True)))
        if (frame["ask_price_1"] <= frame["bid_price_1"]).mean() or (values < 0).any():
            hint = "read the files whose names hold DecPre; z-scores and shares of a range are no prices"
            raise SourceError("holds no prices: bids above offers or numbers below 0", file=path, hint=hint)
        before = sum(_events(each) for each in self.files[: self.files.index(path)])
        events = pl.int_range(before, before + len(frame), eager=True, dtype=pl.Int64)
        mid = (frame["ask_price_1"] + frame["bid_price_1"]).log()
        segment = (mid.diff().abs() > np.log1p(self.jump)).fill_null(False).cast(pl.Int64).cum_sum() + before
        stamped = frame.with_columns((events * self._step + self._start).alias("ts"), pl.lit(self.symbol).alias("symbol"))
        return clean(stamped.with_columns(segment.alias("segment_id")), self.table, origin=path.name)


def _events(path: Path) -> int:
    return len(read_bytes(path).lstrip().partition(b"\n")[0].split())


def _matrix(path: Path) -> NDArray[np.float64]:
    """(149, n) numbers of a file. Raises SourceError naming the row that has another length or holds no number."""
    content = read_bytes(path)
    try:
        values = np.loadtxt(io.BytesIO(content), dtype=np.float64, ndmin=2, encoding="utf-8")
    except ValueError as error:  # numpy names the row
        raise SourceError(f"cannot be read as numbers: {error}", file=path, hint=FETCH_AGAIN) from None
    if len(values) != _FEATURES + _LABELS:
        raise SourceError(f"has {len(values)} rows, not {_FEATURES + _LABELS}", file=path, hint=FETCH_AGAIN)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise SourceError("holds a number that is not finite", file=path, row=row + 1, hint=FETCH_AGAIN)
    return values
