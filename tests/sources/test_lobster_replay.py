"""LOBSTER's messages rebuild LOBSTER's book file, row for row; a book that they do not explain is found."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tickcast.errors import DataError
from tickcast.sources import Lobster, replay_lobster


def day(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    messages, book = (next(Lobster(path, table=table).history()) for table in ("orders", "book"))
    assert not messages.counts and not book.counts
    return messages.frame, book.frame


@pytest.mark.parametrize(
    ("name", "levels", "rows", "cells", "taken", "given"),
    [("GOOG_2012-06-21_10", 10, 147_916, 5_916_600, 88_902, 860_780), ("AAPL_2012-06-21_1", 1, 118_497, 473_984, 60_142, 239_729)],
)
def test_a_real_day_is_rebuilt_row_for_row(
    name: str, levels: int, rows: int, cells: int, taken: int, given: int, market_data: Path
) -> None:
    messages, book = day(market_data / "lobster" / f"LOBSTER_SampleFile_{name}.zip")
    found = replay_lobster(messages, book, levels)
    assert found.agrees.all() and len(found.agrees) == rows
    assert (found.cells, found.taken) == (cells, taken), "what no message tells comes from the file, and nothing else"
    assert (found.given, found.wrong) == (given, 0), "what the messages alone tell is right, and this much"
    assert not found.start.troubles
    still = messages["kind"].is_in([5, 6, 7])[1:]
    prices = [f"{side}_{what}_1" for side in ("bid", "ask") for what in ("price", "size")]
    moved = book.select(pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in prices))[1:].to_series()
    assert still.sum() > 3_000 and not moved.filter(still).any(), "hidden executions change no book"


def test_a_book_that_the_messages_do_not_explain_is_found(market_data: Path) -> None:
    messages, book = day(market_data / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip")
    messages, book = messages[:5_000], book[:5_000]
    spoiled = book.with_columns(bid_size_3=pl.when(pl.int_range(pl.len()) == 700).then(pl.col("bid_size_3") + 1).otherwise("bid_size_3"))
    found = replay_lobster(messages, spoiled, 10)
    assert [i for i, good in enumerate(found.agrees) if not good] == [700]
    lost = messages.with_columns(kind=pl.when(pl.int_range(pl.len()) == 700).then(7).otherwise("kind").cast(pl.Int8))
    found = replay_lobster(lost, book, 10)
    assert not found.agrees[700] and found.agrees[:700].all()
    with pytest.raises(DataError, match="4999 messages and 5000 books"):
        replay_lobster(messages[:-1], book, 10)
