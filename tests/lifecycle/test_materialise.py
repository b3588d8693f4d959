"""Materialised days: to the bit one pass, whatever was there, changed, or killed on the way."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_market
from tickcast.clock import DAY, MINUTE, SECOND
from tickcast.errors import DataError, FeatureError
from tickcast.features import FeatureSet, FeatureTable, Registered, Registry
from tickcast.lifecycle.input_days import InputDay, series_days, stored_days
from tickcast.lifecycle.materialise import feature_rows, materialise
from tickcast.store import Store

GRID = {
    "name": "grid",
    "stream": "trades",
    "clock": {"every": "1s"},
    "session": "reset",
    "price": "price",
    "features": {"n": 'count("3s")', "m": "mean(price, 4)", "e": 'ewm_mean(price, halflife="2s")', "c": "cum_sum(size)"},
}
CLOCKS = {"bars": small_market.WORDS, "grid": GRID, "carried": {**GRID, "session": "carry"}}


def entry(store: Store, words: dict[str, object]) -> Registered:
    return Registry(store).register(FeatureSet.from_dict(words), now=1)


def clock() -> Iterator[int]:
    return itertools.count(1)


def run(entry: Registered, days: tuple[InputDay, ...], store: Store) -> int:
    ticks = clock()
    return materialise(entry, "A", days, store, clock=lambda: next(ticks)).made


def bits(table: FeatureTable) -> tuple[bytes, ...]:
    return tuple(getattr(table, name).tobytes() for name in ("ts", "session", "segment", "price", "values"))


GAPS = st.lists(st.tuples(st.integers(0, 30), st.sampled_from([False, False, False, True])), min_size=1, max_size=60)


def trades(gaps: list[tuple[int, bool]], after: int | None) -> pl.DataFrame:
    """Trades so many quarter seconds apart, each perhaps the first of a new day; sessions close `after` seconds later, or nobody knows."""
    new = np.array([opens for _, opens in gaps])
    day = np.cumsum(new)
    ts = np.cumsum([gap for gap, _ in gaps]) * SECOND // 4 + day * 20 * SECOND + DAY
    last = np.array([ts[day == each][-1] for each in day])
    session = last + after * SECOND if after is not None else np.zeros(len(ts), np.int64)
    price, size = 100 + np.sin(np.arange(len(ts))) * 3, np.arange(len(ts)) % 5 + 1.0
    context = {"session_id": session, "segment_id": day // 3, "trading_day": day}
    return pl.DataFrame({"ts": ts, "price": price, "size": size, "close": price, **context})


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(CLOCKS)), GAPS, st.one_of(st.none(), st.integers(0, 10)), st.data())
def test_days_one_after_the_other_are_one_pass(
    tmp_path_factory: pytest.TempPathFactory, which: str, gaps: list[tuple[int, bool]], after: int | None, data: st.DataObject
) -> None:
    rows = trades(gaps, after)
    with Store.open(tmp_path_factory.mktemp("store")) as store:
        registered = entry(store, CLOCKS[which])
        days = series_days(rows, registered.features.columns)
        come = data.draw(st.lists(st.integers(0, len(days)), max_size=3).map(sorted))
        made = sum(run(registered, days[:upto], store) for upto in [*come, len(days)])
        assert made == len(days)
        assert bits(feature_rows(registered, "A", days, store)) == bits(registered.features.compute(rows))
        assert run(registered, days, store) == 0, "again adds nothing"


def test_a_shared_stamp_arriving_later_changes_the_day_before(tmp_path: Path) -> None:
    ts = np.array([1, 2, 2, 3]) * SECOND
    rows = pl.DataFrame({"ts": ts, "price": [1.0, 2.0, 3.0, 4.0], "size": 1.0, "trading_day": [0, 0, 1, 1]})
    with Store.open(tmp_path) as store:
        registered = entry(store, GRID)
        days = series_days(rows, registered.features.columns)
        assert run(registered, days[:1], store) == 1
        assert bits(feature_rows(registered, "A", days[:1], store)) == bits(registered.features.compute(rows[:2]))
        assert run(registered, days, store) == 2
        assert bits(feature_rows(registered, "A", days, store)) == bits(registered.features.compute(rows))


def bars(days: int, changed: int | None = None) -> pl.DataFrame:
    """Two bars an hour for so many days; the last close of day `changed` is another one."""
    n = 48 * days
    close = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 1e-3, n)))
    if changed is not None:
        close[48 * changed + 47] *= 1.5
    ts = (np.arange(n) + 1) * 30 * MINUTE
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    context = {"session_id": (ts - 1) // DAY * DAY + DAY, "segment_id": np.zeros(n, np.int64)}
    return pl.DataFrame({"symbol": "A", "interval": 30 * MINUTE, "ts": ts, "ts_open": ts - 30 * MINUTE, **prices, **context})


def test_a_changed_day_is_made_again_with_what_follows_and_the_old_version_stays(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        registered = entry(store, small_market.WORDS)
        old = store.write("bars", bars(6), source="a").version
        before = stored_days(store, "bars", "A")
        assert run(registered, before, store) == 6
        store.write("bars", bars(6, changed=2), source="b")
        after = stored_days(store, "bars", "A")
        with pytest.raises(FeatureError, match="1970-01-03 as the data is now"):
            feature_rows(registered, "A", after, store)
        assert run(registered, after, store) == 4, "the changed day and the three after it"
        assert bits(feature_rows(registered, "A", after, store)) == bits(registered.features.compute(bars(6, changed=2)))
        assert bits(feature_rows(registered, "A", stored_days(store, "bars", "A", as_of=old), store)) == bits(
            registered.features.compute(bars(6))
        )


def test_other_definitions_and_symbols_have_days_of_their_own(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        one = entry(store, small_market.WORDS)
        two = Registry(store).register(FeatureSet.from_dict({**small_market.WORDS, "session": "reset"}), now=2, version=2)
        store.write("bars", bars(2), source="a")
        days = stored_days(store, "bars", "A")
        ticks = clock()
        assert run(one, days, store) == run(two, days, store) == 2
        assert materialise(one, "B", days, store, clock=lambda: next(ticks)).made == 2
        table = feature_rows(two, "A", days, store)
        assert bits(table) == bits(two.features.compute(bars(2))) != bits(feature_rows(one, "A", days, store))
        assert table.step == MINUTE and table.names == two.features.names


def test_another_release_makes_its_own_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(tmp_path) as store:
        registered = entry(store, small_market.WORDS)
        days = series_days(bars(2), registered.features.columns)
        assert run(registered, days, store) == 2
        monkeypatch.setattr("tickcast.lifecycle.materialise.__version__", "99")
        with pytest.raises(FeatureError, match="was not materialised"):
            feature_rows(registered, "A", days, store)
        assert run(registered, days, store) == 2


def test_a_file_that_is_gone_is_made_again(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        registered = entry(store, small_market.WORDS)
        days = series_days(bars(4), registered.features.columns)
        run(registered, days, store)
        (tmp_path / "days").joinpath(*_place(store.derived.days()[1].part)).unlink()
        assert run(registered, days, store) == 1
        assert bits(feature_rows(registered, "A", days, store)) == bits(registered.features.compute(bars(4)))


def _place(part: str) -> tuple[str, str]:
    return part[:2], f"{part}.parquet"


def test_bars_of_another_interval_are_left_out(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        registered = entry(store, small_market.WORDS)
        hourly = bars(2)[1::2].with_columns(interval=60 * MINUTE)
        store.write("bars", pl.concat([bars(2), hourly]), source="a")
        days = stored_days(store, "bars", "A", interval=30 * MINUTE)
        run(registered, days, store)
        assert bits(feature_rows(registered, "A", days, store)) == bits(registered.features.compute(bars(2)))


def test_days_are_named_by_what_the_set_reads() -> None:
    rows = bars(3)
    names = [[day.digest for day in series_days(frame, ["close"])] for frame in (rows, rows.with_columns(open=0.0), bars(3, changed=1))]
    assert names[0] == names[1]
    assert [a == b for a, b in zip(names[0], names[2], strict=True)] == [True, False, True]
    null = rows.with_columns(close=pl.when(pl.col("close") == rows["close"][0]).then(None).otherwise(pl.col("close")))
    zero = null.with_columns(pl.col("close").fill_null(0.0))
    assert len({series_days(frame, ["close"])[0].digest for frame in (rows, null, zero)}) == 3
    with pytest.raises(DataError, match="overlap"):
        series_days(rows.with_columns(trading_day=pl.int_range(pl.len(), 0, -1)), ["close"])


def test_what_cannot_be_made_is_said(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        learns = entry(store, {**small_market.WORDS, "features": {"f": 'fitted("rms_by_slot", close, slots=24)'}})
        with pytest.raises(FeatureError, match="not learned"):
            run(learns, series_days(bars(1), ["close"]), store)
        with pytest.raises(DataError, match="no bars of NOSUCH"):
            stored_days(store, "bars", "NOSUCH")
        registered = Registry(store).register(learns.features.fit(bars(3), 3 * DAY), now=1, version=2)
        assert run(registered, series_days(bars(2), ["close"]), store) == 2


CHILD = """
import itertools, os, signal, sys
from pathlib import Path
from tickcast.features import Registry
from tickcast.lifecycle.input_days import stored_days
from tickcast.lifecycle.materialise import materialise
from tickcast.store import Store
from tickcast.store.ledger import Ledger
folder, fatal = sys.argv[1], float(sys.argv[2])
seen = itertools.count(1)
def die(moment):
    if moment == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
