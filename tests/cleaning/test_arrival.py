"""Arrivals: the order of a feed's rows, told by the clock, however they are cut into batches."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.cleaning import clean
from tickcast.cleaning.arrival import Arrivals
from tickcast.clock import HOUR, MINUTE, SECOND
from tickcast.schema import TRADES

T = 1_700_000_000 * SECOND


def told(stamps: list[int], cuts: list[int], now: int) -> tuple[list[int], list[tuple[int, str]], int]:
    """Numbers of the rows given on, those set aside with their reason, and how many wait."""
    one, kept, aside = Arrivals(TRADES, MINUTE), list[int](), list[tuple[int, str]]()
    frame = pl.DataFrame({"symbol": "A", "ts": stamps, "price": 1.0, "size": 1.0}).with_row_index("row")
    for low, high in zip([0, *cuts], [*cuts, len(stamps)], strict=True):
        got = one.take(clean(frame[low:high], TRADES, arriving=True), now)
        kept += got.numbers.to_list()
        aside += got.quarantined.select("row", "reason").rows()
    return kept, sorted(aside), one.waiting


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=20), st.sets(st.integers(0, 20), max_size=4))
def test_any_cutting_gives_the_same_answers(seconds: list[int], cuts: set[int]) -> None:
    stamps, now = [T + each * SECOND for each in seconds], T + 30 * SECOND
    whole = told(stamps, [], now)
    assert told(stamps, sorted(each for each in cuts if each <= len(stamps)), now) == whole
    assert len(whole[0]) + len(whole[1]) + whole[2] == len(stamps)


@settings(deadline=None)
@given(st.sets(st.integers(2, 37).filter(lambda each: each % 4 == 2)), st.sampled_from([SECOND * 5, SECOND * 59, 2 * MINUTE, HOUR]))
def test_the_clock_tells_what_the_rows_behind_tell_of_a_file(wrong: set[int], ahead: int) -> None:
    honest = [T + each * SECOND for each in range(40)]
    stamps = [each + ahead * (i in wrong) for i, each in enumerate(honest)]
    frame = pl.DataFrame({"symbol": "A", "ts": stamps, "price": 1.0, "size": 1.0}).with_row_index("row")
    one, found = Arrivals(TRADES, MINUTE), list[tuple[int, str]]()
    for i, now in enumerate(honest):
        found += one.take(clean(frame[i : i + 1], TRADES, arriving=True), now).quarantined.select("row", "reason").rows()
    assert one.waiting == 0
    assert (
        sorted(found) == sorted(clean(frame, TRADES).quarantined.select("row", "reason").rows()) == [(i, "ts_ahead") for i in sorted(wrong)]
    )
