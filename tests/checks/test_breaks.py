"""What the laws of features are made of: cuts, perturbed futures, differences, memories; each finds what it should and where."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.test_feature_sets import bars, trades
from checks.test_planted_leaks import streams
from tickcast.checks.causality import correction_breaks, future_breaks
from tickcast.checks.differences import ROWS, differences, first_of_each, refuse, unlike
from tickcast.checks.events import Cut, cuts, doubled, later, main, numbers, ready, rejoined
from tickcast.checks.future import FRAME_FUTURES
from tickcast.checks.history import fresh_start_breaks, memories
from tickcast.checks.invariance import calendar_features, scale_breaks, week_breaks, whole_weeks
from tickcast.checks.live import restart_breaks, stream_breaks
from tickcast.checks.subject import OwnFeatures
from tickcast.clock import DAY
from tickcast.errors import FeatureError, LawBroken
from tickcast.features import FeatureSet

BARS: Any = ready(bars(300, 100))


def made(**lines: str) -> FeatureSet:
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "5m"}, "session": "carry", "price": "close"}
    return FeatureSet.from_dict({**words, "features": lines})


@settings(max_examples=60, deadline=None)
@given(gaps=st.lists(st.integers(0, 2), min_size=2, max_size=120), inside=st.booleans(), count=st.integers(1, 30))
def test_cuts_are_moments_of_the_stream(gaps: list[int], inside: bool, count: int) -> None:
    ts = np.cumsum(gaps).astype(np.int64)
    found = cuts(pl.DataFrame({"ts": ts}), inside_stamps=inside, count=count)
    rows = [cut.row for cut in found]
    assert rows == sorted(set(rows)) and len(rows) <= count and all(0 < row < len(ts) for row in rows)
    assert all(cut.ts == ts[cut.row - 1] for cut in found)
    assert inside or all(ts[row] > ts[row - 1] for row in rows)
    moments = int(np.count_nonzero(np.diff(ts) > 0))
    assert len(rows) >= min(count - count // 2, moments)


@pytest.mark.parametrize("name", sorted(FRAME_FUTURES))
def test_a_frame_future_keeps_the_past_and_changes_what_follows(name: str) -> None:
    cut, rng = Cut(120, int(BARS["ts"][119])), np.random.default_rng(1)
    again = rejoined(BARS, cut, lambda past, future: FRAME_FUTURES[name](future, rng))
    assert again[:120].equals(BARS[:120]) and not again.equals(BARS)
    assert again["ts"].is_sorted()


def test_streams_are_cut_behind_the_stamp_and_the_main_one_at_its_row() -> None:
    given = streams()
    row = int(np.searchsorted(given["trades"]["ts"].to_numpy(), given["book"]["ts"][50])) + 1
    cut = Cut(row, int(given["trades"]["ts"][row - 1]))
    again = rejoined(given, cut, lambda past, future: future.clear())
    assert isinstance(again, dict)
    assert len(again["trades"]) == row and (again["book"]["ts"] <= cut.ts).all()
    assert len(again["book"]) == int((given["book"]["ts"] <= cut.ts).sum())
    assert main(given) is given["trades"]


def test_measured_numbers_are_neither_stamps_nor_labels() -> None:
    assert numbers(bars(5, 5)) == ["open", "high", "low", "close", "volume", "turnover", "count"]
    nulls: Any = ready(bars(5, 5).with_columns(volume=pl.lit(None, pl.Int64)).drop("session_id"))
    assert nulls["volume"].is_nan().all() and nulls["session_id"].to_list() == [0] * 5


def test_time_and_price_move_as_a_whole() -> None:
    moved: Any = later(BARS.with_columns(session_id=pl.when(pl.int_range(300) < 100).then(0).otherwise(pl.col("session_id"))), 7 * DAY)
    assert (moved["ts"] - BARS["ts"] == 7 * DAY).all() and moved["session_id"][:100].to_list() == [0] * 100
    dear: Any = doubled(BARS)
    assert (dear["close"] == 2 * BARS["close"]).all() and (dear["volume"] == BARS["volume"]).all()


def test_differences_name_the_first_row_and_both_values() -> None:
    table = made(r="close / open", m="close - open").compute(BARS)
    other = replace(table, values=table.values.copy())
    other.values[7, 1] = np.nan
    other.values[9, 1] = 1.0
    found = list(differences("law", "it rains", 5, table, other, slice(0, 300)))
    assert [(one.feature, one.row, one.ts, one.became, one.cut) for one in found] == [("m", 8, int(table.ts[7]), None, 5)]
    assert found[0].was == table.values[7, 1] and "row 8" in str(found[0]) and "NaN when it rains after row 5" in str(found[0])
    assert not list(differences("law", "", 0, table, other, slice(0, 7)))
    short = list(differences("law", "", 0, table, OwnFeatures({}).compute(BARS[:5]), slice(0, 300)))
    assert [one.feature for one in short] == [ROWS]
    with pytest.raises(LawBroken, match="it rains"):
        refuse("t", found)
    assert first_of_each(found * 3)[0].tries == 3 and len(first_of_each(found * 3)) == 1


def test_zero_has_a_sign_and_nan_has_none() -> None:
    left, right = np.array([0.0, np.nan, 1.0]), np.array([-0.0, -np.nan, 1.0])
    assert unlike(left, right).tolist() == [True, False, False]


def test_a_function_with_too_few_values_is_refused() -> None:
    with pytest.raises(FeatureError, match="Give one number per row"):
        OwnFeatures({"x": lambda frame: frame["close"][1:]}).compute(BARS)


def test_the_memory_of_a_feature_is_read_off_its_graph() -> None:
    found = memories(
        made(w="mean(close, 5)", e="ewm_mean(close, span=9)", t="ewm_mean(close, halflife='1h')", c="cum_sum(volume)", s="e + w")
    )
    assert {name: one.kind for name, one in found.items()} == {
        "w": "window", "e": "recursive", "t": "recursive", "c": "anchored", "s": "recursive"
    }  # fmt: skip
    assert found["e"].rows == found["s"].rows > 9 * 10 and found["t"].time > 40 * 3_600_000_000_000


def test_a_recursion_that_remembers_too_long_is_told_from_one_that_forgets() -> None:
    forgets = made(e="ewm_mean(close, span=3)")
    assert not list(fresh_start_breaks(forgets, BARS))

    class Remembers(FeatureSet):
        def compute(self, frame: Any, *, step: int | None = None, tick: float | None = None) -> Any:
            made = super().compute(frame, step=step, tick=tick)
            made.values[:] += made.price[0]
            return made

    found = first_of_each(fresh_start_breaks(Remembers(forgets.document), BARS))
    assert [one.feature for one in found] == ["e"] and found[0].row > found[0].cut + 40


def test_a_calendar_and_a_scale_are_noticed() -> None:
    features = made(day="day_of_month()", hour="sin(time_of_day('UTC'))", r="close / lag(close, 1)", d="close - open")
    assert calendar_features(features) == {"day", "hour"}
    assert {one.feature for one in week_breaks(features, BARS)} == {"day"} and whole_weeks(features) == 1
    assert whole_weeks(made(x='at("25m", close)', y='at("1h", close)')) == 5
    assert not list(week_breaks(features, BARS, calendar_features(features)))
    assert {one.feature for one in scale_breaks(features, BARS, ["r", "d", "hour"])} == {"d"}


def test_a_stream_that_differs_is_found_with_its_row() -> None:
    class Rounded(FeatureSet):
        def compute(self, frame: Any, *, step: int | None = None, tick: float | None = None) -> Any:
            made = super().compute(frame, step=step, tick=tick)
            made.values[250:, 0] += 1e-12
            return made

    broken = Rounded(made(x="close / open", y="close").document)
    for found in (list(stream_breaks(broken, BARS)), list(restart_breaks(broken, BARS, np.random.default_rng(0)))):
        assert [(one.feature, one.row) for one in found] == [("x", 251)]


def test_rows_on_a_grid_are_cut_between_stamps_only() -> None:
    known: Any = ready(trades(300, 150))
    features = FeatureSet.load("es_scale")
    rng = np.random.default_rng(0)
    assert not list(future_breaks(features, known, rng)) and not list(correction_breaks(features, known, rng))
