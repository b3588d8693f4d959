"""Contracts told apart by instrument id, feeds that are rolled already, and schedules kept in a store."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tickcast.clock import DAY
from tickcast.errors import DataError, StoreError
from tickcast.rolls import expiry_month, follow_feed, keep, kept, schedule_by, schedule_by_instrument, schedule_by_volume
from tickcast.store import Store
from tickcast.store.manifest import StoredDefinition

FIRST = 18_620


def bars(volumes: dict[str, list[float]]) -> pl.DataFrame:
    rows = [
        (symbol, (FIRST + d) * DAY, FIRST + d, 100.0 + i, volume)
        for i, (symbol, days) in enumerate(volumes.items())
        for d, volume in enumerate(days)
    ]
    return pl.DataFrame(rows, schema=["symbol", "ts", "trading_day", "close", "volume"], orient="row").cast({"trading_day": pl.Int32})


def contracts(*rows: tuple[str, int, int, int | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"symbol": pl.String, "ts": pl.Int64, "instrument_id": pl.Int64, "expiry": pl.Int64}, orient="row")


ROWS = bars({"MGCG1": [9, 9, 1, 1], "MGCJ1": [1, 1, 9, 9]})


def test_ids_name_the_contracts_and_volume_chooses() -> None:
    known = contracts(("MGCG1", 0, 11, None), ("MGCJ1", 0, 12, None))
    schedule = schedule_by_instrument(ROWS, "MGC", known)
    assert [(roll.contract, roll.instrument_id, roll.decided) for roll in schedule.rolls] == [
        ("MGCG1", 11, FIRST),
        ("MGCJ1", 12, FIRST + 2),
    ]
    assert [roll.decided for roll in schedule_by_volume(ROWS, "MGC").rolls] == [FIRST, FIRST + 2]
    assert schedule.rule == "instrument" and "instrument 12" in schedule.explain()[1]
    assert schedule_by("instrument", ROWS, "MGC", contracts=known) == schedule


def test_an_id_that_changes_under_one_name_is_another_contract() -> None:
    known = contracts(("MGCG1", 0, 11, None), ("MGCG1", (FIRST + 2) * DAY, 99, None))
    later = bars({"MGCG1": [9, 9, 7, 7]})
    assert [roll.instrument_id for roll in schedule_by_instrument(later, "MGC", known).rolls] == [11, 99]


def test_an_expiry_that_is_told_counts_more_than_the_name() -> None:
    known = contracts(("MGCG1", 0, 11, 20_000 * DAY), ("MGCJ1", 0, 12, 18_700 * DAY))  # the name says the opposite
    assert schedule_by_instrument(ROWS, "MGC", known).contracts == ("MGCG1",)


def test_ids_that_are_not_known_are_refused() -> None:
    with pytest.raises(DataError, match="no instrument id of MGC"):
        schedule_by("instrument", ROWS, "MGC")
    with pytest.raises(DataError, match="MGCJ1 traded before"):
        schedule_by_instrument(ROWS, "MGC", contracts(("MGCG1", 0, 11, None)))


def test_a_feed_that_is_rolled_already_is_cut_where_its_id_changes() -> None:
    feed = bars({"NQ.v.0": [1, 1, 1, 1]})
    known = contracts(("NQ.v.0", 0, 5, None), ("NQ.v.0", (FIRST + 3) * DAY, 6, None))
    cut = follow_feed(feed, known)
    assert cut["segment_id"].to_list() == [0, 0, 0, 1]
    assert cut["underlying_contract"].to_list() == ["5", "5", "5", "6"]
    assert cut.drop("segment_id", "underlying_contract").equals(feed)
    with pytest.raises(DataError, match="4 rows of NQ.v.0 have no instrument id"):
        follow_feed(feed, known.filter(pl.col("ts") > (FIRST + 3) * DAY))
    with pytest.raises(DataError, match="is one symbol, here are 2"):
        follow_feed(ROWS, known)


@pytest.mark.parametrize(
    ("symbol", "product", "year", "month"), [("cu2305", "cu", 2023, 5), ("SHFE.cu2312", "SHFE.cu", 2023, 12), ("SR305", "SR", 2023, 5)]
)
def test_chinese_names_tell_year_and_month(symbol: str, product: str, year: int, month: int) -> None:
    assert expiry_month(symbol, product, 19_450) == 12 * year + month - 1


def test_a_schedule_is_kept_once_and_a_change_is_told(tmp_path: Path) -> None:
    short, whole = (schedule_by_volume(ROWS.filter(pl.col("trading_day") <= FIRST + d), "MGC") for d in (1, 3))
    with Store.open(tmp_path) as store:
        assert kept(store, "MGC", "volume") is None
        assert keep(store, short, {"data_version": "a"}, now=1).version == 1
        assert keep(store, short, {"data_version": "b"}, now=2).version == 1
        second = keep(store, whole, {}, now=3)
        assert (second.name, second.version, second.extends) == ("rolls/MGC.volume", 2, True)
        found = kept(store, "MGC", "volume")
        assert found is not None and found.schedule == whole
        corrected = keep(store, schedule_by_volume(bars({"MGCG1": [1, 1], "MGCJ1": [9, 9]}), "MGC"), {}, now=4)
        assert (corrected.version, corrected.extends) == (3, False)
        store.definitions.add(StoredDefinition("rolls/MGC.volume", 4, "0" * 64, json.dumps(whole.as_dict()), "{}", 5))
        with pytest.raises(StoreError, match="not what its hash says"):
            kept(store, "MGC", "volume")
