"""Rolls by open interest: T decides, T+1 follows, never within a day; books start where they are deep."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.errors import DataError
from tickcast.rolls import continuous, schedule_by_open_interest, spliced

CONTRACTS = ("cu2305", "cu2306", "cu2307")
FIRST = 19_450  # 2023-04-03


def books(interest: list[tuple[float | None, ...]], depth: list[int] | None = None, ticks: int = 3) -> pl.DataFrame:
    """Books of three contracts; `interest` by day and contract, null where a contract shows none that day."""
    rows = []
    for d, day in enumerate(interest):
        for i, held in enumerate(day):
            for tick in range(ticks):
                price = 69_000.0 + 10 * tick + 100 * i + d
                levels = {f"{side}_price_{k}": price + sign * (5 + k) for side, sign in (("bid", -1), ("ask", 1)) for k in range(1, 6)}
                known = {name: (x if int(name[-1]) <= (depth[d] if depth else 5) else None) for name, x in levels.items()}
                rows.append(
                    {
                        "symbol": CONTRACTS[i],
                        "trading_day": FIRST + d,
                        "ts": 10**9 * (FIRST + d) * 100 + tick * 10 + i,
                        "last": price,
                        **known,
                    }
                    | {"open_interest": held, "volume": float(tick)}
                )
    return pl.DataFrame(rows, schema_overrides={"open_interest": pl.Float64, "trading_day": pl.Int32}, infer_schema_length=None)


days = st.lists(st.tuples(*[st.one_of(st.none(), st.integers(0, 30).map(float))] * 3), min_size=2, max_size=9)


@settings(deadline=None, max_examples=60)
@given(days, st.integers(1, 8), st.sampled_from([0, 5]), st.data())
def test_what_comes_later_changes_no_roll_and_no_row(
    interest: list[tuple[float | None, ...]], kept: int, levels: int, data: st.DataObject
) -> None:
    depth = data.draw(st.lists(st.sampled_from([1, 5]), min_size=len(interest), max_size=len(interest)))
    whole = books(interest, depth)
    past = whole.filter(pl.col("trading_day") < FIRST + kept)
    try:
        part = schedule_by_open_interest(past, "cu", levels=levels)
    except DataError:
        return  # nothing has led yet, or nothing was that deep
    full = schedule_by_open_interest(whole, "cu", levels=levels)
    assert full.extends(part)
    if (part.segments(past["trading_day"].to_numpy()) >= 0).any():
        for series in (continuous, spliced):
            assert series(whole, full).filter(pl.col("trading_day") < FIRST + kept).equals(series(past, part))


@settings(deadline=None, max_examples=60)
@given(days, st.sampled_from([1.0, 1.1, 2.0]))
def test_each_day_follows_one_contract_that_the_day_before_chose(interest: list[tuple[float | None, ...]], threshold: float) -> None:
    rows = books(interest)
    try:
        schedule = schedule_by_open_interest(rows, "cu", threshold=threshold)
    except DataError:
        assert not any(held for day in interest for held in day)
        return
    main, last = -1, 0.0  # the rule once more, slowly
    for d, day in enumerate(interest):
        follows = schedule.segments([FIRST + d])[0]
        assert (schedule.contracts[follows] if follows >= 0 else None) == (CONTRACTS[main] if main >= 0 else None)
        last = day[main] if main >= 0 and day[main] is not None else last  # type: ignore[assignment]
        best = max(range(max(main, 0), 3), key=lambda i: (day[i] or 0.0, -i))
        if best != main and (day[best] or 0.0) > (threshold * last if main >= 0 else 0.0):
            main, last = best, float(day[best] or 0.0)
    if (schedule.segments(rows["trading_day"].to_numpy()) >= 0).any():
        series = spliced(rows, schedule)
        assert (series.group_by("trading_day").agg(pl.col("underlying_contract").n_unique())["underlying_contract"] == 1).all()


def test_a_tenth_more_rolls_the_next_day_and_less_does_not() -> None:
    schedule = schedule_by_open_interest(books([(100, 50, 1), (100, 109, 1), (100, 111, 1), (90, 120, 2)]), "cu")
    assert [(roll.contract, roll.decided) for roll in schedule.rolls] == [("cu2305", FIRST), ("cu2306", FIRST + 2)]
    assert schedule.segments([FIRST + 2, FIRST + 3]).tolist() == [0, 1]
    assert "open interest 111 against 100, more than 1.1 times" in schedule.explain()[1]


def test_no_word_on_the_main_contract_is_no_reason_to_leave_it() -> None:
    schedule = schedule_by_open_interest(books([(100, 50, 1), (None, 60, 1), (100, 70, 1)]), "cu")
    assert schedule.contracts == ("cu2305",)


def test_a_series_of_books_starts_where_they_are_deep_and_joins_at_the_mid() -> None:
    rows = books([(100, 50, 1), (100, 120, 1), (80, 130, 1), (80, 130, 150)], depth=[1, 5, 5, 5])
    schedule = schedule_by_open_interest(rows, "cu", levels=5)
    assert [(roll.contract, roll.decided, roll.left) for roll in schedule.rolls] == [
        ("cu2306", FIRST + 1, ""),
        ("cu2307", FIRST + 3, "cu2306"),
    ]
    series = spliced(rows, schedule)
    assert series["trading_day"].min() == FIRST + 2
    assert series["bid_price_5"].null_count() == 0
    assert series["segment_id"].unique().to_list() == [0]
    assert schedule.rolls[1].ratio == (69_000 + 20 + 100 + 3) / (69_000 + 10 + 200 + 3)  # each as of the earlier of the last two stamps
    shallow = pl.col("trading_day") > FIRST + 1  # whether the first deep day was one is known at its end only
    assert schedule_by_open_interest(rows.filter(shallow | (pl.col("ts") % 10**9 < 20)), "cu", levels=5).rolls[0].decided == FIRST + 1
    with pytest.raises(DataError, match="5 levels"):
        schedule_by_open_interest(books([(100, 50, 1)] * 3, depth=[1] * 3), "cu", levels=5)


def test_returns_inside_a_contract_are_untouched_on_every_level() -> None:
    rows = books([(100, 50, 1), (100, 120, 1), (80, 130, 1), (80, 130, 150), (1, 2, 150)])
    schedule = schedule_by_open_interest(rows, "cu")
    adjusted, raw = continuous(rows, schedule), spliced(rows, schedule)
    inside = np.diff(raw["segment_id"].to_numpy()) == 0
    for name in ("last", "bid_price_1", "ask_price_5"):
        one, other = (np.diff(np.log(frame[name].to_numpy())) for frame in (adjusted, raw))
        assert np.abs(one - other)[inside].max() < 1e-12
    assert adjusted["open_interest"].equals(raw["open_interest"])
