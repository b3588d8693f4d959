"""Profiles: what is told is what is stored, planted faults stand out, and the queries run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.calendars import calendar
from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import DataError
from tickcast.pages import page
from tickcast.profile import Profile, profile, write_profile
from tickcast.profile.columns import Sample, granularity
from tickcast.profile.documents import as_json, dictionary, queries
from tickcast.profile.pictures import coverage_picture, day_picture
from tickcast.profile.symbols import SymbolTally
from tickcast.query import query
from tickcast.schema import TRADES
from tickcast.store import Store

MONDAY = 19_786  # 2024-03-04


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=12))
def test_a_sample_is_every_kth_row_however_the_stream_is_cut(lengths: list[int]) -> None:
    rows = pl.DataFrame({"i": np.arange(sum(lengths))})
    sample, at = Sample(), 0
    for length in lengths:
        sample.add(rows[at : at + length])
        at += length
    held = sample.frame()["i"].to_numpy() if len(rows) else np.empty(0)
    assert len(held) <= 200_000
    assert (held == np.arange(0, len(rows), sample.step)).all()


@settings(deadline=None)
@given(st.integers(1, 400), st.lists(st.integers(1, 10_000), min_size=3, max_size=50, unique=True))
def test_the_step_of_prices_on_a_lattice_divides_all_differences(step: int, places: list[int]) -> None:
    found = granularity(pl.Series([place * step / 100 for place in places]))
    if found is not None:
        parts = np.diff(np.sort(places)) * step / 100 / found
        assert np.abs(parts - np.round(parts)).max() < 0.01
    assert granularity(pl.Series([place * step / 100 for place in (1, 2, *places)])) == pytest.approx(step / 100)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two weeks of one symbol's trades: Wednesday is lacking, Thursday is known to be empty, one silence of an hour; and some chains."""
    store = Store.open(tmp_path_factory.mktemp("store"))
    rows = []
    for day in (0, 1, 4, 7, 8, 9, 10, 11):
        opened = int(calendar("NYSE").sessions((MONDAY + day) * DAY, (MONDAY + day + 1) * DAY).open[0])
        ts = opened + np.arange(0, 390) * MINUTE
        if day == 8:
            ts = ts[(ts < opened + HOUR) | (ts > opened + 2 * HOUR)]
        price = 100 + 0.25 * (np.arange(len(ts)) % 9)
        rows.append(pl.DataFrame({"symbol": ["ABC"] * len(ts), "ts": ts, "price": price, "size": [2.0] * len(ts)}))
    store.write("trades", calendar("NYSE").assign(pl.concat(rows)).rows, source="made")
    store.empty.note("trades", "ABC", [MONDAY + 3], source="made", word="calendar")
    chain = {"strike": [90.0, 100.0, 110.0], "right": [1, -1, 1], "bid": [10.0, 2.0, 0.0], "ask": [10.5, 2.5, 0.5], "iv": [0.2, 0.3, 0.4]}
    quoted = pl.DataFrame({"underlying": ["SPX"] * 3, "ts": [MONDAY * DAY + 21 * HOUR] * 3, "expiry": [(MONDAY + 30) * DAY] * 3, **chain})
    store.write("options", quoted.with_columns(volume=pl.Series([5.0, 7.0, 0.0])), source="made")
    quotes = pl.DataFrame({"symbol": ["ABC"] * 4, "ts": MONDAY * DAY + np.arange(4) * SECOND, "bid_price_1": [10.0, 10.0, 10.2, 10.1]})
    store.write("book", quotes.with_columns(ask_price_1=pl.Series([10.1, 10.0, 10.1, 10.2]), bid_size_1=1.0, ask_size_1=1.0), source="made")
    return store


@pytest.fixture(scope="module")
def trades(stored: Store) -> Profile:
    return profile(stored, "trades", calendar_name="NYSE")


def test_counts_are_those_of_the_rows(stored: Store, trades: Profile) -> None:
    rows = stored.scan("trades")
    facts = {each.column.name: each for each in trades.columns}
    assert trades.rows == len(rows) == facts["price"].rows
    assert (facts["price"].low, facts["price"].high, facts["price"].granularity) == (100.0, 102.0, 0.25)
    assert facts["side"].nulls == len(rows) and facts["size"].zeros == 0
    (abc,) = trades.symbols
    assert (abc.days, abc.volume, abc.tick, abc.pace) == (8, 2.0 * len(rows), 0.25, MINUTE)
    assert abc.slots[:, 0].sum() == len(rows)
    assert np.flatnonzero(abc.slots[:, 0]).tolist() == list(range(19, 32))  # 9:30 to 16:00 in New York, winter and summer time


