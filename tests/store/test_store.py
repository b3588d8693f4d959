"""The store: idempotent, order-free, versioned; nothing acknowledged is lost, nothing damaged is read."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.places import Places
from tickcast.clock import DAY
from tickcast.errors import DataError, StoreError
from tickcast.store import Store


def trades(rows: list[tuple[int, float]], symbol: str = "A") -> pl.DataFrame:
    frame = pl.DataFrame(
        {"ts": [ts for ts, _ in rows], "price": [price for _, price in rows]}, schema={"ts": pl.Int64, "price": pl.Float64}
    )
    order = pl.int_range(pl.len(), dtype=pl.Int64).over("ts").alias("sequence")
    return frame.with_columns(pl.lit(symbol).alias("symbol"), pl.lit(1.0).alias("size"), order)


def bars(closes: list[float], start: int = 0) -> pl.DataFrame:
    ts = [start + 60 * (i + 1) for i in range(len(closes))]
    close = dict.fromkeys(("open", "high", "low", "close"), closes)
    return pl.DataFrame({"symbol": "A", "interval": 60, "ts": ts, "ts_open": [t - 60 for t in ts], **close})


ROWS = st.lists(st.tuples(st.integers(1, 6).map(lambda n: n * DAY // 3), st.sampled_from([1.0, 2.0])), min_size=1, max_size=30).map(sorted)


def test_parts_that_overlap_give_the_store_of_the_whole_in_any_order(opened: Places) -> None:
    @settings(max_examples=25 if opened.kind == "embedded" else 6, deadline=None)  # a server takes its time
    @given(rows=ROWS, data=st.data())
    def law(rows, data) -> None:
        whole = trades(rows)
        cuts = data.draw(st.lists(st.tuples(st.integers(0, len(rows)), st.integers(0, len(rows))), max_size=3))
        parts = data.draw(st.permutations([whole, *(whole[min(cut) : max(cut)] for cut in cuts)]))
        with opened.new() as once, opened.new() as often:
            once.write("trades", whole, source="whole")
            for part in parts:
                often.write("trades", part.sample(fraction=1.0, shuffle=True, seed=1), source="part")
            assert often.version() == once.version()
            assert often.scan("trades").equals(once.scan("trades"))
            assert once.scan("trades")["price"].to_list() == whole["price"].to_list(), "order within a stamp is kept"

    law()


def test_overlap_renumbered_from_the_middle_of_a_stamp_adds_nothing(store: Store) -> None:
    whole = trades([(5, 1.0), (5, 2.0), (5, 1.0), (5, 1.0), (6, 3.0)])
    first = store.write("trades", whole, source="a")
    assert store.write("trades", trades([(5, 1.0), (5, 1.0), (6, 3.0)]), source="b").added == 0
    assert store.version() == first.version


def test_correction_is_a_new_version_and_the_old_one_stays(opened: Places) -> None:
    ticks = iter(range(100, 200))
    with opened(clock=lambda: next(ticks)) as store:
        old = store.write("bars", bars([1.0, 2.0]), source="a")
        new = store.write("bars", bars([1.0, 3.0]), source="b")
        assert old.version != new.version
        assert store.scan("bars")["close"].to_list() == [1.0, 3.0]
        assert store.scan("bars", as_of=old.version)["close"].to_list() == [1.0, 2.0]
        assert store.scan("bars", as_of=100)["close"].to_list() == [1.0, 2.0]
        assert len(store.scan("bars", as_of=99)) == 0
        assert store.verify() == 1
        assert store.verify(full=True) == 2
        with pytest.raises(StoreError, match="no version"):
            store.scan("bars", as_of="f" * 64)


def test_coverage_and_range(opened: Places) -> None:
    with opened() as store:
        store.write("trades", trades([(1, 1.0), (DAY + 1, 2.0)]), source="file.csv")
        assert store.coverage("trades").select("trading_day", "rows", "first_ts", "source").rows() == [
            (0, 1, 1, "file.csv"),
            (1, 1, DAY + 1, "file.csv"),
        ]
        assert store.scan("trades", ["A"], 1, DAY + 1)["price"].to_list() == [1.0]
        assert store.coverage("trades", "B").is_empty()
        assert store.scan("trades", ["B"]).is_empty()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_a_number_that_is_none_is_refused_whole(opened: Places, bad: float | None) -> None:
    with opened() as store:
        with pytest.raises(DataError, match="row 2, field price"):
            store.write("trades", trades([(1, 1.0), (2, bad), (3, 1.0)]), source="a")  # type: ignore[list-item]
        assert store.version() == "0" * 64


def test_two_different_bars_of_one_identity_and_two_trading_days_of_one_time_are_refused(opened: Places) -> None:
    with opened() as store:
        with pytest.raises(StoreError, match="two different rows"):
            store.write("bars", pl.concat([bars([1.0]), bars([2.0])]), source="a")
        store.write("bars", bars([1.0, 2.0, 3.0]), source="a")
        with pytest.raises(StoreError, match="overlap in time"):
            store.write("bars", bars([1.0, 2.0, 3.0]).with_columns(pl.lit(7, dtype=pl.Int32).alias("trading_day")), source="b")
        assert len(store.scan("bars")) == 3


def test_every_flipped_bit_and_every_missing_file_is_named(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", trades([(n, 1.0 + n) for n in range(1, 50)]), source="a")
        (file,) = (tmp_path / "days").rglob("*.parquet")
        content = file.read_bytes()
        for at in range(0, len(content), max(1, len(content) // 60)):
            file.write_bytes(content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :])
            with pytest.raises(StoreError, match=file.name):
                store.scan("trades")
        file.unlink()
        with pytest.raises(StoreError, match=file.name):
            store.verify()
        file.write_bytes(content)
        assert store.verify() == 1


CHILD = """
import errno, os, signal, sys
from pathlib import Path
import polars as pl
from tickcast.errors import StoreError
from tickcast.store import Store
from tickcast.store.ledger import Ledger
folder, what, nth, after = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "after"
seen = 0
def watch(owner, name):
    real = getattr(owner, name)
    def call(*given, **named):
        global seen
        seen += 1
        if seen == nth and what == "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        if seen == nth and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*given, **named)
        if seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, call)
