"""A provider whose answers a test writes down: by trading day the symbols that traded, or nothing, or a failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import polars as pl

from tickcast.clock import DAY, HOUR, MINUTE
from tickcast.config import DataConfig
from tickcast.errors import ProviderUnavailable
from tickcast.schema import TRADES, Table, conform
from tickcast.sources import Cleaned, Progress, Source, no_contracts, trading_days

FIRST = 19_783  # Friday, 2024-03-01
DATA = DataConfig(source="simulated", symbol="A", table="trades", calendar="24/7")


def rows(symbol: str, day: int, count: int = 3, price: float = 10.0) -> pl.DataFrame:
    """Trades of a UTC day, a minute apart from 15:00 on."""
    ts = [day * DAY + 15 * HOUR + at * MINUTE for at in range(count)]
    return conform(pl.DataFrame({"symbol": symbol, "ts": ts, "price": price, "size": 1.0, "sequence": 0}), TRADES)


class Provider(Source):
    """Answers day by day. `answers` maps a trading day to symbols with their number of rows; other days are answered with nothing.

    `broken` days are not answered at all. `asked` are the days it was asked for, in order.
    """

    name: ClassVar[str] = "provider"
    remote: ClassVar[bool] = True

    def __init__(self, answers: Mapping[int, Mapping[str, int]], *, broken: Sequence[int] = (), calendar: str = "24/7") -> None:
        self.table: Table = TRADES
        self.calendar = calendar
        self.answers, self.broken, self.asked = dict(answers), set(broken), list[int]()
        self.price = 10.0

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        assert start is not None and end is not None
        for day in trading_days(self.calendar, start, end):
            if not day.whole:
                continue
            if day.number in self.broken:
                raise ProviderUnavailable("does not answer", hint="ask again later")
            self.asked.append(day.number)
            told = self.answers.get(day.number, {})
            frame = pl.concat([TRADES.empty(), *(rows(symbol, day.number, count, self.price) for symbol, count in told.items())])
            yield Cleaned(frame, pl.DataFrame(), day=day.number)

    def contracts(self) -> pl.DataFrame:
        return no_contracts()


class Clock:
    """UTC ns that a test sets."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now