def test_planted_faults_stand_out(trades: Profile, stored: Store) -> None:
    assert trades.missing == {"ABC": (MONDAY + 2,)}
    assert trades.empty == {"ABC": (MONDAY + 3,)}
    assert [gap.end - gap.start for gap in trades.symbols[0].gaps] == [HOUR + 2 * MINUTE]
    (book,) = profile(stored, "book").symbols
    assert (book.crossed, book.locked) == (1, 1)


def test_the_files_are_whole_and_reach_nothing_outside(trades: Profile, tmp_path: Path) -> None:
    names = {path.name: path.read_text(encoding="utf-8") for path in write_profile(trades, tmp_path / "new")}
    assert set(names) == {"quality.html", "dictionary.md", "queries.sql", "profile.json"}
    assert re.findall(r"https?://|src=|@import", names["quality.html"]) == []
    assert names["quality.html"].count('"day missing"') == names["quality.html"].count('"day none"') == 1
    assert "1 symbol on 8 trading days, 1 expected day missing" in names["quality.html"]
    assert f"{trades.rows:,} rows of 1 symbol, dataset" in names["dictionary.md"]
    assert json.loads(names["profile.json"]) == json.loads(json.dumps(as_json(trades)))
    assert names["dictionary.md"] == dictionary(trades)
    assert not re.search(r"\d{19}", names["dictionary.md"] + re.sub(r"<script.*?</script>", "", names["quality.html"], flags=re.DOTALL))
    assert all(f"`{column.name}`" in names["dictionary.md"] for column in TRADES.columns)
    assert coverage_picture(trades, "ABC") in names["quality.html"]
    drawn = [names["quality.html"].count(f'"day d{shade}"') for shade in range(3)]
    assert drawn == [1, 7, 0], "days as full as most are as usual"
    assert day_picture(trades.symbols[0], 0, "rows", "{:,.0f}") in names["quality.html"]
    assert page("a < b", "").count("a &lt; b") == 1


@pytest.mark.parametrize("table", ["trades", "options", "book"])
def test_every_sample_query_runs_and_answers(stored: Store, table: str) -> None:
    asked = [text for text in queries(profile(stored, table)).split(";\n\n") if text]
    assert len(asked) >= 4
    for text in asked:
        assert len(query(stored, text).frame) > 0


def test_quantiles_are_values_and_shares_are_never_rounded_to_nothing(tmp_path: Path) -> None:
    """The middle of calls (+1) and puts (-1) is one of them; a null among thousands is one; a length has its unit."""
    ts = [MONDAY * DAY + at for at in range(40_000)]
    quotes = {
        "underlying": "X",
        "ts": ts,
        "expiry": (MONDAY + 9) * DAY,
        "strike": 5.0,
        "right": [1, -1] * 20_000,
        "bid": [None, *[1.0] * 39_999],
    }
    bar = {
        "symbol": "B",
        "ts": MONDAY * DAY + MINUTE,
        "ts_open": MONDAY * DAY,
        "interval": MINUTE,
        **dict.fromkeys(("open", "high", "low", "close"), 5.0),
    }
    with Store.open(tmp_path) as store:
        store.write("options", pl.DataFrame(quotes), source="made up")
        store.write("bars", pl.DataFrame([bar]), source="made up")
        options, bars = profile(store, "options"), profile(store, "bars")
    right = next(each for each in options.columns if each.column.name == "right")
    assert set(right.quantiles) == {-1.0, 1.0}
    assert "| < 0.01% |" in dictionary(options)
    assert "| 1m | 1m | 1m | 1m | 1m |" in dictionary(bars)
    assert "iv" not in queries(options) and "volume" not in queries(options)  # nothing is asked of columns without a value


def test_what_is_not_stored_is_told(stored: Store) -> None:
    with pytest.raises(DataError, match="holds no trades of XYZ"):
        profile(stored, "trades", ["XYZ"])


def test_a_tally_of_no_time_between_rows() -> None:
    tally = SymbolTally("A", TRADES, "UTC")
    tally.add(0, pl.DataFrame({"symbol": ["A"] * 3, "ts": [DAY] * 3, "price": [1.0] * 3, "size": [1.0] * 3}))
    facts = tally.facts()
    assert (facts.tied, facts.pace, facts.gaps, facts.tick) == (2, 0, (), None)


def test_real_option_chains(market_data: Path, tmp_path: Path) -> None:
    from options import feeds

    store = Store.open(tmp_path)
    store.write("options", feeds.feed(market_data, "spx_2011-01").frame, source="spx")
    found = profile(store, "options", calendar_name="CBOE")
    assert found.rows == len(store.scan("options"))
    assert found.symbols[0].spread is not None
    assert write_profile(found, tmp_path / "out")[0].stat().st_size > 10_000