owner, name = {"full": (os, "write"), "write": (os, "write"), "fsync": (os, "fsync"), "rename": (Path, "replace"),
    "commit": (Ledger, "apply")}[what]
with Store.open(folder) as store:
    watch(owner, name)
    for n in range(3):
        frame = pl.DataFrame({"symbol": "A", "ts": [n * 10 + 1, n * 10 + 1], "price": [1.0, 1.0], "size": [1.0, 1.0]})
        try:
            store.write("trades", frame, source=str(n))
        except StoreError:
            print("refused", n, flush=True)
        else:
            print("written", n, flush=True)
"""
POINTS = [("write", 2, "before"), ("fsync", 1, "before"), ("fsync", 4, "after"), ("fsync", 5, "before"), ("rename", 1, "after"),
    ("rename", 2, "before"), ("rename", 2, "after"), ("commit", 2, "before"), ("commit", 2, "after"), ("full", 2, "before")]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("what", "nth", "when"), POINTS)
def test_killed_at_any_point_nothing_acknowledged_is_lost(tmp_path: Path, what: str, nth: int, when: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path), what, str(nth), when]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == (0 if what == "full" else -9), ended.stderr
    written = [int(line.split()[1]) for line in ended.stdout.splitlines() if line.startswith("written")]
    assert ("refused 1" in ended.stdout) == (what == "full")
    with Store.open(tmp_path) as store:
        stamps = store.scan("trades")["ts"].to_list()
        assert set(stamps) >= {n * 10 + 1 for n in written}, "an acknowledged row is lost"
        assert all(stamps.count(stamp) == 2 for stamp in stamps), "a row is doubled or halved"
        store.verify(full=True)
        for n in range(3):
            store.write("trades", trades([(n * 10 + 1, 1.0)] * 2), source="again")
        assert store.scan("trades")["ts"].to_list() == [1, 1, 11, 11, 21, 21]
        assert not list((tmp_path / "scratch").iterdir())


def test_rows_later_than_the_day_are_parts_of_it_and_few(store: Store) -> None:
    rows = [(n, float(n)) for n in range(1, 65)]
    for row in rows:
        version = store.write("trades", trades([row]), source="live").version
    (day,) = store.coverage("trades").iter_rows(named=True)
    assert (day["rows"], day["first_ts"], day["last_ts"], day["parts"]) == (64, 1, 64, 1)
    store.write("trades", trades([(65, 1.0)]), source="live")
    store.write("trades", trades([(66, 1.0), (67, 1.0)]), source="live")
    assert store.coverage("trades")["parts"].to_list() == [2]
    assert store.scan("trades")["ts"].to_list() == list(range(1, 68))
    assert store.scan("trades", None, 66, 67)["ts"].to_list() == [66]
    assert store.scan("trades", as_of=version)["ts"].to_list() == list(range(1, 65))
    assert store.day(day["content"])["ts"].to_list() == list(range(1, 65))
    with pytest.raises(StoreError, match="no version holds the day"):
        store.day("f" * 64)


def test_a_day_written_in_parts_is_the_day_written_at_once(opened: Places) -> None:
    whole, once, often = trades([(n, float(n)) for n in range(1, 40)]), opened.new(), opened.new()
    for start in range(0, 40, 7):
        often.write("trades", whole[start : start + 7], source="part")
    assert often.version() == once.write("trades", whole, source="whole").version
    assert often.scan("trades").equals(once.scan("trades"))
    hashes = ["rows", "first_ts", "last_ts", "low", "high", "total", "content"]
    assert often.coverage("trades").select(hashes).equals(once.coverage("trades").select(hashes))
    assert often.write("trades", whole[3:9], source="again").days == 0, "old rows in between change nothing"


def test_a_manifest_tells_the_levels_of_a_book(store: Store) -> None:
    book = pl.DataFrame({"symbol": "A", "ts": [1, 2], "bid_price_1": 1.0, "bid_price_3": [None, 0.5], "ask_price_1": 2.0})
    store.write("book", book, source="a")
    assert store.coverage("book")["levels"].to_list() == [3]
    store.write("trades", trades([(1, 1.0)]), source="a")
    assert store.coverage("trades")["levels"].to_list() == [0]


def test_one_zero(store: Store) -> None:
    first = store.write("signals", pl.DataFrame({"name": ["a"], "ts": [1], "value": [-0.0]}), source="a")
    assert store.write("signals", pl.DataFrame({"name": ["a"], "ts": [1], "value": [0.0]}), source="a").version == first.version
    assert str(store.scan("signals")["value"][0]) == "0.0"


def test_coverage_opens_no_file(tmp_path: Path) -> None:
    days = 200
    frame = pl.DataFrame(
        {"symbol": [f"S{n % 8}" for n in range(days)], "ts": [n // 8 * DAY for n in range(days)], "price": 1.0, "size": 1.0}
    )
    with Store.open(tmp_path) as store:
        store.write("trades", frame, source="a")
    assert len(list((tmp_path / "days").rglob("*.parquet"))) == days
    (tmp_path / "days").rename(tmp_path / "elsewhere")
    with Store.open(tmp_path) as store:
        found = store.coverage("trades")
        assert (len(found), found["rows"].sum(), len(store.coverage("trades", "S3"))) == (days, days, days // 8)
        assert store.empty.days("trades").is_empty()
        with pytest.raises(StoreError, match="cannot be read"):
            store.scan("trades", ["S3"], 0, 1)


def test_a_stamp_that_no_range_would_ever_show_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="row 2, field ts: 9223372036854775807 is no time"):
        store.write("trades", trades([(1, 1.0), (2**63 - 1, 2.0)]), source="made")
    assert len(store.scan("trades")) == 0
