"""TAQ: trades and quotes of US equities in the format of the NYSE's tape, from R data files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl

from tickcast.calendars import calendar
from tickcast.cleaning import REGULAR, Cleaned, clean, tape_quotes, tape_trades
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import TABLES
from tickcast.sources.base import PortionSource, no_contracts
from tickcast.sources.files import FETCH_AGAIN, Paths, list_files
from tickcast.sources.portions import Portion
from tickcast.sources.rda import read_rda

__all__ = ["Taq"]

_MICROSECOND = 1_000
_TRADES: Mapping[str, str] = {
    "DT": "ts",
    "EX": "exchange",
    "SYMBOL": "symbol",
    "PRICE": "price",
    "SIZE": "size",
    "COND": "condition",
    "CORR": "correction",
}
_QUOTES: Mapping[str, str] = {
    "DT": "ts",
    "EX": "exchange",
    "SYMBOL": "symbol",
    "BID": "bid_price_1",
    "BIDSIZ": "bid_size_1",
    "OFR": "ask_price_1",
    "OFRSIZ": "ask_size_1",
}


class Taq(PortionSource):
    """Files of trades or of quotes, one chunk per file.

    Parameters
    ----------
    files: .rda files with a data frame of the tape's columns: DT, EX, SYMBOL, and PRICE, SIZE, COND, CORR or BID, BIDSIZ, OFR, OFRSIZ; a
        file, folder, glob or list. Files of the other kind are refused.
    table: `trades`, or `book`: one exchange's best bid and offer, each row a quote of it. The best of all exchanges is not built.
    symbol: keep this symbol only; None keeps all.
    exchange: the tape's letter, as N for the NYSE; other exchanges' rows are left out. Quotes need it, trades of all exchanges may be had.
    reference: clean as research on the past does, one row per stamp, see `cleaning.tape`. Otherwise trades that were corrected or are not
        regular are set aside, and all that `cleaning.clean` refuses.
    lot: shares that a quote's size of 1 stands for.

    Times are rounded to the microsecond, which is what the tape tells: R keeps seconds since 1970 as one number, 238 ns apart.
    """

    name: ClassVar[str] = "taq"

    def __init__(
        self,
        files: Paths,
        *,
        table: str = "trades",
        symbol: str | None = None,
        exchange: str | None = None,
        reference: bool = False,
        lot: int = 100,
    ) -> None:
        if table not in ("trades", "book"):
            raise ConfigError(f"TAQ files give no table {table!r}", field="table", hint="choose trades or book")
        if exchange is None and (table == "book" or reference):
            raise ConfigError("no exchange is named", field="exchange", hint="name one by the tape's letter, as N for the NYSE")
        self.table, self.symbol, self.exchange, self.reference, self.lot = TABLES[table], symbol, exchange, reference, lot
        self.calendar = "NYSE"
        self.files = list_files(files, "*.rda")

    def contracts(self) -> pl.DataFrame:
        """Nothing is known of the instruments."""
        return no_contracts()

    def _read(self, portion: Portion) -> Cleaned:
        path = portion.file
        frame = self._tape(path)
        read = len(frame)
        if self.symbol is not None:
            frame = frame.filter(pl.col("symbol") == self.symbol)
        left_out = {"other_symbol": read - len(frame)} if read > len(frame) else {}
        trades = self.table.name == "trades"
        if self.reference:
            made = (tape_trades if trades else tape_quotes)(frame, calendar("NYSE"), str(self.exchange))
            frame = made.frame.with_columns(made.numbers.alias("row"))
        elif self.exchange is not None:
            read = len(frame)
            frame = frame.filter(pl.col("exchange") == self.exchange)
            left_out |= {"other_exchange": read - len(frame)} if read > len(frame) else {}
        reasons = []
        if trades:
            regular = pl.col("condition").fill_null("").str.replace_all(r"\s", "").is_in(REGULAR)
            reasons = [pl.when(pl.col("correction") != 0).then(pl.lit("corrected")), pl.when(~regular).then(pl.lit("condition"))]
        chunk = replace(clean(frame, self.table, reasons=reasons, origin=path.name), left_out=left_out)
        return chunk.joined(made.quarantined) if self.reference else chunk

    def _tape(self, path: Path) -> pl.DataFrame:
        """The file's one data frame with our names and units, and `row`."""
        wanted = _TRADES if self.table.name == "trades" else _QUOTES
        tables = [one for one in read_rda(path).values() if set(wanted) <= set(one.columns)]
        if len(tables) != 1:
            found = f"holds {len(tables)} data frames" if tables else "holds no data frame"
            raise SourceError(f"{found} with columns {', '.join(wanted)}", file=path, hint=f"name files of {self.table.name}")
        frame = tables[0].select(pl.col(name).alias(ours) for name, ours in wanted.items()).with_row_index("row", offset=1)
        seconds = frame["ts"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if not np.all(np.abs(seconds[np.isfinite(seconds)]) < 9e9):
            raise SourceError("holds times that are no seconds since 1970", file=path, field="DT", hint=FETCH_AGAIN)
        known = np.isfinite(seconds)
        stamps = pl.Series("ts", np.rint(np.where(known, seconds, 0) * 1e6).astype(np.int64) * _MICROSECOND).set(pl.Series(~known), None)
        sizes = [pl.col(name).cast(pl.Float64) * self.lot for name in ("bid_size_1", "ask_size_1") if name in frame.columns]
        return frame.with_columns(stamps, *sizes)
