"""DBN files as cleaned rows of a table, block by block; books and orders go on from block to block and from file to file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.cleaning import EARLIEST, LATEST, Cleaned, clean
from tickcast.errors import SourceError
from tickcast.schema import BOOK_LEVELS, Table
from tickcast.sources.dbn import INTERVALS, stamp, stamped_by, taken
from tickcast.sources.dbn_blocks import DbnBlock, DbnFile
from tickcast.sources.dbn_clock import Clock, sound_clock
from tickcast.sources.dbn_contracts import FileContracts
from tickcast.sources.dbn_frames import bars_frame, packet_ends, quotes_frame, trades_frame
from tickcast.sources.dbn_metadata import Metadata
from tickcast.sources.dbn_orders import OrderBooks, OrderLives
from tickcast.sources.dbn_thinned import Thinned
from tickcast.sources.files import FETCH_AGAIN
from tickcast.sources.portions import Portion, without_margins

__all__ = ["DbnRows"]

_BOOK_WIDTH = 32 * BOOK_LEVELS
_FOREVER = 2**63


class DbnRows:
    """Reads one file after the other into `table`; `every` and `levels` as in `Databento`."""

    def __init__(self, table: Table, every: str, levels: int) -> None:
        self.table, self.every = table, every
        self._books, self._lives = OrderBooks(levels, every), OrderLives()
        self._before: tuple[str, int | None] = ("", None)

    def read(self, file: DbnFile, contracts: FileContracts) -> Iterator[tuple[float, Callable[[], Cleaned]]]:
        """For each block the share of the file that lies before it, and what makes its chunk: to be called in order, unless `free`."""
        metadata = file.metadata
        goes_on = self._before == (metadata.dataset, metadata.start)
        self._before = (metadata.dataset, metadata.end)
        self._books.begin(goes_on)
        self._lives.begin(goes_on)
        one = _OneFile(file, contracts, self.table, self.every, self._books, self._lives)
        for block in file.blocks(_BOOK_WIDTH if self.table.name == "book" else 0):
            yield _share(block, metadata), lambda block=block: one.chunk(block)  # type: ignore[misc]

    @property
    def free(self) -> bool:
        """Whether a chunk may be left out without changing those after it."""
        return self.table.name in ("bars", "trades")


class _OneFile:
    """The chunks of one file."""

    def __init__(self, file: DbnFile, contracts: FileContracts, table: Table, every: str, books: OrderBooks, lives: OrderLives) -> None:
        self.file, self.path, self.schema, self.metadata = file, file.path, file.metadata.schema, file.metadata
        self.contracts, self.table, self.every, self.books, self.lives = contracts, table, every, books, lives
        self.thinned = Thinned(every)
        self.marks: bool | None = None

    def chunk(self, block: DbnBlock) -> Cleaned:
        """The rows of a block's own records."""
        orders = self.schema == "mbo" and self.table.name != "trades"
        clock = sound_clock(block.records, self.metadata.start, self.metadata.end) if orders else Clock(block.records)
        codes = self.contracts.codes(clock.records)
        own = np.arange(len(codes))[block.begin : block.end]
        left = self.contracts.left_out(codes[own])
        if orders:
            own = own[self.contracts.wanted(codes[own])]
            return replace(self._of_orders(block, own, codes[own], clock), left_out=left)
        places = np.flatnonzero(self.contracts.wanted(codes))
        records = block.records if len(places) == len(codes) else taken(block.records, places)
        return replace(self._of_rows(block, records, codes[places], places), left_out=left)

    def _of_rows(self, block: DbnBlock, records: NDArray[Any], codes: NDArray[np.int64], places: NDArray[np.int64]) -> Cleaned:
        """Bars, trades and books that the records show as they stand."""
        table = self.table.name
        shown = np.arange(len(records))
        if table == "bars":
            frame = bars_frame(records, INTERVALS[self.schema])
        elif table == "trades":
            shown = shown if self.schema in ("trades", "tbbo") else np.flatnonzero(records["action"] == b"T")
            frame = trades_frame(records[shown])
        else:
            ends = packet_ends(block.records)
            self.marks = bool(ends.any()) if self.marks is None else self.marks
            shown = np.flatnonzero(ends[places]) if self.marks and self.every != "event" else shown
            frame = quotes_frame(records[shown])
        named = frame.with_columns(*self.contracts.columns(codes[shown]), pl.Series("row", places[shown] + block.first))
        first, end = block.numbers
        cleaned = without_margins(self._cleaned(named), Portion(self.path, first, end - 1))
        return self.thinned.take(cleaned, last=block.last) if table == "book" else cleaned

    def _of_orders(self, block: DbnBlock, own: NDArray[np.int64], codes: NDArray[np.int64], clock: Clock) -> Cleaned:
        """Books and messages of orders."""
        numbers, records = own + block.first, block.records[own]
        if self.table.name == "orders":
            frame, refused = self.lives.take(records, clock.records[own], numbers, self.path)
            named = codes[np.searchsorted(numbers, frame["row"].to_numpy())]
        else:
            frame, refused = self.books.take(clock.records[own], codes, numbers, self.path)
            if block.last and self.metadata.end is not None:
                frame = pl.concat([frame, self.books.end(self.metadata.end)])
            wrong = clock.wrong(own)
            refused = pl.concat([refused, wrong.with_columns(pl.col("row") + block.first)])
            named = frame["code"].to_numpy()
        cleaned = self._cleaned(frame.with_columns(*self.contracts.columns(named)))
        if not len(refused):
            return cleaned
        at = np.searchsorted(numbers, refused["row"].to_numpy())
        return cleaned.joined(_as_read(refused, records[at], self.contracts.columns(codes[at])[0]))

    def _cleaned(self, frame: pl.DataFrame) -> Cleaned:
        """The rows with what the file itself says against them. Raises SourceError where it says so of most."""
        reasons = []
        if "undefined" in frame.columns and frame["undefined"].any():
            reasons.append(pl.when(pl.col("undefined")).then(pl.lit("price_undefined")))
        unmapped = frame["symbol"].is_null()
        if "code" not in frame.columns:  # books rebuilt are stamped by their own clock
            known = frame["ts_open" if "ts_open" in frame.columns else "ts"]
            plausible = (known >= EARLIEST) & (known < LATEST)
            outside = ((known < self.metadata.start) | (known >= (self.metadata.end or _FOREVER))) & plausible
            if outside.any():
                reasons.append(pl.when(outside).then(pl.lit("outside_request")))
            if not plausible.all():
                reasons.append(pl.when(unmapped & ~plausible).then(pl.lit("ts_implausible")))  # of another day the id may be anything
        if unmapped.any():
            reasons.append(pl.when(unmapped).then(pl.lit("symbol_unmapped")))
        cleaned = clean(frame, self.table, reasons=reasons, signed=pl.col("spread"), origin=self.path.name)
        if cleaned.counts.get("ts_implausible", 0) > len(frame) // 2:
            raise SourceError("most stamps lie outside 1970 to 2100", file=self.path, field="ts_event", hint=FETCH_AGAIN)
        return cleaned


def _as_read(refused: pl.DataFrame, records: NDArray[Any], symbols: pl.Series) -> pl.DataFrame:
    """Events that a book refused, as the file has them."""
    return refused.with_columns(
        symbols,
        pl.Series("ts", stamp(records["ts_recv"])),
        pl.Series("ts_event", stamp(records["ts_event"])),
        pl.Series("action", np.char.decode(records["action"], "latin-1").tolist()),  # a damaged one may be any byte
        pl.Series("order_id", np.ascontiguousarray(records["order_id"]).view(np.int64)),
        pl.Series("price", np.asarray(records["price"] / 1e9)),
        pl.Series("size", records["size"].astype(np.float64)),
    )


def _share(block: DbnBlock, metadata: Metadata) -> float:
    """The share of the file's range that lies before a block."""
    if block.first + block.begin == 1 or metadata.end is None or metadata.end <= metadata.start or block.begin == block.end:
        return 0.0
    at = int(block.records[stamped_by(block.records.dtype)][block.begin])
    return min(max((at - metadata.start) / (metadata.end - metadata.start), 0.0), 1.0)
