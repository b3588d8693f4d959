"""Every law of a source over every registered source, counted; and planted violators, each caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import ClassVar

import polars as pl
import pytest

from checks.source_subjects import SUBJECTS, Made
from tickcast.checks import LAWS
from tickcast.checks import source as laws
from tickcast.clock import DAY
from tickcast.errors import LawBroken
from tickcast.sources import SOURCES, Cleaned, LiveSource, Progress, SimulatedMarket, Source, trading_days

CASES = [(name, make) for name in sorted(SUBJECTS) for make in SUBJECTS[name]]
START, END = 18_262 * DAY, 18_264 * DAY


@pytest.mark.parametrize("law", LAWS["source"], ids=lambda law: law.__name__)
@pytest.mark.parametrize("make", [make for _, make in CASES], ids=lambda make: make.__name__)
def test_source(law: Callable[..., None], make: Callable[[Path], Made], tmp_path: Path) -> None:
    assert law(*make(tmp_path)) is None


def test_no_registered_source_is_skipped(tmp_path: Path) -> None:
    """The exact count: a new source or a new law must come with its subject here."""
    assert set(SUBJECTS) == set(SOURCES)
    live = set()
    for number, (name, make) in enumerate(CASES):
        (tmp_path / str(number)).mkdir()
        source, start, end = make(tmp_path / str(number))
        assert type(source) is SOURCES[name] and start < end
        live |= {name} if isinstance(source, LiveSource) else set()
    assert live == {name for name, kind in SOURCES.items() if issubclass(kind, LiveSource)} >= {"simulated"}
    assert len(LAWS["source"]) * len(CASES) == 9 * 15


class Told(LiveSource):
    """A simulated market retold with a fault."""

    name: ClassVar[str] = "told"
    remote: ClassVar[bool] = True

    def __init__(self, fault: str = "") -> None:
        self.market, self.fault, self.asked = SimulatedMarket(days=2, interval="1h"), fault, 0
        self.table, self.calendar = self.market.table, "CME_Equity" if fault == "outside" else None

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """A chunk a day."""
        self.asked += 1
        low, high = START if start is None else start, END if end is None else end
        for day in trading_days(None, low, high):
            if self.fault == "hole" and day.number == START // DAY:
                continue
            (chunk,) = list(self.market.history(start=day.start, end=day.end)) or [self._none()]
            yield self._spoiled(replace(chunk, day=day.number if day.whole else None), low)

    def _none(self) -> Cleaned:
        (chunk,) = self.market.history(start=START, end=END)
        return replace(chunk, frame=chunk.frame.clear())

    def _spoiled(self, chunk: Cleaned, low: int) -> Cleaned:
        if self.fault == "type":
            return replace(chunk, frame=chunk.frame.with_columns(pl.col("volume").cast(pl.Float32)))
        if self.fault == "backwards":
            return replace(chunk, frame=chunk.frame.reverse())
        if self.fault == "forgetful" and self.asked > 1:
            return replace(chunk, origin="another")
        if self.fault == "seam":
            return replace(chunk, frame=chunk.frame.filter(pl.col("ts") != low))
        if self.fault == "uncounted":
            return replace(chunk, counts=MappingProxyType({"price_missing": 1}))
        if self.fault == "other day" and chunk.day is not None:
            return replace(chunk, day=chunk.day + 1)
        return chunk

    def contracts(self) -> pl.DataFrame:
        """Of the market."""
        known = self.market.contracts()
        return known.with_columns(expiry=pl.lit(START + DAY)) if self.fault == "ended" else known

    def live(self, symbols: Sequence[str], stop: Event) -> Iterator[Cleaned]:
        """Of the market."""
        yield self._none()
        for number, chunk in enumerate(self.market.live(symbols, Event() if self.fault == "deaf" else stop)):
            if self.fault == "silent":
                yield self._none()
            elif self.fault != "lossy" or number != 5:
                yield chunk
        while self.fault == "deaf":
            yield self._none()


class Loose(Told):
    """Gives a row before the start that was asked for."""

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """All from the hour before."""
        return super().history(start=None if start is None else start - DAY // 24, end=end)


@pytest.mark.parametrize("law", LAWS["source"], ids=lambda law: law.__name__)
def test_a_faultless_source_is_not_accused(law: Callable[..., None]) -> None:
    assert law(Told(), START, END) is None


@pytest.mark.parametrize(
    ("law", "violator"),
    [
        (laws.chunks_conform_in_order, Told("type")),
        (laws.chunks_conform_in_order, Told("backwards")),
        (laws.answers_the_same_twice, Told("forgetful")),
        (laws.pieces_make_the_whole, Told("seam")),
        (laws.keeps_to_its_range, Loose()),
        (laws.counts_what_it_sets_aside, Told("uncounted")),
        (laws.contracts_are_known_in_time, Told("ended")),
        (laws.calendar_holds_its_rows, Told("outside")),
        (laws.every_day_is_answered, Told("hole")),
        (laws.every_day_is_answered, Told("other day")),
        (laws.live_is_history, Told("lossy")),
        (laws.live_is_history, Told("silent")),
        (laws.live_is_history, Told("deaf")),
    ],
    ids=lambda case: getattr(case, "__name__", None) or getattr(case, "fault", None) or "loose",
)
def test_a_source_that_breaks_its_law_is_caught(law: Callable[..., None], violator: Source) -> None:
    with pytest.raises(LawBroken):
        law(violator, START, END)
