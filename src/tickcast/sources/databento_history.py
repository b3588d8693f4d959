"""Databento's historical service as a source: asked once, kept as files of DBN, answered by the trading day."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import polars as pl

from tickcast.calendars import calendar as calendar_named
from tickcast.cleaning import Cleaned
from tickcast.clock import DAY
from tickcast.errors import ConfigError, ProviderRefused, ProviderUnavailable
from tickcast.schema import CONTRACTS, TABLES, conform
from tickcast.sources.base import Progress, Source, no_contracts
from tickcast.sources.databento import Databento, mapped_ids
from tickcast.sources.databento_request import SCHEMAS, Piece, Request, pieces
from tickcast.sources.databento_service import Service
from tickcast.sources.days import DayRange, trading_days

__all__ = ["DatabentoHistory", "Estimate"]


@dataclass(frozen=True)
class Estimate:
    """What a range would still cost: pieces and bytes (without compression) to download, and US dollars, by the provider's word."""

    pieces: int
    size: int
    dollars: float


class DatabentoHistory(Source):
    """History of one product or of a few symbols from Databento, a chunk per trading day.

    Parameters
    ----------
    symbol: raw (`MGCG1`), all contracts of a parent (`MGC.FUT`), or continuous (`NQ.v.0`); several of one kind as `MGCG1,MGCJ1`.
    dataset: as GLBX.MDP3. schema: ohlcv-1s, -1m, -1h, -1d, trades, mbp-1, mbp-10, mbo or definition.
    table: bars, trades, book, orders or contracts; by default the usual one of that schema, as book for mbp-10 and orders for mbo.
    calendar: the exchange's sessions; without one a day is a UTC day.
    spreads: keep calendar spreads too.
    budget: US dollars that all downloads of this source may cost together, by the provider's own estimate; above it nothing is downloaded.
    access: `url` of the service, `cache` folder of the files kept, `key_file`, `offline: true` to read the cache alone, and the fields of
        `Patience`. See `Service`.

    A continuous symbol keeps its name in `symbol`; `underlying_contract` tells the contract behind it.
    """

    name: ClassVar[str] = "databento-history"
    remote: ClassVar[bool] = True

    def __init__(
        self,
        symbol: str,
        *,
        dataset: str,
        schema: str,
        table: str | None = None,
        calendar: str | None = None,
        spreads: bool = False,
        budget: float = 0.0,
        access: Mapping[str, Any] | Service | None = None,
    ) -> None:
        self.request = Request(dataset, schema, tuple(part.strip() for part in symbol.split(",")))
        self.schema = SCHEMAS[schema]
        if table not in (None, *self.schema.tables):
            told = " or ".join(self.schema.tables)
            raise ConfigError(f"schema {schema} gives {told}, not {table}", field="table", hint=f"say {told}")
        if calendar is not None:
            calendar_named(calendar)
        if not 0 <= budget < float("inf"):
            raise ConfigError(f"{budget} dollars are no budget", field="budget")
        self.table, self.calendar = TABLES[table or self.schema.tables[0]], calendar
        self.spreads, self.budget, self._spent = spreads, budget, 0.0
        self.service = access if isinstance(access, Service) else Service.from_dict(access)

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """A chunk per trading day. See `Source.history`.

        Raises ProviderRefused, before anything is downloaded, where the downloads would cost more than the budget, and ProviderUnavailable,
        after all days that are there, where the range reaches beyond what the provider has.
        """
        low, high = self._range(start, end)
        days = trading_days(self.calendar, low, high)
        if not days:
            return
        plan, reach = self._plan(low, high)
        if not self.service.offline:
            self._allow(self.request, self.service.missing(self.request, plan))
        yield from self._told([day for day in days if day.end <= reach], plan, progress)
        if reach < high:
            told = f"{self.request.dataset} is complete until {_date((reach - self.schema.delay) // DAY)} (UTC), not for all that was asked"
            raise ProviderUnavailable(told, field="end", hint="ask again when the provider has the rest")

    def estimate(self, *, start: int | None = None, end: int | None = None) -> Estimate:
        """What `history` of the range would download and cost now; nothing is downloaded."""
        low, high = self._range(start, end)
        plan, _ = self._plan(low, high) if low < high else ([], 0)
        missing = self.service.missing(self.request, plan)
        return Estimate(len(missing), *self.service.cost(self.request, missing))

    def contracts(self) -> pl.DataFrame:
        """Definitions of the symbols on the last day that the provider has in full, known since they were received that day.

        Instruments that ended earlier are told by a source of schema `definition`. Offline nothing is known.
        """
        if self.service.offline:
            return no_contracts()
        request = replace(self.request, schema="definition")
        last = self.service.available(request)[1] // DAY
        day = Piece(last - 1, last)
        self._allow(request, self.service.missing(request, [day]))
        path, _ = self.service.fetch(request, day)
        if path is None:
            return no_contracts()
        read = pl.concat([chunk.frame for chunk in Databento(path, table=CONTRACTS.name, spreads=self.spreads).history()])
        return read.sort("symbol", "ts").unique("symbol", keep="last", maintain_order=True)

    def _range(self, start: int | None, end: int | None) -> tuple[int, int]:
        if (start is None or end is None) and self.service.offline:
            kept = sorted(self.service.cache(self.request).names())
            raise ConfigError(f"offline there is no range but of the {len(kept)} files kept", field="start", hint="give start and end")
        if start is None or end is None:
            first, last = self.service.available(self.request)
            return first if start is None else start, last // DAY * DAY + self.schema.delay if end is None else end
        return start, end

    def _plan(self, low: int, high: int) -> tuple[list[Piece], int]:
        """The pieces whose records make the rows of [low, high), and the moment until which these are complete."""
        first, last = (low - self.schema.delay) // DAY, -(-(high - self.schema.delay) // DAY)
        kept = self.service.cache(self.request).names()
        whole = last
        if not self.service.offline and any(Piece(day, day + 1).name not in kept for day in range(first, last)):
            begins, ends = self.service.available(self.request)
            first, whole = max(first, begins // DAY), min(last, ends // DAY)
        return pieces(range(first, whole), self.schema.monthly, kept), high if whole >= last else whole * DAY + self.schema.delay

    def _allow(self, request: Request, missing: Sequence[Piece]) -> None:
        """Raises ProviderRefused where the downloads would cost more than the budget."""
        _, dollars = self.service.cost(request, missing) if missing else (0, 0.0)
        if self._spent + dollars > self.budget:
            told = f"{len(missing)} downloads would cost {dollars:.2f} US dollars, {self.budget - self._spent:.2f} are allowed"
            whole = math.ceil(100 * (self._spent + dollars)) / 100
            raise ProviderRefused(told, field="budget", hint=f"allow a budget of {whole:.2f}, or ask for less")
        self._spent += dollars

    def _told(self, days: Sequence[DayRange], plan: Sequence[Piece], progress: Progress | None) -> Iterator[Cleaned]:
        """A chunk for each of the days, out of the pieces."""
        waiting, held, coming = self.table.empty(), _nothing(self.table.empty()), iter(plan)
        complete = plan[0].start + self.schema.delay if plan else 0
        for number, day in enumerate(days):
            while complete < day.end and (piece := next(coming, None)) is not None:
                if progress is not None:
                    progress(f"{self.request.dataset} {self.request.schema} {piece.name}", number / len(days))
                rows, aside = self._read(piece, days)
                waiting, held = (pl.concat(pair, how="diagonal_relaxed") for pair in ((waiting, rows), (held, aside)))
                complete = piece.end + self.schema.delay
            inside = pl.col("ts").is_between(day.start, day.end, closed="left")
            due = inside | (pl.col("ts").fill_null(0) <= 0)  # a row without a moment goes with the first day of its file
            yield self._chunk(day, waiting.filter(inside), held.filter(due))
            waiting, held = waiting.filter(pl.col("ts") >= day.end), held.filter(~due)
        if progress is not None:
            progress("read", 1.0)

    def _read(self, piece: Piece, days: Sequence[DayRange]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of a piece and those set aside. A kept file that has nothing of a day is compared with what the provider counts today."""
        path, fresh = self.service.fetch(self.request, piece)
        if path is None:
            return self.table.empty(), _nothing(self.table.empty())
        rows, held = self._parsed(path, piece)
        if not fresh and not self.service.offline and self._bare(rows, piece, days) and self.service.changed(self.request, piece):
            self._allow(self.request, [piece])
            rows, held = self._parsed(self.service.cache(self.request).fetch(piece, self.service.gateway, again=True), piece)
        return rows, held

    def _bare(self, rows: pl.DataFrame, piece: Piece, days: Sequence[DayRange]) -> bool:
        """Whether some whole day that the piece reaches has no row in it."""
        low, high = piece.start + self.schema.delay, piece.end + self.schema.delay
        reached = [day for day in days if day.whole and day.start < high and day.end > low]
        stamps = np.sort(rows["ts"].to_numpy())
        found = np.searchsorted(stamps, [[day.start, day.end] for day in reached]) if reached else np.zeros((0, 2), np.int64)
        return bool((found[:, 0] == found[:, 1]).any())

    def _parsed(self, path: Path, piece: Piece) -> tuple[pl.DataFrame, pl.DataFrame]:
        read = list(Databento(path, table=self.table.name, spreads=self.spreads).history())
        rows = pl.concat([chunk.frame for chunk in read])
        stamp = pl.col("ts_open" if "ts_open" in rows.columns else "ts")
        asked = stamp.is_between(piece.start, piece.end, closed="left")
        stray = rows.filter(~asked).with_columns(reason=pl.lit("outside_request"))  # a record of the next piece, told twice
        rows = rows.filter(asked)
        if self.request.stype_in == "continuous":
            rows = self._named(rows, path, piece)
        return rows, pl.concat([_nothing(rows), *(chunk.quarantined for chunk in read), stray], how="diagonal_relaxed")

    def _named(self, rows: pl.DataFrame, path: Path, piece: Piece) -> pl.DataFrame:
        """Rows of a continuous symbol with the contract behind it in `underlying_contract`."""
        spans = mapped_ids(path)
        names = self.service.raw_symbols(self.request, piece, sorted(set(spans["instrument_id"].to_list())))
        spans = spans.with_columns(pl.col("instrument_id").replace_strict(names, default=None, return_dtype=pl.String).alias("contract"))
        day = (pl.col("ts_open" if "ts_open" in rows.columns else "ts") // DAY).cast(pl.Int32).alias("first")
        placed = rows.with_row_index("at").with_columns(day).sort("first", maintain_order=True)
        placed = placed.join_asof(spans.sort("first"), on="first", by="symbol", strategy="backward", check_sortedness=False).sort("at")
        return rows.with_columns(placed["contract"].alias("underlying_contract"))

    def _chunk(self, day: DayRange, rows: pl.DataFrame, held: pl.DataFrame) -> Cleaned:
        counts = Counter(held["reason"].to_list())
        origin = f"{self.request.dataset} {self.request.schema} {_date(day.number)}"
        tally = MappingProxyType(dict(sorted(counts.items())))
        return Cleaned(conform(rows, self.table), held, tally, origin, day.number if day.whole else None)


def _nothing(rows: pl.DataFrame) -> pl.DataFrame:
    """No row set aside."""
    return rows.clear().with_columns(row=pl.lit(0, pl.Int64), reason=pl.lit(""))


def _date(day: int) -> str:
    return str(date(1970, 1, 1) + timedelta(day))
