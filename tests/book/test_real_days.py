"""Real streams: the ES order-by-order day and the LOBSTER samples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from databento_dbn import MBOMsg
from numpy.typing import NDArray

from tickcast.book import OrderBook
from tickcast.schema import BOOK, conform
from tickcast.sources.files import read_bytes

OPENING = 1_703_545_200_105_900_877
"""The opening auction's print, 2023-12-25 23:00:00.105900877 UTC; before it orders of both sides gather across each other."""


@pytest.fixture(scope="module")
def es_day(market_data: Path) -> NDArray[Any]:
    raw = read_bytes(market_data / "es_mbo" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst")
    return np.frombuffer(raw, dtype=np.dtype(MBOMsg._dtypes), offset=8 + int.from_bytes(raw[4:8], "little"))


def test_the_es_day_has_no_unknown_order_and_never_crosses_after_the_opening(es_day: NDArray[Any]) -> None:
    book = OrderBook("ESH4", opens=OPENING, strict=True)
    rows = book.apply_mbo(es_day)
    assert (len(es_day), len(rows), book.orders) == (68_792, 47_022, 11_217)
    assert dict(book.troubles) == {"fill_unseen": 7, "fill_hidden": 27}, "the opening's market orders, and icebergs"
    assert rows.equals(conform(rows, BOOK)) and rows["ts"].is_sorted()
    opened = rows.filter(pl.col("ts") >= OPENING)
    assert len(opened) == 46_097 and (opened["bid_price_1"] < opened["ask_price_1"]).all()
    crossed = rows.filter(pl.col("bid_price_1") > pl.col("ask_price_1"))
    assert len(crossed) == 891 and crossed["ts"].max() < OPENING  # type: ignore[operator]
    ends = es_day[(es_day["flags"] & 128) > 0]
    assert rows["ts"].to_numpy().tolist() == ends["ts_recv"].tolist()


def test_each_trade_of_the_es_day_is_the_sum_of_its_fills(es_day: NDArray[Any]) -> None:
    """Of each print: the fills of resting orders up to the next print of its packet have its price, and its size."""
    prints, fills, own = [], Counter[int](), 0
    for record in es_day[["action", "order_id", "price", "size", "flags"]]:
        if record["action"] == b"T":
            own = int(record["order_id"])
            prints.append((int(record["price"]), int(record["size"])))
        elif record["action"] == b"F":
            assert int(record["price"]) == prints[-1][0]
            if int(record["order_id"]) != own:
                fills[len(prints) - 1] += int(record["size"])
    assert len(prints) == 2_973
    sums = Counter(fills[i] == (2 * size if i == 0 else size) for i, (_, size) in enumerate(prints))
    assert sums == {True: len(prints)}, "the opening's print has both sides among its fills"


def test_the_queue_is_served_from_its_front(es_day: NDArray[Any]) -> None:
    """In continuous trading the first fill of a packet meets the oldest order at the best price."""
    book, front, best = OrderBook(), Counter[bool](), Counter[bool]()
    begin = int(np.flatnonzero(es_day["ts_recv"] > OPENING)[0])
    book.apply_mbo(es_day[:begin])
    own, fresh, first = 0, True, False
    for i in range(begin, len(es_day)):
        record = es_day[i]
        if record["action"] == b"T":
            own, first, fresh = int(record["order_id"]), fresh, False
        elif record["action"] == b"F" and first and int(record["order_id"]) != own:
            place, first = book.queue(int(record["order_id"])), False
            assert place is not None
            best[place.price == (book.bids(1) if place.side > 0 else book.asks(1))[0].price] += 1
            front[place.ahead == 0] += 1
        book.apply_mbo(es_day[i : i + 1])
        fresh = fresh or bool(record["flags"] & 128)
    assert best == {True: 2_833}
    assert front == {True: 2_764, False: 69}, "the rest: orders ahead that are cancelled instead, and fills told in another order"
