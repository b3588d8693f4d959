"""A folder and a server that are given the same writes answer the same, to the byte."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.clock import DAY
from tickcast.errors import DataError
from tickcast.schema import BARS, BOOK, CONTEXT, ORDERS, TRADES, Table
from tickcast.sources.lobster import Lobster
from tickcast.store import Store
from tickcast.store.day_file import encode
from tickcast.store.quest_server import QuestServer

CLOCK = 1_700_000_000_000_000_000
CELLS = {
    pl.Float64: st.sampled_from([0.0, -0.0, 0.1, 1e300, -1e-300, 4025.25, 5e-324]),
    pl.Int64: st.sampled_from([0, 1, -(2**63), 2**63 - 1, 10**18]),
    pl.Int32: st.sampled_from([0, 3, -(2**31) + 1]),
    pl.Int8: st.sampled_from([-1, 0, 1]),
    pl.String: st.sampled_from(["A", "B é", "c,=d", ""]),
}


@st.composite
def frames(draw: st.DrawFn) -> tuple[str, pl.DataFrame]:
    """Rows for a table: few stamps, so that they meet; any optional column may lack or be null."""
    table: Table = draw(st.sampled_from([TRADES, BARS, BOOK, ORDERS]))
    n = draw(st.integers(1, 8))
    out = {}
    for column in (*table.columns, *CONTEXT[1:]):
        if column.required or draw(st.booleans()):
            cell = CELLS[column.dtype] if column.required else st.none() | CELLS[column.dtype]
            if column.name in ("ts", "ts_open"):
                cell = st.integers(-1, 3).map(lambda day: day * DAY + DAY // 2)
            out[column.name] = pl.Series(draw(st.lists(cell, min_size=n, max_size=n)), dtype=column.dtype)
    frame = pl.DataFrame(out)
    return table.name, frame if table.repeats else frame.unique(table.identity, keep="first", maintain_order=True)


def written(store: Store, table: str, frame: pl.DataFrame) -> object:
    """What a write did, or how it was refused."""
    try:
        return store.write(table, frame, source=table)
    except DataError as error:
        return error.message


def clock() -> Callable[[], int]:
    ticks = itertools.count(CLOCK)
    return lambda: next(ticks)


@pytest.mark.slow
def test_the_same_writes_give_the_same_bytes(tmp_path_factory: pytest.TempPathFactory, questdb: QuestServer) -> None:
    numbers = itertools.count()

    @settings(max_examples=8, deadline=None)
    @given(writes=st.lists(frames(), min_size=1, max_size=4))
    def law(writes: list[tuple[str, pl.DataFrame]]) -> None:
        folder, address = tmp_path_factory.mktemp("folder"), str(questdb.address(f"twin{next(numbers)}"))
        with Store.open(folder, clock=clock()) as one, Store.open(address, clock=clock()) as other:
            for table, frame in writes:
                assert written(one, table, frame) == written(other, table, frame)
            with Store.open(address) as again:
                assert again.version() == one.version()
                for table in {table for table, _ in writes}:
                    assert again.coverage(table).equals(one.coverage(table))
                    for as_of in (None, CLOCK, CLOCK + 1):
                        assert encode(again.scan(table, as_of=as_of)) == encode(one.scan(table, as_of=as_of))
                        part = again.scan(table, None, 0, DAY, as_of=as_of)
                        assert encode(part) == encode(one.scan(table, None, 0, DAY, as_of=as_of))

    law()


@pytest.mark.parametrize("table", ["trades", "book", "orders"])
def test_a_real_morning_gives_the_same_bytes(tmp_path: Path, questdb: QuestServer, market_data: Path, table: str) -> None:
    path = market_data / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
    rows = next(iter(Lobster(path, table=table).history())).frame[:6_000]
    with Store.open(tmp_path) as one, Store.open(str(questdb.address(f"real{table}"))) as other:
        for part in (rows[2_000:], rows[:4_000]):
            assert other.write(table, part, source="a") == one.write(table, part, source="a")
        assert encode(other.scan(table)) == encode(one.scan(table))
        assert encode(other.scan(table, ["GOOG"], rows["ts"][100], rows["ts"][3_000])) == encode(
            one.scan(table, ["GOOG"], rows["ts"][100], rows["ts"][3_000])
        )
