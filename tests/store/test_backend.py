"""Laws of a backend: what is put comes back as it was, under a name of its own, until it is dropped."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from store.places import Places
from tickcast.errors import StoreError
from tickcast.schema import BARS, BOOK, CONTEXT, TRADES
from tickcast.store.base import Backend, Block


@pytest.fixture
def backend(opened: Places) -> Backend:
    return opened.backend()


def rows(seed: int, n: int, table: object = TRADES, *, context: bool = False) -> pl.DataFrame:
    """Rows with every type and with nulls; in no order that a backend could guess."""
    rng = np.random.default_rng(seed)
    out = []
    for column in (*table.columns, *(CONTEXT if context else ())):  # type: ignore[attr-defined]
        values = pl.Series(column.name, rng.integers(0, 100, n))
        values = values.cast(pl.String) if column.dtype == pl.String else (values / 8).cast(column.dtype)
        out.append(values if column.required else values.set(pl.Series(rng.random(n) < 0.3), None))
    return pl.DataFrame(out)


@pytest.mark.parametrize("table", [TRADES, BARS, BOOK], ids=lambda table: table.name)
@pytest.mark.parametrize("context", [False, True])
def test_a_block_comes_back_as_it_was(backend: Backend, table: object, context: bool) -> None:
    blocks = [Block(table.name, "A", day, rows(day, day * 50 + 1, table, context=context)) for day in range(3)]  # type: ignore[attr-defined]
    names = backend.put(iter(blocks), 5)
    assert len(set(names)) == 3 and all(name.endswith("-5") for name in names)
    for name, block in zip(names, blocks, strict=True):
        assert backend.get(name, block.kind).equals(block.rows, null_equal=True)
        assert backend.get(name, block.kind).schema == block.rows.schema
        assert backend.holds(name, block.kind)
    assert set(names) <= set(backend.names())


def test_computed_rows_keep_their_columns_and_their_nan(backend: Backend) -> None:
    computed = pl.DataFrame({"row.ts": [1, 2, 3], "x": [1.5, float("nan"), float("inf")], "n": [None, 1.0, -0.0]})
    (name,) = backend.put([Block("nq24@1", "A", 3, computed)], 1)
    found = backend.get(name, "nq24@1")
    assert found.schema == computed.schema
    for column in ("x", "n"):
        assert found[column].fill_null(7.0).to_numpy().tobytes() == computed[column].fill_null(7.0).to_numpy().tobytes()


def test_equal_blocks_under_two_fences_are_two_and_dropping_one_leaves_the_other(backend: Backend) -> None:
    block = Block("trades", "A", 0, rows(1, 10))
    (one,), (other,) = backend.put([block], 9), backend.put([block], 10)
    assert one != other and other.endswith("-a")
    backend.drop([one, one, "0" * 64 + "-1"])
    assert not backend.holds(one, "trades") and one not in set(backend.names())
    assert backend.get(other, "trades").equals(block.rows, null_equal=True)
    with pytest.raises(StoreError, match=one):
        backend.get(one, "trades")


def test_blocks_are_taken_one_after_the_other(backend: Backend) -> None:
    asked = []

    def blocks() -> object:
        for day in range(3):
            asked.append(day)
            yield Block("trades", "A", day, rows(day, 3))
        raise ValueError("the rows end early")

    before = set(backend.names())
    with pytest.raises(ValueError, match="early"):
        backend.put(blocks(), 1)  # type: ignore[arg-type]
    assert asked == [0, 1, 2] and set(backend.names()) == before, "nothing of a list that was not finished is kept"
    assert backend.put([], 1) == []
