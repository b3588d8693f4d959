"""The same rows in one file, in many, over many invocations, killed in between: the same rows kept and the same set aside."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.config import CleaningConfig, DataConfig
from tickcast.errors import DataError
from tickcast.lifecycle.ingest import ingest
from tickcast.lifecycle.progress import Progress
from tickcast.sources import portions
from tickcast.store import Store

T = 19_000 * DAY + 12 * HOUR
BOOK = "ts bid_price_1 ask_price_1 bid_size_1 ask_size_1"
COLUMNS = {"trades": "ts price size", "book": f"{BOOK} volume", "quotes": BOOK}

Told = list[tuple[int, float, float]]
"""Stamp, price and volume of each row."""


@st.composite
def streams(draw: st.DrawFn) -> tuple[Told, list[int]]:
    """Rows in time order, whose prices and volumes jump, several at a stamp; and places between stamps at which they are cut."""
    steps = draw(st.lists(st.sampled_from([0, 0, SECOND, SECOND, 20 * MINUTE, 23 * HOUR, 6 * DAY]), min_size=4, max_size=24))
    price = st.sampled_from([10.0, 10.5, 10.0, 100.0, 101.0, 100.005, -1.0])
    volume = st.sampled_from([1.0, 5.0, 6.0, 50.0])
    ts, rows = T, []
    for step in steps:
        ts += step
        rows.append((ts, draw(price), draw(volume)))
    between = [i for i in range(1, len(rows)) if rows[i][0] > rows[i - 1][0]]
    return rows, sorted(draw(st.sets(st.sampled_from(between), max_size=3))) if between else []


def files(folder: Path, table: str, rows: Told, cuts: list[int]) -> list[Path]:
    folder.mkdir()
    out = []
    for number, (low, high) in enumerate(zip([0, *cuts], [*cuts, len(rows)], strict=True)):
        lines = [line(table, *row) for row in rows[low:high]]
        out.append(folder / f"{number:02}.csv")
        out[-1].write_text(COLUMNS[table].replace(" ", ",") + "\n" + "\n".join(lines) + "\n")
    return out


def line(table: str, ts: int, price: float, volume: float) -> str:
    if table == "trades":
        return f"{ts},{price},1"
    return f"{ts},{price},{price + 0.5},1,1" + (f",{volume}" if table == "book" else "")


def config(table: str, paths: list[Path]) -> DataConfig:
    options = {"columns": {name: name for name in COLUMNS[table].split()}, "unit": "ns"}
    return DataConfig(
        source="table",
        files=str(paths[0] if len(paths) == 1 else paths[0].parent),
        symbol="A",
        table="book" if table == "quotes" else table,
        calendar="24/7",
        options=options,
        tick=0.01,
        cleaning=CleaningConfig(off_tick="quarantine"),
    )


class Killed(Exception):
    """The process is gone."""


def read(
    folder: Path, table: str, paths: list[Path], *, killed_after: int | None = None, one_by_one: bool = False
) -> tuple[pl.DataFrame, ...]:
    """What is stored, and what is in quarantine but for file and number."""
    seen = 0

    def listen(what: str, share: float) -> None:
        nonlocal seen
        seen += what.startswith("reading")
        if killed_after is not None and seen > killed_after:
            raise Killed

    with Store.open(folder / "store") as store:
        for each in [[path] for path in paths] if one_by_one else [paths]:
            if killed_after is not None:
                with pytest.raises(Killed):
                    ingest(
                        config(table, each),
                        store,
                        folder / "receipts",
                        Progress(lambda stage, what, share: listen(what, share)),
                        clock=lambda: T + 900 * DAY,
                    )
            with suppress(DataError):  # of a file without a usable row, whose rows are in quarantine all the same
                ingest(config(table, each), store, folder / "receipts", Progress(), clock=lambda: T + 900 * DAY)
        aside = store.scan("quarantine").select("symbol", "ts", "table", "reason", "original")
        return store.scan("book" if table == "quotes" else table), aside.sort(pl.all())


@pytest.mark.parametrize("table", ["trades", "book", "quotes"])
def test_any_cutting_into_files_keeps_the_same_rows_and_sets_the_same_aside(table: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(deadline=None, max_examples=8)
    @given(streams(), st.data())
    def law(made: tuple[Told, list[int]], data: st.DataObject) -> None:
        rows, cuts = made
        folder = tmp_path_factory.mktemp("cuts")
        kept, aside = read(folder / "whole", table, files(folder / "one", table, rows, []))
        parts = files(folder / "many", table, rows, cuts)
        ways = [("parts", {}), ("days", {"one_by_one": True})]
        if len(parts) > 1:
            ways.append(("killed", {"killed_after": data.draw(st.integers(1, len(parts) - 1))}))
        for name, words in ways:
            again, set_aside = read(folder / name, table, parts, **words)  # type: ignore[arg-type]
            assert again.equals(kept), name
            assert set_aside.equals(aside), name

    law()


def test_a_price_that_jumps_at_midnight_is_doubted_in_daily_files_too(tmp_path: Path) -> None:
    rows = [(T + i * SECOND, 10.0, 1.0) for i in range(3)] + [(T + DAY + i * SECOND, 100.0 if i == 0 else 10.0, 1.0) for i in range(3)]
    kept, aside = read(tmp_path / "days", "trades", files(tmp_path / "files", "trades", rows, [3]), one_by_one=True)
    assert aside["reason"].to_list() == ["price_far"] and kept["price"].to_list() == [10.0] * 5


def test_rows_doubted_of_a_book_that_tells_no_volume_count_over_files(tmp_path: Path) -> None:
    rows = [(T + i * SECOND, 10.0 if i < 2 else 100.0, 1.0) for i in range(9)]
    kept, aside = read(tmp_path / "whole", "quotes", files(tmp_path / "file", "quotes", rows, []))
    assert aside["reason"].to_list() == 3 * ["price_far"] and len(kept) == 6
    again, set_aside = read(tmp_path / "days", "quotes", files(tmp_path / "files", "quotes", rows, [3, 4]), one_by_one=True)
    assert again.equals(kept) and set_aside.equals(aside)


def test_a_price_between_two_ticks_is_the_price_before_though_the_last_one_kept_is_forgotten(tmp_path: Path) -> None:
    """The rule of prices comes before that of ticks; after six days without a row it believed the one that the latter set aside."""
    rows = [(T, 10.0, 1.0), (T + 6 * DAY, 100.005, 1.0), (T + 6 * DAY + SECOND, 10.0, 1.0), (T + 6 * DAY + 2 * SECOND, 100.0, 1.0)]
    kept, aside = read(tmp_path / "whole", "trades", files(tmp_path / "file", "trades", rows, []))
    assert kept["price"].to_list() == [10.0, 100.0] and sorted(aside["reason"]) == ["off_tick", "price_far"]
    again, set_aside = read(tmp_path / "days", "trades", files(tmp_path / "files", "trades", rows, [2]), one_by_one=True)
    assert again.equals(kept) and set_aside.equals(aside)


@pytest.mark.parametrize("table", ["book", "quotes"])
def test_what_is_asked_of_the_store_does_not_grow_with_it(table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk that begins inside a day was judged by all rows of five days where books tell no volume."""
    asked: list[int] = []
    honest = Store.scan

    def scan(self: Store, name: str, *words: Any, **more: Any) -> pl.DataFrame:
        found = honest(self, name, *words, **more)
        asked.append(len(found))
        return found

    monkeypatch.setattr(Store, "scan", scan)
    rows = [(T + i * MINUTE, 10.0, float(i)) for i in range(3 * 24 * 60)]
    with Store.open(tmp_path / "store") as store:
        for path in files(tmp_path / "files", table, rows, [2_000, 4_000]):
            asked.clear()
            ingest(config(table, [path]), store, tmp_path / "receipts", Progress(), clock=lambda: T + 900 * DAY)
    assert 0 < sum(asked) <= 16


@pytest.mark.parametrize("table", ["trades", "book"])
@pytest.mark.parametrize("killed_after", [None, 3])
def test_a_large_file_that_is_cut_inside_a_stamp_keeps_every_genuine_repeat(
    table: str, killed_after: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two equal trades on either side of the cut the second was taken for the first one, told again."""
    rows = [(T + i // 5 * SECOND, 100.0 if i % 7 == 3 else 10.0, float(i)) for i in range(40)]
    kept, aside = read(tmp_path / "whole", table, files(tmp_path / "file", table, rows, []))
    assert len(kept) == 34
    monkeypatch.setattr(portions, "_BYTES", 130)
    paths = files(tmp_path / "cut", table, rows, [])
    for again in range(2):
        found, set_aside = read(tmp_path / "portions", table, paths, killed_after=None if again else killed_after)
        assert found.equals(kept) and set_aside.equals(aside)
