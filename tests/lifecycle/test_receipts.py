"""Receipts: an ingest that was killed goes on after its last chunk, a changed file is refused, and what is remembered is what was read."""

from __future__ import annotations

import gc
import json
import sqlite3
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.clock import DAY, HOUR, MINUTE
from tickcast.config import DataConfig
from tickcast.errors import DataError, SourceError
from tickcast.lifecycle import ingest as room
from tickcast.lifecycle.ingest import ingest
from tickcast.lifecycle.own_rows import Span, joined
from tickcast.lifecycle.progress import Progress
from tickcast.lifecycle.receipts import Ingested, Inputs, Receipts
from tickcast.sources import Cleaned, MappedTable
from tickcast.sources.portions import Portion
from tickcast.store import Store

FIRST = 19_783 * DAY  # 2024-03-01
OPTIONS = {"columns": {"ts": "t", "price": "p", "size": "q"}, "unit": "ns"}


def day_file(folder: Path, day: int, price: float = 10.0) -> Path:
    """An hour's trades of one day in a file."""
    folder.mkdir(exist_ok=True)
    ts = [FIRST + day * DAY + minute * MINUTE for minute in range(60)]
    path = folder / f"day{day}.csv"
    pl.DataFrame({"t": ts, "p": [price + minute / 100 for minute in range(60)], "q": 1.0}).write_csv(path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    """Five files of a day each."""
    for day in range(5):
        day_file(tmp_path / "raw", day)
    return DataConfig(source="table", table="trades", symbol="A", calendar="24/7", files=str(tmp_path / "raw"), options=OPTIONS)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read, in order."""
    names: list[str] = []
    honest = MappedTable._read

    def counted(self: MappedTable, part: Portion) -> Cleaned:
        names.append(part.file.name)
        return honest(self, part)

    monkeypatch.setattr(MappedTable, "_read", counted)
    return names


def into(folder: Path, data: DataConfig, *, changed: bool = False) -> Ingested:
    with Store.open(folder / "store") as store:
        return ingest(data, store, folder / "store" / "receipts", Progress(), changed=changed)


class Stopped(Exception):
    """The process ends here."""


@pytest.mark.parametrize("after", range(6))
def test_an_ingest_goes_on_after_its_last_chunk(
    data: DataConfig, read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = into(tmp_path / "whole", data)
    assert len(read) == 5 and whole.rows == 300
    read.clear()
    honest = Receipts.note

    def note(self: Receipts, number: int, chunk: Ingested) -> None:
        if number >= after:
            raise Stopped  # committed, but nobody could remember it
        honest(self, number, chunk)

    monkeypatch.setattr(Receipts, "note", note)
    if after < 5:
        with pytest.raises(Stopped):
            into(tmp_path / "cut", data)
    monkeypatch.setattr(Receipts, "note", honest)
    read.clear()
    again = into(tmp_path / "cut", data)
    assert read == [f"day{day}.csv" for day in range(after if after < 5 else 0, 5)]
    assert again == whole
    assert [path.suffix for path in (tmp_path / "cut" / "store" / "receipts").iterdir()] == [".json"]


def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(data: DataConfig, tmp_path: Path) -> None:
    """SIGKILL in the first run and in the one that goes on; the third comes through."""
    whole = into(tmp_path / "whole", data)
    script = textwrap.dedent(f"""
        import sys, threading, os, signal
        from pathlib import Path
        from tickcast.config import DataConfig
        from tickcast.lifecycle.ingest import ingest
        from tickcast.lifecycle.progress import Progress
        from tickcast.store import Store
        data = DataConfig.model_validate_json({data.model_dump_json()!r})
        left = int(sys.argv[1])
        def told(*words):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        folder = Path({str(tmp_path / "cut")!r})
        with Store.open(folder / "store") as store:
            ingest(data, store, folder / "store" / "receipts", Progress(told))
    """)
    for left in (12, 9):
        assert subprocess.run([sys.executable, "-c", script, str(left)], check=False, timeout=120).returncode == -9
    assert into(tmp_path / "cut", data) == whole
    with Store.open(tmp_path / "cut" / "store") as store, Store.open(tmp_path / "whole" / "store") as expected:
        assert store.scan("trades").equals(expected.scan("trades"))
        assert store.version() == whole.version


def test_a_mistake_that_brought_no_row_does_not_stand_in_the_way(data: DataConfig, tmp_path: Path) -> None:
    """A wrong column, then a wrong calendar, each under another stamp: nothing was committed, so nothing is contradicted."""
    columns = {**OPTIONS["columns"], "price": "x"}
    for options, calendar, found in (
        ({**OPTIONS, "unit": "us", "columns": columns}, "24/7", "no such column"),
        ({**OPTIONS, "layout": {"delay": "7h"}, "columns": columns}, "24/7", "no such column"),
        ({**OPTIONS, "layout": {"delay": "3h"}}, "NYSE", "outside the sessions of NYSE.*name another data.calendar"),
    ):
        wrong = data.model_copy(update={"options": options, "calendar": calendar})
        with pytest.raises(DataError, match=f"(?i){found}"):
            into(tmp_path, wrong)
        assert list((tmp_path / "store" / "receipts").iterdir()) == []
    assert into(tmp_path, data).rows == 300


def test_a_failure_after_rows_were_committed_is_remembered(data: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "raw" / "day4.csv").write_text("t,p\n1,2\n")
    for _ in range(2):  # also where the second attempt commits nothing itself
        with pytest.raises(SourceError, match=r"day4\.csv"):
            into(tmp_path, data)
    late = data.model_copy(update={"options": {**OPTIONS, "layout": {"delay": "1h"}}, "files": str(tmp_path / "raw" / "day0.csv")})
    with pytest.raises(SourceError, match="stand in the store twice"):
        into(tmp_path, late)


@pytest.mark.parametrize("torn", ['{"chunk": 1, "ver', '{"chunk": 7}\n', "[]\n", "\n", '{"chunk": 0}\n'])
def test_a_torn_or_foreign_list_of_chunks_costs_only_time(
    data: DataConfig, read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: str
) -> None:
    whole = into(tmp_path / "whole", data)
    honest = Inputs.unchanged
    monkeypatch.setattr(Inputs, "unchanged", lambda self: (_ for _ in ()).throw(Stopped()))
    with pytest.raises(Stopped):
        into(tmp_path / "cut", data)
    monkeypatch.setattr(Inputs, "unchanged", honest)
    (chunks,) = (tmp_path / "cut" / "store" / "receipts").glob("*.chunks")
    chunks.write_text(chunks.read_text().split("\n")[0] + "\n" + torn)
    read.clear()
    assert into(tmp_path / "cut", data) == whole
    assert read == [f"day{day}.csv" for day in range(1, 5)]


def test_chunks_committed_to_a_store_that_is_gone_are_read_again(
    data: DataConfig, read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Inputs.unchanged
    monkeypatch.setattr(Inputs, "unchanged", lambda self: (_ for _ in ()).throw(Stopped()))
    with Store.open(tmp_path / "first") as store, pytest.raises(Stopped):
        ingest(data, store, tmp_path / "receipts", Progress())
    monkeypatch.setattr(Inputs, "unchanged", honest)
    read.clear()
    with Store.open(tmp_path / "second") as store:
        assert ingest(data, store, tmp_path / "receipts", Progress()).rows == len(store.scan("trades")) == 300
    assert len(read) == 5


def test_a_changed_file_is_refused_until_it_is_asked_for(data: DataConfig, tmp_path: Path) -> None:
    first = into(tmp_path, data)
    path = day_file(tmp_path / "raw", 2, price=20.0)
    with pytest.raises(SourceError, match=r"day2\.csv: has changed since it was ingested.*--changed"):
        into(tmp_path, data)
    with Store.open(tmp_path / "store") as store:
        assert store.version() == first.version, "nothing was written"
    corrected = into(tmp_path, data, changed=True)
    assert corrected.version != first.version and corrected.files["day2.csv"] != first.files["day2.csv"]
    assert into(tmp_path, data) == corrected, "what was taken once is known"
    day_file(tmp_path / "raw", 2)
    assert into(tmp_path, data) == first, "and so is what it was before"
    assert path.exists()


def test_a_file_that_changed_in_an_ingest_that_was_cut_is_refused(
    data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Inputs.unchanged
    monkeypatch.setattr(Inputs, "unchanged", lambda self: (_ for _ in ()).throw(Stopped()))
    with pytest.raises(Stopped):
        into(tmp_path, data)
    monkeypatch.setattr(Inputs, "unchanged", honest)
    day_file(tmp_path / "raw", 0, price=20.0)
    with pytest.raises(SourceError, match=r"day0\.csv: has changed"):
        into(tmp_path, data)


def test_other_settings_or_another_place_are_another_matter(data: DataConfig, tmp_path: Path) -> None:
    into(tmp_path, data)
    day_file(tmp_path / "raw", 2, price=12.0)
    other = data.model_copy(update={"symbol": "B"})
    assert into(tmp_path, other).rows == 300
    day_file(tmp_path / "elsewhere", 2, price=11.0)
    assert into(tmp_path, data.model_copy(update={"files": str(tmp_path / "elsewhere")})).rows == 60


def test_a_delay_that_is_mended_does_not_leave_the_rows_that_were_known_too_early(tmp_path: Path) -> None:
    """The store would hold each figure twice, and a feature would go on reading the one that was published a month too early."""
    (tmp_path / "cpi.csv").write_text("observed,value\n2024-03-01,1.0\n2024-04-01,2.0\n")

    def told(layout: dict[str, str] | None, symbol: str = "cpi", ts: str = "ts_event") -> DataConfig:
        options = {"columns": {ts: "observed", "value": "value"}, "zone": "UTC", "format": "%Y-%m-%d"}
        options |= {"layout": layout} if layout else {}
        return DataConfig(source="table", table="signals", symbol=symbol, calendar="24/7", files=str(tmp_path / "cpi.csv"), options=options)

    with Store.open(tmp_path / "s") as store:
        before = ingest(told(None, ts="ts"), store, tmp_path / "r", Progress())
        for other in (told({"delay": "13d"}), told({"delay": "13d"}, ts="ts"), told({"calendar": "24/7"}, ts="ts")):
            with pytest.raises(SourceError, match="would stand in the store twice"):
                ingest(other, store, tmp_path / "r", Progress())
        assert store.version() == before.version
        assert ingest(told(None, ts="ts"), store, tmp_path / "r", Progress()).version == before.version
        assert ingest(told({"delay": "13d"}, "late"), store, tmp_path / "r", Progress()).rows == 2
        store.verify()
    (tmp_path / "r" / "torn.json").write_text('{"settings": "x", "reading": 7, "paths": {}}')  # a damaged receipt remembers nothing
    with Store.open(tmp_path / "other") as store:
        assert ingest(told({"delay": "13d"}), store, tmp_path / "r2", Progress()).rows == 2


@pytest.mark.parametrize("table", ["trades", "bars"])
def test_a_file_that_would_give_other_rows_is_refused_and_one_that_gives_the_same_is_not(table: str, tmp_path: Path) -> None:
    """A side told later made two trades of each, and so did another column of prices: the store held every trade twice."""
    lines = [f"{FIRST + i * MINUTE},{10 + i},{9 + i},1,{1 - 2 * (i % 2)}" for i in range(6)]
    path = tmp_path / "a.csv"
    path.write_text("t,p,bid,q,side\n" + "\n".join(lines) + "\n")
    names = {"trades": ("price", "size"), "bars": ("open", "high", "low", "close")}[table]
    usual = {"ts": "t", **dict.fromkeys(names, "p"), **({"size": "q"} if table == "trades" else {})}

    def told(symbol: str = "A", columns: dict[str, str] | None = None, **options: object) -> DataConfig:
        bars = {"interval": "1m", "bar_stamp": "close"} if table == "bars" else {}
        options = {"columns": {**usual, **(columns or {})}, "unit": "ns", **bars, **options}
        return DataConfig(source="table", table=table, symbol=symbol, calendar="24/7", files=str(path), options=options)  # type: ignore[arg-type]

    other = {
        "trades": [told(columns={"side": "side"}), told(columns={"price": "bid"}), told(layout={"divisor": {"p": 100}})],
        "bars": [told(unit="us"), told(interval="5m"), told(bar_stamp="open")],
    }[table]
    same = [
        *(told(zone="UTC"), told(zone=None), told(layout={"revisions": "keep"}), told(layout={"header": []}), told("B")),
        *([told(columns={"volume": "q"}), told(layout={"divisor": {"q": 2}})] if table == "bars" else [told(columns={"ts_event": "t"})]),
    ]
    with Store.open(tmp_path / "s") as store:
        ingest(told(), store, tmp_path / "r", Progress())
        for each in same:
            assert ingest(each, store, tmp_path / "r", Progress()).rows == 6
        assert len(store.scan(table, ["A"])) == 6
        for each in other:
            for changed in (False, True):
                with pytest.raises(SourceError, match="would stand in the store twice"):
                    ingest(each, store, tmp_path / "r", Progress(), changed=changed)
        path.write_text("t,p,bid,q,side\n" + "\n".join(lines[:-1]) + "\n")
        with pytest.raises(SourceError, match="has changed"):  # whatever else is told of it now
            ingest(told(zone="UTC", layout={"revisions": "keep"}), store, tmp_path / "r", Progress())
        with pytest.raises(SourceError, match="would stand in the store twice"):
            ingest(other[0], store, tmp_path / "r", Progress(), changed=True)
        assert len(store.scan(table, ["A"])) == 6


def test_a_database_is_asked_again_for_it_may_have_grown(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ticks.db") as base:
        base.execute("create table ticks (t integer, p real, q real)")
        base.executemany("insert into ticks values (?, 10.0, 1.0)", [(FIRST + i * MINUTE,) for i in range(5)])
    options = {**OPTIONS, "url": f"sqlite:///{tmp_path / 'ticks.db'}", "relation": "ticks"}
    data = DataConfig(source="sql", table="trades", symbol="A", calendar="24/7", options=options)
    assert into(tmp_path, data).rows == 5
    with sqlite3.connect(tmp_path / "ticks.db") as base:
        base.execute("insert into ticks values (?, 11.0, 1.0)", [FIRST + HOUR])
    assert into(tmp_path, data).rows == 6


def test_a_new_file_beside_the_old_ones_is_no_change(data: DataConfig, read: list[str], tmp_path: Path) -> None:
    into(tmp_path, data)
    day_file(tmp_path / "raw", 5)
    assert into(tmp_path, data).rows == 360


def test_a_file_written_to_while_it_is_read_is_no_input(data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = MappedTable._read

    def growing(self: MappedTable, part: Portion) -> Cleaned:
        if part.file.name == "day3.csv":
            with part.file.open("a") as file:
                file.write(f"{FIRST + 4 * DAY},1.0,1.0\n")
        return honest(self, part)

    monkeypatch.setattr(MappedTable, "_read", growing)
    with pytest.raises(SourceError, match=r"day3\.csv: changed while it was read"):
        into(tmp_path, data)


def test_files_of_one_name_are_told_apart(data: DataConfig, tmp_path: Path) -> None:
    for folder, day in (("a", 1), ("b", 2)):
        day_file(tmp_path / folder, day).rename(tmp_path / folder / "x.csv")
    inputs = Inputs.of((tmp_path / "a" / "x.csv", tmp_path / "b" / "x.csv"))
    assert sorted(inputs.files) == ["a/x.csv", "b/x.csv"] and len(set(inputs.files.values())) == 2


def test_provenance_is_written_with_the_rows(data: DataConfig, tmp_path: Path) -> None:
    done = into(tmp_path, data)
    with Store.open(tmp_path / "store") as store:
        sources = [json.loads(text) for text in store.coverage("trades")["source"]]
    assert [each["file"] for each in sources] == [f"day{day}.csv" for day in range(5)]
    assert [each["sha256"] for each in sources] == list(done.files.values())
    assert all(each["source"] == "table" and each["options"] == OPTIONS for each in sources)
    (receipt,) = (tmp_path / "store" / "receipts").iterdir()
    told = json.loads(receipt.read_text())
    assert told["data"]["options"] == OPTIONS and told["files"] == dict(done.files) and told["source"] == "table"


def test_one_chunk_is_held_at_a_time(data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks: list[weakref.ref[Cleaned]] = []
    alive: list[int] = []
    honest = MappedTable._read

    def watched(self: MappedTable, path: Path) -> Cleaned:
        gc.collect()
        alive.append(sum(ref() is not None for ref in chunks))
        chunk = honest(self, path)
        chunks.append(weakref.ref(chunk))
        return chunk

    monkeypatch.setattr(MappedTable, "_read", watched)
    into(tmp_path, data)
    assert alive == [0] * 5


def test_a_chunk_of_many_days_is_committed_a_few_days_at_a_time(data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = into(tmp_path / "whole", data)
    together = tmp_path / "together.csv"
    pl.concat([pl.read_csv(path) for path in sorted((tmp_path / "raw").iterdir())]).write_csv(together)
    monkeypatch.setattr(room, "_AT_ONCE", 130)
    sizes: list[int] = []
    honest = Store.write

    def counted(self: Store, table: str, frame: pl.DataFrame, **words: object) -> object:
        sizes.append(len(frame))
        return honest(self, table, frame, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "write", counted)
    done = into(tmp_path / "one", data.model_copy(update={"files": str(together)}))
    assert sizes == [120, 120, 60] and done.version == whole.version and done.spans == whole.spans


SPANS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 5)), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(SPANS)
def test_joined_spans_count_what_nobody_counts_twice(pieces: list[tuple[int, int, int]]) -> None:
    """Rows are stamps here: a piece is `length` of them from `start` on. Counted is the union, or nothing where pieces meet."""
    spans = [Span("A", day, 0, start, start + length - 1, length) for day, start, length in pieces]
    for span in joined(spans):
        stamps = [set(range(each.first_ts, each.last_ts + 1)) for each in spans if each.day == span.day]
        union: set[int] = set().union(*stamps)
        assert (span.first_ts, span.last_ts) == (min(union), max(union))
        assert span.rows is None or span.rows == len(union)
        if len(stamps) == 1:
            assert span.rows == len(union)


def test_a_file_that_cannot_be_hashed_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.csv: cannot be read"):
        Inputs.of((tmp_path / "gone.csv",))
