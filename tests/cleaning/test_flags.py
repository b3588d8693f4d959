"""Flags: planted oddities are flagged, no row is flagged by a later one, and what they find in real bars is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.calendars import calendar
from tickcast.cleaning import FLAGGED, flags
from tickcast.clock import MINUTE, SECOND
from tickcast.schema import BARS, BOOK, ORDERS, TRADES
from tickcast.sources import Databento

T = int(calendar("CME_Equity").sessions(1_700_000_000 * SECOND, 1_700_200_000 * SECOND).open[-1])


def trades(price: np.ndarray, step: int = SECOND) -> pl.DataFrame:
    return pl.DataFrame({"symbol": "A", "ts": T + np.arange(len(price)) * step, "price": price, "size": 1.0})


def told(found: pl.DataFrame) -> list[tuple[str, int]]:
    return found.select("flag", "row").rows()


def walk(n: int) -> np.ndarray:
    """Moves of one or two ticks up and down."""
    return 100.0 + 0.25 * np.cumsum(np.random.default_rng(1).choice([-2, -1, 1, 2], n))


def test_a_spike_is_flagged_and_so_is_the_way_back() -> None:
    price = walk(400)
    assert told(flags(trades(price), TRADES)) == []
    price[300] *= 1.1
    found = flags(trades(price), TRADES)
    assert told(found) == [("spike", 300), ("spike", 301)]
    assert (found["value"] > 5).all() and found.schema == pl.Schema(FLAGGED)


def test_too_few_moves_say_nothing() -> None:
    price = walk(40)
    price[30] *= 1.1
    assert told(flags(trades(price), TRADES)) == []


def test_silence_inside_a_session_is_flagged_and_between_sessions_is_not() -> None:
    rows = pl.DataFrame({"symbol": "A", "ts": [T, T + 14 * MINUTE, T + 30 * MINUTE, T + 30 * 60 * MINUTE], "price": 1.0, "size": 1.0})
    found = flags(rows, TRADES, calendar=calendar("CME_Equity"))
    assert told(found) == [("silence", 2)] and found["value"].to_list() == [960.0]


def test_books_that_meet_or_stand_still() -> None:
    n = 100
    best = {"bid_price_1": 10.0, "ask_price_1": 11.0, "bid_size_1": 1.0, "ask_size_1": 2.0}
    book = pl.DataFrame({"symbol": "A", "ts": T + np.arange(n) * SECOND, **best})
    book[5, "bid_price_1"], book[7, "bid_price_1"], book[20, "ask_size_1"] = 11.0, 12.0, 3.0
    found = flags(book, BOOK)
    assert told(found.filter(pl.col("flag") != "still")) == [("locked", 5), ("crossed", 7)]
    assert found.filter(pl.col("flag") == "still")["row"].to_list() == list(range(81, 100))
    assert flags(book, ORDERS).is_empty() and flags(book.clear(), BOOK).is_empty()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([1.0, 1.25, 1.5, 9.0]), min_size=60, max_size=150), st.integers(1, 150))
def test_no_row_is_flagged_by_a_later_one(prices: list[float], cut: int) -> None:
    rows = trades(np.array(prices), 20 * SECOND)
    first = flags(rows.head(cut), TRADES, calendar=calendar("CME_Equity"))
    assert flags(rows, TRADES, calendar=calendar("CME_Equity")).filter(pl.col("row") < cut).equals(first)


def test_spikes_of_real_bars_are_few(market_data: Path) -> None:
    """A month of the busiest MGC contract: heavy tails, not faults. All rows stay."""
    bars = next(Databento(market_data / "mgc" / "glbx-mdp3-20231101-20231130.ohlcv-1m.dbn.zst", symbol="MGC").history()).frame
    busiest = bars["symbol"].value_counts().sort("count")["symbol"][-1]
    bars = bars.filter(pl.col("symbol") == busiest)
    found = flags(bars, BARS, calendar=calendar("CME_Metals"))
    assert 0.001 < len(found.filter(pl.col("flag") == "spike")) / len(bars) < 0.03
    assert found["row"].is_sorted() and found["ts"].to_list() == bars["ts"].gather(found["row"]).to_list()


@pytest.mark.parametrize("rows", [1, 2])
def test_hardly_any_rows(rows: int) -> None:
    assert flags(trades(walk(rows)), TRADES, calendar=calendar("CME_Equity")).is_empty()
