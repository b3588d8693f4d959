"""What decides a roll, counted for each contract and day; the election and the price it joins at, one by one."""

from __future__ import annotations

import polars as pl
import pytest

from tickcast.errors import DataError
from tickcast.rolls.daily import daily_measures
from tickcast.rolls.election import elect
from tickcast.rolls.price_ratio import price_ratio

DAY = 19_450


def rows(columns: dict[str, list[object]]) -> pl.DataFrame:
    return pl.DataFrame(columns).with_columns(pl.col("trading_day").cast(pl.Int32))


def test_trades_are_summed_and_the_counter_of_a_book_is_read_per_session() -> None:
    trades = rows(
        {
            "symbol": ["cu2305", "cu2305", "cu2306", "cu2305-cu2306"],
            "trading_day": [DAY] * 4,
            "price": [1.0] * 4,
            "size": [2.0, 3.0, 4.0, 9.0],
        }
    )
    assert daily_measures([trades], "cu").select("symbol", "volume").rows() == [("cu2305", 5.0), ("cu2306", 4.0)]
    book = rows(
        {
            "symbol": ["cu2305"] * 4,
            "trading_day": [DAY] * 4,
            "session_id": [1, 1, 2, 2],
            "volume": [5.0, 7.0, 1.0, 4.0],
            "open_interest": [10.0, 11.0, 12.0, None],
            "bid_price_1": [1.0] * 4,
            "ask_price_1": [2.0] * 4,
            "bid_price_2": [1.0] * 4,
            "ask_price_2": [None, None, 3.0, float("nan")],
        }
    )
    (found,) = daily_measures([book.head(2).clear(), book], "cu").iter_rows(named=True)
    assert (found["volume"], found["open_interest"], found["levels"]) == (11.0, 12.0, 2)
    with pytest.raises(DataError, match="trading_day"):
        daily_measures([book.drop("trading_day")], "cu")


def test_an_election_asks_for_a_ratio_once_a_roll() -> None:
    asked = []

    def ratio(old: str, new: str, day: int) -> float:
        asked.append((old, new, day))
        return 0.5

    days = rows(
        {"symbol": ["cu2305", "cu2306"] * 3, "trading_day": [DAY, DAY, DAY + 1, DAY + 1, DAY + 2, DAY + 2], "price": [1.0] * 6}
        | {"size": [9.0, 1.0, 4.0, 5.0, 9.0, 1.0]}
    )
    schedule = elect(daily_measures([days], "cu"), "cu", rule="volume", threshold=1.0, ratio=ratio)
    assert asked == [("cu2305", "cu2306", DAY + 1)]
    assert schedule.factors.tolist() == [1.0, 0.5]


def test_bars_join_at_a_common_stamp_and_trades_as_of_the_earlier_last_one() -> None:
    frame = rows({"symbol": ["A", "B", "A", "B"], "ts": [10, 10, 20, 30], "trading_day": [DAY] * 4, "close": [6.0, 3.0, 7.0, 5.0]})
    assert price_ratio(frame, "A", "B", DAY) == 2.0
    assert price_ratio(frame.rename({"close": "price"}), "A", "B", DAY) == 7.0 / 3.0
    for name in ("close", "price"):
        with pytest.raises(DataError, match="no common price"):
            price_ratio(frame.rename({"close": name}), "A", "C", DAY)
        with pytest.raises(DataError, match="no common price"):
            price_ratio(frame.rename({"close": name}), "A", "B", DAY - 1)
