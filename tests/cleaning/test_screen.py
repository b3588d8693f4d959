"""A screen answers alike however its rows are cut into chunks, and never by what comes after."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.calendars import calendar
from tickcast.cleaning import Cleaned, Rules, Screen, clean
from tickcast.clock import HOUR, MINUTE, SECOND
from tickcast.errors import ConfigError
from tickcast.schema import BARS, BOOK, TRADES, Table

T = 1_700_000_000 * SECOND
RULES = Rules(symbols=frozenset("AB"), tick=0.5, locked="quarantine", halts=((T + 20 * SECOND, T + 22 * SECOND),), stale=9 * SECOND)
NAN = float("nan")

symbols = st.sampled_from(["A", "A", "A", "B", "C"])
stamps = st.integers(0, 60).map(lambda s: T + s * SECOND)
prices = st.sampled_from([10.0, 10.0, 10.5, 11.0, 10.25, 100.0, 110.0, 1.0, 0.0, NAN])
trades = st.fixed_dictionaries({"symbol": symbols, "ts": stamps, "price": prices, "size": st.sampled_from([1.0, 1.0, 2.0, -1.0])})
bars = st.fixed_dictionaries({"symbol": symbols, "interval": st.just(SECOND), "ts": stamps, "price": prices, "volume": st.just(1.0)})
books = st.fixed_dictionaries(
    {
        "symbol": symbols,
        "ts": stamps,
        "ts_event": st.one_of(st.none(), stamps),
        "bid_price_1": prices,
        "ask_price_1": prices,
        "bid_size_1": st.just(1.0),
        "ask_size_1": st.just(1.0),
        "volume": st.one_of(st.none(), st.integers(0, 9).map(float)),
        "sequence": st.integers(0, 30),
    }
)


def frame(rows: list[dict[str, object]], table: Table) -> pl.DataFrame:
    kinds = {column.name: column.dtype for column in table.columns}
    if table is BARS:
        rows = [{**row, "ts_open": row["ts"], **dict.fromkeys(("open", "high", "low", "close"), row["price"])} for row in rows]
        rows = [{name: value for name, value in row.items() if name != "price"} | {"ts": int(str(row["ts"])) + SECOND} for row in rows]
    names = list(rows[0]) if rows else [column.name for column in table.columns if column.required]
    return pl.DataFrame(rows, schema={name: kinds[name] for name in names}).with_row_index("row", offset=1)


def taken(rows: pl.DataFrame, table: Table, cuts: list[int], now: int | None = None) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Good rows, those of each symbol in their order, and (row, reason) of the others, after all chunks."""
    screen = Screen(table, RULES, arriving=True)
    edges = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    parts = [rows.slice(low, high - low) for low, high in zip(edges, edges[1:], strict=False)]
    out = [screen.take(clean(part, table, arriving=True), now=now, last=part is parts[-1]) for part in parts]
    aside = [
        (row, reason) for one in out for row, reason in zip(*(one.quarantined[name].to_list() for name in ("row", "reason")), strict=True)
    ]
    return pl.concat([one.frame for one in out]).sort("symbol", maintain_order=True), sorted(aside)


@pytest.mark.parametrize(("table", "rows"), [(TRADES, trades), (BARS, bars), (BOOK, books)], ids=lambda one: getattr(one, "name", ""))
def test_any_cutting_gives_the_same_answers(table: Table, rows: st.SearchStrategy[dict[str, object]]) -> None:
    @settings(deadline=None)
    @given(st.lists(rows, max_size=40), st.lists(st.integers(0, 40), max_size=6), st.one_of(st.none(), stamps))
    def law(made: list[dict[str, object]], cuts: list[int], now: int | None) -> None:
        given_rows = frame(made, table)
        whole, aside = taken(given_rows, table, [], now)
        good, again = taken(given_rows, table, cuts, now)
        assert good.equals(whole)
        assert again == aside
        assert len(whole) + len(aside) == len(made)

    law()


@pytest.mark.parametrize(("table", "rows"), [(TRADES, trades), (BARS, bars), (BOOK, books)], ids=lambda one: getattr(one, "name", ""))
def test_no_row_is_judged_by_a_later_one(table: Table, rows: st.SearchStrategy[dict[str, object]]) -> None:
    @settings(deadline=None)
    @given(st.lists(rows, min_size=1, max_size=30), st.lists(rows, max_size=10))
    def law(made: list[dict[str, object]], later: list[dict[str, object]]) -> None:
        first, aside = taken(frame(made, table), table, [])
        both, again = taken(frame([*made, *later], table), table, [])
        assert all(both.filter(pl.col("symbol") == name).head(len(part)).equals(part) for (name,), part in first.group_by("symbol"))
        assert [one for one in again if one[0] <= len(made)] == aside

    law()


