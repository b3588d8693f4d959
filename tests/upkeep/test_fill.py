"""Fill: only missing days are asked for, each is committed by itself, and an empty answer is never a permanent hole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.clock import DAY, HOUR, MINUTE
from tickcast.errors import ProviderRefused, ProviderUnavailable
from tickcast.schema import CONTRACTS, GAPS, conform
from tickcast.sources import SimulatedMarket
from tickcast.store import Store
from tickcast.upkeep import Filled, damaged_days, family, fill, missing_days, verify
from upkeep.provider import DATA, FIRST, Clock, Provider, rows

LATER = (FIRST + 100) * DAY


def run(store: Store, provider: Provider, clock: Clock, last: int = 4, **options: bool) -> Filled:
    return fill(DATA, provider, family(DATA, store), store, FIRST, FIRST + last, clock=clock, **options)


def missing(store: Store, now: int = LATER, last: int = 4) -> list[int]:
    return [day - FIRST for day in missing_days(family(DATA, store), store, FIRST, FIRST + last, now=now)]


def test_only_missing_days_are_asked_for(tmp_path: Path) -> None:
    provider = Provider({FIRST + day: {"A": 3} for day in range(5)})
    with Store.open(tmp_path, clock=Clock(LATER)) as store:
        store.write("trades", pl.concat([rows("A", FIRST + 1), rows("A", FIRST + 3)]), source="before")
        assert missing(store) == [0, 2, 4]
        done = run(store, provider, Clock(LATER))
        assert [day - FIRST for day in provider.asked] == [0, 2, 4]
        assert (done.asked, done.stored, done.rows, done.empty) == (3, 3, 9, 0)
        assert missing(store) == [] and run(store, provider, Clock(LATER)).asked == 0 and len(provider.asked) == 3
        assert verify(family(DATA, store), store, FIRST, FIRST + 4, now=LATER).ok


def test_a_fill_that_breaks_off_goes_on(tmp_path: Path) -> None:
    provider = Provider({FIRST + day: {"A": 3} for day in range(5)}, broken=[FIRST + 2])
    with Store.open(tmp_path, clock=Clock(LATER)) as store:
        with pytest.raises(ProviderUnavailable):
            run(store, provider, Clock(LATER))
        assert [day - FIRST for day in provider.asked] == [0, 1] and missing(store) == [2, 3, 4]
        provider.broken.clear()
        run(store, provider, Clock(LATER))
        assert [day - FIRST for day in provider.asked] == [0, 1, 2, 3, 4], "no day was asked for twice"


def test_an_empty_answer_is_settled_by_a_second_one_an_hour_later(tmp_path: Path) -> None:
    provider, clock = Provider({FIRST: {"A": 3}}), Clock(LATER)
    with Store.open(tmp_path, clock=clock) as store:
        done = run(store, provider, clock, last=1)
        assert (done.asked, done.stored, done.empty, done.waiting) == (2, 1, 1, 0)
        (line,) = verify(family(DATA, store), store, FIRST, FIRST + 1, now=LATER).symbols
        assert line.unsettled == (FIRST + 1,) and line.missing == () and not line.ok
        clock.now += 30 * MINUTE
        done = run(store, provider, clock, last=1)
        assert (done.asked, done.waiting) == (0, 1), "too early: asking now would settle nothing"
        clock.now += 31 * MINUTE
        assert run(store, provider, clock, last=1).asked == 1
        (line,) = verify(family(DATA, store), store, FIRST, FIRST + 1, now=LATER).symbols
        assert (line.empty, line.unsettled, line.ok) == (1, (), True)
        clock.now += 100 * HOUR
        assert run(store, provider, clock, last=1).asked == 0


def test_a_settled_day_is_no_permanent_hole(tmp_path: Path) -> None:
    """It is opened again when asked to, and by rows whoever brings them."""
    provider, clock = Provider({}), Clock(LATER)
    with Store.open(tmp_path, clock=clock) as store:
        run(store, provider, clock, last=1)
        clock.now += 2 * HOUR
        run(store, provider, clock, last=1)
        assert missing(store, last=1) == []
        provider.answers[FIRST] = {"A": 2}
        done = run(store, provider, clock, last=1, reopen=True)
        assert (done.asked, done.stored, done.empty) == (2, 1, 1)
        assert store.coverage("trades", "A")["rows"].to_list() == [2]
        clock.now += 2 * HOUR
        run(store, provider, clock, last=1)
        store.write("trades", rows("A", FIRST + 1), source="a file found later")
        (line,) = verify(family(DATA, store), store, FIRST, FIRST + 1, now=LATER).symbols
        assert (line.stored, line.empty, line.ok) == (2, 0, True)


def test_damaged_days_are_all_found(tmp_path: Path) -> None:
    with Store.open(tmp_path, clock=Clock(LATER)) as store:
        run(store, Provider({FIRST + day: {"A": 3} for day in range(5)}), Clock(LATER))
        assert damaged_days(family(DATA, store), store, FIRST, FIRST + 4) == ()
        for path in sorted((tmp_path / "days").rglob("*.parquet"))[:3]:
            path.write_bytes(path.read_bytes()[:-1])
        found = damaged_days(family(DATA, store), store, FIRST, FIRST + 4)
        assert len(found) == 3 and {each.symbol for each in found} == {"A"}
        assert damaged_days(family(DATA, store), store, FIRST + 5, FIRST + 9) == ()


def test_days_that_are_not_over_are_left_alone(tmp_path: Path) -> None:
    provider = Provider({FIRST + day: {"A": 1} for day in range(5)})
    clock = Clock((FIRST + 2) * DAY + HOUR)
    with Store.open(tmp_path, clock=clock) as store:
        run(store, provider, clock)
        assert [day - FIRST for day in provider.asked] == [0, 1]
        assert verify(family(DATA, store), store, FIRST, FIRST + 4, now=clock.now).ok
        assert not verify(family(DATA, store), store, FIRST, FIRST + 4, now=LATER).ok


def test_weekends_and_holidays_are_not_asked_for(tmp_path: Path) -> None:
    """2024-03-29 was Good Friday; the ledger then knows the holiday without a calendar."""
    data = DATA.model_copy(update={"calendar": "NYSE"})
    first, last = FIRST + 27, FIRST + 32  # Thursday 28 March to Tuesday 2 April
    provider = Provider({day: {"A": 1} for day in range(first, last + 1)}, calendar="NYSE")
    with Store.open(tmp_path, clock=Clock(LATER)) as store:
        fill(data, provider, family(data, store), store, first, last, clock=Clock(LATER))
        assert [day - FIRST for day in provider.asked] == [27, 31, 32]
        noted = store.empty.days("trades")
        assert noted.select("trading_day", "settled", "word").rows() == [(FIRST + 28, True, "calendar")]


def test_again_asks_for_stored_days_and_takes_corrections(tmp_path: Path) -> None:
    provider = Provider({FIRST: {"A": 5}})
    with Store.open(tmp_path, clock=Clock(LATER)) as store:
        store.write("trades", rows("A", FIRST, 3), source="half a day")
        assert run(store, provider, Clock(LATER), last=0).asked == 0
        assert run(store, provider, Clock(LATER), last=0, again=True).rows == 5
        assert store.coverage("trades", "A")["rows"].to_list() == [5]


def test_a_product_stands_for_its_contracts(tmp_path: Path) -> None:
    """Without contracts known, a day is there when any contract of the product is; with them each is looked at while it is alive."""
    data = DATA.model_copy(update={"symbol": "P"})
    provider = Provider({FIRST: {"PH4": 2, "PM4": 1}, FIRST + 1: {"PM4": 1}, FIRST + 2: {}})
    with Store.open(tmp_path, clock=Clock(LATER)) as store:
        fill(data, provider, family(data, store), store, FIRST, FIRST + 2, clock=Clock(LATER))
        found = family(data, store)
        assert found.members == ("PH4", "PM4") and not found.by_contract
        (line,) = verify(found, store, FIRST, FIRST + 2, now=LATER).symbols
        assert (line.symbol, line.expected, line.stored, line.unsettled) == ("P", 3, 2, (FIRST + 2,))
        known = {
            "symbol": ["PH4", "PM4"],
            "ts": 1,
            "product": "P",
            "first_day": [FIRST - 9, FIRST],
            "expiry": [(FIRST + 1) * DAY + 1, None],
        }
        store.write("contracts", conform(pl.DataFrame(known), CONTRACTS), source="definitions")
        found = family(data, store)
        h, m = verify(found, store, FIRST, FIRST + 2, now=LATER).symbols
        assert (h.expected, h.stored, h.missing) == (2, 1, (FIRST + 1,)), "it expired on the second day"
        assert (m.expected, m.stored, m.missing) == (3, 2, (FIRST + 2,))
        fill(data, provider, found, store, FIRST, FIRST + 2, clock=Clock(LATER))
        h, m = verify(found, store, FIRST, FIRST + 2, now=LATER).symbols
        assert (h.unsettled, m.unsettled) == ((FIRST + 1,), (FIRST + 2,)), "the day was answered without them"


def test_a_gap_of_a_recording_is_asked_for_and_healed(tmp_path: Path) -> None:
    provider = Provider({FIRST: {"A": 9}})
    start, end = (FIRST * DAY + 15 * HOUR + at * MINUTE for at in (2, 6))
    gap = {"symbol": ["A"], "ts": [end], "start": [start], "table": "trades", "reason": "connection lost", "healed": [0]}
    with Store.open(tmp_path, clock=Clock(LATER)) as store:
        store.write("trades", rows("A", FIRST, 3), source="live")
        store.write("gaps", conform(pl.DataFrame(gap), GAPS), source="live")
        (line,) = verify(family(DATA, store), store, FIRST, FIRST, now=LATER).symbols
        assert (line.stored, line.gap, line.ok) == (1, (FIRST,), False)
        done = run(store, provider, Clock(LATER), last=0)
        assert (done.asked, done.healed, done.rows) == (1, 1, 9)
        assert store.scan("gaps")["healed"].to_list() == [1] and len(store.scan("trades")) == 9
        assert verify(family(DATA, store), store, FIRST, FIRST, now=LATER).ok


def test_a_source_of_files_answers_nothing_for_days_it_lacks(tmp_path: Path) -> None:
    """Silence of files is no answer: nothing is noted."""
    data = DATA.model_copy(update={"symbol": "SIM", "table": "bars"})
    source, first = SimulatedMarket(days=3, interval="60m"), 18_262
    with Store.open(tmp_path, clock=Clock(LATER)) as store:
        done = fill(data, source, family(data, store), store, first, first + 4, clock=Clock(LATER))
        assert (done.asked, done.stored, done.empty, done.unanswered) == (5, 3, 0, (first + 3, first + 4))
        assert len(store.empty.days("bars")) == 0 and len(store.scan("bars")) == 72


DAYS = st.dictionaries(st.integers(0, 7), st.sampled_from(["rows", "nothing", "broken"]), max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.lists(DAYS, min_size=1, max_size=5), st.sets(st.integers(0, 7)))
def test_whatever_a_provider_does_the_store_tends_to_the_truth(
    tmp_path_factory: pytest.TempPathFactory, tries: list[dict[int, str]], before: set[int]
) -> None:
    """However often it breaks off and answers with nothing: stored days are never asked for, and in the end all rows are there."""
    clock = Clock(LATER)
    with Store.open(tmp_path_factory.mktemp("store"), clock=clock) as store:
        for day in before:
            store.write("trades", rows("A", FIRST + day), source="before")
        for mood in [*tries, {}]:
            broken = [FIRST + day for day, what in mood.items() if what == "broken"]
            told = {FIRST + day: {"A": 3} for day in range(8) if mood.get(day, "rows") == "rows"}
            held = set(store.coverage("trades")["trading_day"].to_list())
            provider = Provider(told, broken=broken)
            try:
                run(store, provider, clock, last=7, reopen=not mood)
            except ProviderUnavailable:
                assert broken
            assert not held & set(provider.asked)
            clock.now += 2 * HOUR
        assert np.array_equal(store.coverage("trades")["trading_day"].to_numpy(), FIRST + np.arange(8))


def test_a_provider_that_does_not_tell_of_contracts_costs_no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = Provider({FIRST + day: {"A": 3} for day in range(2)})

    def refused(_: Provider) -> pl.DataFrame:
        raise ProviderRefused("costs more than is allowed")

    with Store.open(tmp_path, clock=Clock(LATER)) as store:
        with monkeypatch.context() as patched:
            patched.setattr(Provider, "contracts", refused)
            done = run(store, provider, Clock(LATER), last=0)
        assert (done.stored, done.contracts) == (1, None)
        done = run(store, provider, Clock(LATER), last=1)
        assert (done.stored, done.contracts) == (1, 0)
