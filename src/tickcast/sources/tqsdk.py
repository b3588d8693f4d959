"""TqSdk: five levels of Chinese futures, from history by the trading day and live, through the vendor's package in a process of its own."""

from __future__ import annotations

import re
import sys
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from types import MappingProxyType
from typing import ClassVar

import polars as pl

from tickcast.calendars import CALENDARS
from tickcast.cleaning import Cleaned, clean
from tickcast.clock import HOUR, parse_duration
from tickcast.errors import ConfigError
from tickcast.schema import BOOK
from tickcast.sources.base import LiveSource, Progress
from tickcast.sources.days import DayRange, trading_days
from tickcast.sources.tqsdk_catalogue import merged_catalogue
from tickcast.sources.tqsdk_link import Account, Link

__all__ = ["TqSdk"]

_SYMBOL = re.compile(r"(?:KQ\.m@)?([A-Z]+)\.([A-Za-z]+)(\d{3,4})?")
_ANSWER = 300.0  # seconds for one contract's day
_SETTLED = HOUR  # a day is over when its last session closed this long ago (ns)
_LEVELS = 5


class TqSdk(LiveSource):
    """Book snapshots (two a second, five levels in Shanghai) of a contract (`SHFE.cu2602`), of all contracts of a product (`SHFE.cu`), or
    of the continuous main contract (`KQ.m@SHFE.cu`, one level in practice).

    `ts` is the exchange's stamp plus `delay`, in history and live alike, so that a recorded row and its history are one row; `sequence`
    is TqSdk's number of the tick. A level without a price or a quantity is null. `volume` and `turnover` count from the session's opening.

    Parameters
    ----------
    symbol, table: as above; "book".
    calendar: a name in `CALENDARS`; by default the product's, where there is one.
    delay: how long after its stamp a row counts as known, as "50ms"; the recorder tells the delay it meets. None for none.
    backlog: ticks of the past that a live subscription begins with, at most 10,000: what bridges a reconnection.
    python: an interpreter that has `tqsdk`; by default this one.
    service: addresses by the names of TqSdk's variables, as TQ_MD_URL, for a server of one's own.
    account: who logs in; by default the one in `TQSDK_USER` and `TQSDK_PASSWORD`.
    clock: UTC ns; history of a day that is not over is given, but not as a whole day.

    Raises ConfigError for arguments that make no sense.
    """

    name: ClassVar[str] = "tqsdk"
    remote: ClassVar[bool] = True

    def __init__(
        self,
        *,
        symbol: str,
        table: str = "book",
        calendar: str | None = None,
        delay: str | None = None,
        backlog: int = 2_000,
        python: str = sys.executable,
        service: Mapping[str, str] | None = None,
        account: Account | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        parts = _SYMBOL.fullmatch(symbol)
        if parts is None:
            raise ConfigError(f"{symbol!r} is no symbol of TqSdk", field="symbol", hint="as SHFE.cu2602, SHFE.cu or KQ.m@SHFE.cu")
        if table != BOOK.name:
            raise ConfigError(f"TqSdk gives no {table!r}", field="table", hint="use book")
        if not 1 <= backlog <= 10_000:
            raise ConfigError(f"a backlog of {backlog} ticks", field="backlog", hint="1 to 10000")
        self.symbol, self.table, self.backlog, self._python, self._clock = symbol, BOOK, backlog, python, clock
        self._service, self._account = dict(service or {}), account
        self._link: Link | None = None
        self._exchange, self._product = parts[1], parts[2]
        product = f"{self._exchange}.{self._product}"
        self._one = parts[3] is not None or symbol.startswith("KQ.")
        self.calendar = calendar if calendar is not None else product if product in CALENDARS else None
        self._delay = 0 if delay is None else parse_duration(delay)

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """A chunk per trading day, of all contracts asked for. See `Source.history`. Raises ConfigError without a start."""
        if start is None:
            raise ConfigError("history needs a start", field="start", hint="say from when on")
        now = self._clock()
        days = trading_days(self.calendar, start - self._delay, (now if end is None else end) - self._delay)
        with self._linked() as link:
            known = None if self._one else self._catalogue(link)
            for done, day in enumerate(days):
                if progress is not None:
                    progress(f"{self.symbol} day {day.number}", done / len(days))
                symbols = [self.symbol] if known is None else self._alive(known, day.start)
                chunk = _together([self._asked(link, symbol, day) for symbol in symbols], self.symbol)
                yield replace(chunk, day=day.number if day.whole and day.end + _SETTLED <= now else None)
        if progress is not None:
            progress(self.symbol, 1.0)

    def contracts(self) -> pl.DataFrame:
        """The product's contracts, of the service and of the package's list of ended ones. See `merged_catalogue`."""
        with self._linked() as link:
            return self._catalogue(link)

    def live(self, symbols: Sequence[str], stop: Event) -> Iterator[Cleaned]:
        """Ticks as they come, after the backlog. See `LiveSource.live`."""
        link = self._opened()
        try:
            link.ask(ask="live", symbols=list(symbols), backlog=self.backlog)
            while not stop.is_set():
                told = link.listen(0.5)
                if told is None or told.kind != "ticks":
                    yield clean(BOOK.empty(), BOOK, origin=f"tqsdk {self.symbol}")
                else:
                    yield self._book(told.rows, str(told.header["symbol"]))
        finally:
            link.close()

    def _opened(self) -> Link:
        return Link(Account.find() if self._account is None else self._account, self._python, self._service)

    @contextmanager
    def _linked(self) -> Iterator[Link]:
        """The link that answers questions; one that was left in the middle of an answer is not asked again."""
        if self._link is None:
            self._link = self._opened()
            weakref.finalize(self, self._link.close)
        whole = False
        try:
            yield self._link
            whole = True
        finally:
            if not whole:
                self._link.close()
                self._link = None

    def _catalogue(self, link: Link) -> pl.DataFrame:
        link.ask(ask="contracts", exchange=self._exchange, product=self._product)
        header = link.answer(_ANSWER).header
        return merged_catalogue(header["listed"], header["bundled"])

    @staticmethod
    def _alive(known: pl.DataFrame, at: int) -> list[str]:
        return known.filter((pl.col("ts") <= at) & (pl.col("expiry") >= at))["symbol"].to_list()

    def _asked(self, link: Link, symbol: str, day: DayRange) -> Cleaned:
        """A contract's rows of a day. TqSdk begins with the last of the ticks at its first stamp, so it is asked from an hour before."""
        link.ask(ask="ticks", symbol=symbol, start=day.start - HOUR, end=day.end)
        rows = link.answer(_ANSWER).rows
        return self._book(rows.filter(pl.col("datetime").is_between(day.start, day.end, closed="left")), symbol)

    def _book(self, ticks: pl.DataFrame, symbol: str) -> Cleaned:
        """Ticks as rows of `book`, cleaned."""
        stamp = pl.col("datetime") + self._delay
        facts = [stamp.alias("ts"), pl.col("id").alias("sequence"), pl.lit(symbol).alias("symbol")]
        facts += [pl.col("datetime").alias("ts_event")] if self._delay else []
        for name, theirs in (("last", "last_price"), ("volume", "volume"), ("turnover", "amount"), ("open_interest", "open_interest")):
            facts.append(pl.col(theirs).fill_nan(None).alias(name))
        for side in ("bid", "ask"):
            for k in range(1, _LEVELS + 1):
                price, size = pl.col(f"{side}_price{k}"), pl.col(f"{side}_volume{k}")
                there = price.is_not_nan() & size.is_not_nan()
                facts += [pl.when(there).then(each).alias(f"{side}_{what}_{k}") for what, each in (("price", price), ("size", size))]
        rows = ticks.select(facts)
        nothing = pl.all_horizontal(pl.col("last", "bid_price_1", "ask_price_1").is_null())
        return clean(rows, BOOK, reasons=[pl.when(nothing).then(pl.lit("levels_missing"))], origin=f"tqsdk {symbol}")


def _together(chunks: Sequence[Cleaned], symbol: str) -> Cleaned:
    """One chunk of a day's contracts."""
    if len(chunks) == 1:
        return chunks[0]
    counts = sum((Counter(chunk.counts) for chunk in chunks), Counter[str]())
    frame = pl.concat([BOOK.empty(), *(chunk.frame for chunk in chunks)])
    held = pl.concat([chunk.quarantined for chunk in chunks], how="diagonal_relaxed") if chunks else clean(BOOK.empty(), BOOK).quarantined
    return Cleaned(frame, held, MappingProxyType(dict(sorted(counts.items()))), f"tqsdk {symbol}")