def watch(owner, name):
    real = getattr(owner, name)
    def call(*given, **named):
        number = next(seen)
        die(number)
        result = real(*given, **named)
        die(number + 0.5)
        return result
    setattr(owner, name, call)
with Store.open(folder) as store:
    days = stored_days(store, "bars", "A")
    entry = Registry(store).get("small")
    for owner, name in ((os, "write"), (os, "fsync"), (Path, "replace"), (Ledger, "apply"), (Ledger, "query")):
        watch(owner, name)
    ticks = itertools.count(1)
    print(materialise(entry, "A", days, store, clock=lambda: next(ticks)).made)
"""


@pytest.mark.slow
def test_killed_again_and_again_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        registered = entry(store, small_market.WORDS)
        store.write("bars", bars(9), source="a")
        days = stored_days(store, "bars", "A")
    before, moments = 0, np.random.default_rng(11).integers(4, 40, 5) / 2
    for moment in (*moments, 10_000):
        command = [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path), str(moment)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == (-9 if moment < 10_000 else 0), ended.stderr
        with Store.open(tmp_path) as store:
            there = store.derived.days("small@1", "A")
            assert [day.trading_day for day in there] == list(range(len(there))), "a day is lost or doubled"
            assert before <= len(there), "what was committed is gone"
            before = len(there)
            if there:
                part = feature_rows(registered, "A", days[: len(there)], store)
                assert bits(part) == bits(registered.features.compute(bars(len(there)))), "a day is torn"
    assert before == 9 and 0 < int(ended.stdout) < 9, "the last run had something left to do and something to go on from"
    assert json.loads(there[-1].source)["step"] == MINUTE