def judged(rows: list[dict[str, object]], table: Table, rules: Rules, **more: bool) -> Cleaned:
    return Screen(table, rules, **more).take(clean(frame(rows, table), table, arriving=True))


def test_a_price_that_has_truly_moved_is_believed_at_the_fourth_row() -> None:
    rows = [{"symbol": "A", "ts": T + i, "price": 10.0 if i < 5 else 100.0 + i / 10, "size": 1.0} for i in range(20)]
    got = judged(rows, TRADES, Rules())
    assert dict(got.counts) == {"price_far": 3}
    assert got.quarantined["row"].to_list() == [6, 7, 8]


def test_a_spread_and_a_price_of_last_week_are_not_held_against() -> None:
    spread = [{"symbol": "MGCG1-MGCJ1", "ts": T + i, "price": [0.1, 5.0, 0.2, 3.0][i % 4], "size": 1.0} for i in range(8)]
    assert not judged(spread, TRADES, Rules()).counts
    idle = [{"symbol": "A", "ts": T + i * 6 * 24 * HOUR, "price": 10.0 * 3**i, "size": 1.0} for i in range(3)]
    assert not judged(idle, TRADES, Rules()).counts


def test_volume_may_begin_anew_after_a_pause_and_is_believed_at_the_fourth_row() -> None:
    book = {"symbol": "A", "bid_price_1": 10.0, "bid_size_1": 1.0, "ask_price_1": 11.0, "ask_size_1": 1.0}
    pause = [{**book, "ts": T + i * SECOND + (i > 4) * 20 * MINUTE, "volume": float(i % 5)} for i in range(10)]
    assert not judged(pause, BOOK, Rules()).counts
    anew = [{**book, "ts": T + i * SECOND, "volume": 50.0 + i if i < 5 else float(i)} for i in range(20)]
    got = judged(anew, BOOK, Rules())
    assert dict(got.counts) == {"volume_backwards": 3}
    assert got.quarantined["row"].to_list() == [6, 7, 8]


def test_books_may_cross_in_an_auction() -> None:
    """At 17:30 New York Globex takes orders and trades none."""
    book = {"symbol": "A", "bid_price_1": 11.0, "bid_size_1": 1.0, "ask_price_1": 10.0, "ask_size_1": 1.0}
    opens = int(calendar("CME_Equity").sessions(T, T + 48 * HOUR).open[-1])
    rows = [{**book, "ts": opens - 10 * MINUTE}, {**book, "ts": opens + 10 * MINUTE}]
    assert judged(rows, BOOK, Rules(calendar=calendar("CME_Equity"))).quarantined["row"].to_list() == [2]
    assert judged(rows, BOOK, Rules()).quarantined["row"].to_list() == [1, 2]
    assert not judged(rows, BOOK, Rules(crossed="keep")).counts


def test_a_live_clock_and_a_whole_file_agree_on_stamps() -> None:
    """What the file's later rows tell of a stamp ahead of its time, the clock tells on arrival."""
    rng = np.random.default_rng(5)
    rows = [{"symbol": "A", "ts": T + i * SECOND, "price": 10.0, "size": 1.0} for i in range(200)]
    wrong = sorted(rng.choice(np.arange(10, 190), 12, replace=False).tolist())
    bent = [{**row, "ts": row["ts"] + (HOUR if i % 2 else -MINUTE * 30) * (i in wrong)} for i, row in enumerate(rows)]
    whole = clean(frame(bent, TRADES), TRADES)
    live, screen = [], Screen(TRADES, Rules(), arriving=True)
    for i in range(len(bent)):
        one = screen.take(clean(frame(bent, TRADES).slice(i, 1), TRADES, arriving=True), now=T + i * SECOND)
        live += one.quarantined.select("row", "reason").rows()
    assert whole.quarantined.select("row", "reason").rows() == live
    assert [row for row, _ in live] == [i + 1 for i in wrong]


@pytest.mark.parametrize(
    ("words", "said"), [({"tick": 0.0}, "tick"), ({"far": 1.0}, "far"), ({"halts": ((2, 1),)}, "halt"), ({"locked": "no"}, "verdict")]
)
def test_rules_that_cannot_be_followed_are_refused(words: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Rules(**words)
