"""The book against one of dictionaries, event by event; the same rows however the stream is cut; what cannot be is told."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from book.slow_book import SlowBook
from tickcast.book import BookEvent, EventKind, OrderBook, QueuePosition
from tickcast.errors import ConfigError, DataError

PRICES = [99.5, 99.75, 100.0, 100.25, 100.5, 100.75]
KINDS = [*([EventKind.ADD] * 6), *([EventKind.CANCEL, EventKind.MODIFY] * 3), *EventKind]


@st.composite
def streams(draw: st.DrawFn, most: int = 120) -> list[BookEvent]:
    """Any events at all, most of them of few orders at few prices, in packets."""
    events = []
    ts = 1_000
    for _ in range(draw(st.integers(1, most))):
        ts += draw(st.sampled_from([0, 0, 1, 40, 700]))
        kind = draw(st.sampled_from(KINDS))
        standing = kind == EventKind.STANDING
        events.append(
            BookEvent(
                ts=ts,
                kind=kind,
                side=draw(st.sampled_from([1, -1] if draw(st.integers(0, 9)) else [0])),
                price=draw(st.sampled_from(PRICES)) if draw(st.integers(0, 19)) else None,
                size=draw(st.integers(1, 9)) if draw(st.integers(0, 19)) else draw(st.integers(-1, 0)),
                order_id=draw(st.integers(1, 12)),
                last=draw(st.booleans()),
                snapshot=standing and draw(st.booleans()),
            )
        )
    return events


def frame(events: list[BookEvent]) -> pl.DataFrame:
    columns = {name: [getattr(event, name) for event in events] for name in ("ts", "side", "price", "size", "order_id", "last", "snapshot")}
    types = {"ts": pl.Int64, "side": pl.Int8, "price": pl.Float64, "size": pl.Int64, "order_id": pl.Int64}
    return pl.DataFrame({"kind": [int(event.kind) for event in events], **columns}, schema_overrides=types)


@settings(max_examples=150, deadline=None)
@given(streams())
def test_every_book_is_that_of_dictionaries(events: list[BookEvent]) -> None:
    fast, slow = OrderBook(opens=2**62), SlowBook()
    for event in events:
        assert fast.update(event) == event.last
        slow.apply(event)
        for side, found in ((1, fast.bids(9)), (-1, fast.asks(9))):
            assert [(level.price, level.size) for level in found] == slow.side(side)
        assert fast.orders == len(slow.orders)
        for number, order in slow.orders.items():
            place, before = fast.queue(number), slow.queue(number)
            assert isinstance(place, QueuePosition)
            ahead = slow.levels[int(order["side"])].get(order["price"], 0) + sum(int(slow.orders[n]["size"]) for n in before)
            assert (place.side, place.price, place.size) == (order["side"], order["price"], order["size"])
            assert (place.ahead, place.orders_ahead) == (ahead, len(before))
        assert dict(fast.troubles) == dict(slow.troubles)


@settings(max_examples=100, deadline=None)
@given(
    streams(), st.sampled_from(["event", "packet", "change", "100ns"]), st.sampled_from([0, 2]), st.lists(st.integers(0, 120), max_size=4)
)
def test_rows_do_not_depend_on_how_the_stream_is_cut(events: list[BookEvent], every: str, depth: int, cuts: list[int]) -> None:
    whole = OrderBook("X", levels=3, every=every, depth=depth)
    rows = whole.apply(frame(events))
    end = events[-1].ts + 1_000
    rows = pl.concat([rows, whole.advance(end)])
    parts, state = [], OrderBook("X", levels=3, every=every, depth=depth).save()
    edges = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    for begin, stop in zip(edges, edges[1:], strict=False):
        book = OrderBook("X", levels=3, every=every, depth=depth)
        book.restore(state)
        parts.append(book.apply(frame(events[begin:stop])))
        state = book.save()
        assert book.save() == state
    parts.append(book.advance(end))
    assert pl.concat(parts).equals(rows)
    assert book.save() == whole.save()
    live = OrderBook("X", levels=3, every=every, depth=depth)
    for event in events:
        live.update(event)
    assert live.bids(3) == whole.bids(3)
    assert live.troubles == whole.troubles


@settings(max_examples=60, deadline=None)
@given(streams(), st.integers(0, 120))
def test_no_row_contains_what_comes_after_its_stamp(events: list[BookEvent], cut: int) -> None:
    for every in ("event", "packet", "change", "100ns"):
        later = OrderBook(levels=2, every=every)
        rows = pl.concat([later.apply(frame(events)), later.advance(events[-1].ts + 1_000)])
        known = [event for event in events if event.ts <= events[min(cut, len(events) - 1)].ts]
        early = OrderBook(levels=2, every=every)
        found = pl.concat([early.apply(frame(known)), early.advance(known[-1].ts)])
        assert rows.filter(pl.col("ts") <= known[-1].ts).equals(found)
        assert rows["ts"].is_sorted()


def test_rows_of_each_kind() -> None:
    add = [BookEvent(10 * i, EventKind.ADD, 1, 100.0 - i, i, i, last=i != 2) for i in (1, 2, 3, 4)]
    events = frame([*add, BookEvent(41, EventKind.TRADE, 1, 99.0, 1), BookEvent(95, EventKind.ADD, 1, 50.0, 1, 9)])
    found = {every: OrderBook(levels=2, every=every).apply(events) for every in ("event", "packet", "change", "20ns")}
    assert found["event"]["sequence"].to_list() == [1, 2, 3, 4, 5, 6]
    assert found["packet"]["sequence"].to_list() == [1, 3, 4, 5, 6]
    assert found["change"]["sequence"].to_list() == [1, 3], "later events are behind the levels shown"
    assert found["20ns"].select("ts", "sequence").rows() == [(20, 1), (40, 4), (60, 5)]
    assert found["packet"].select("bid_price_1", "bid_size_2", "ask_price_1").row(1) == (99.0, 2.0, None)


def test_a_modification_keeps_its_place_only_for_less_at_the_same_price() -> None:
    book = OrderBook(strict=True)
    for number in (1, 2, 3):
        book.update(BookEvent(number, EventKind.ADD, 1, 100.0, 10, number))
    book.update(BookEvent(4, EventKind.MODIFY, 1, 100.0, 4, 1))
    assert book.queue(2) == QueuePosition(1, 100.0, 10, 4, 1, 24, 2)
    book.update(BookEvent(5, EventKind.MODIFY, 1, 100.0, 5, 1))
    assert [book.queue(n).ahead for n in (2, 3, 1)] == [0, 10, 20]  # type: ignore[union-attr]
    book.update(BookEvent(6, EventKind.MODIFY, 1, 99.0, 5, 2))
    book.update(BookEvent(7, EventKind.MODIFY, 1, 100.0, 5, 2))
    assert [book.queue(n).ahead for n in (3, 1, 2)] == [0, 10, 15]  # type: ignore[union-attr]
    assert book.queue(77) is None


def test_an_iceberg_shows_its_next_part_at_the_end_of_the_queue() -> None:
    book = OrderBook()
    for number in (1, 2):
        book.update(BookEvent(number, EventKind.ADD, 1, 100.0, 1, number))
    book.update(BookEvent(3, EventKind.TRADE, -1, 100.0, 5, 8, last=False))
    book.update(BookEvent(3, EventKind.FILL, 1, 100.0, 5, 1, last=False))
    book.update(BookEvent(4, EventKind.MODIFY, 1, 100.0, 1, 1))
    assert [book.queue(n).ahead for n in (2, 1)] == [0, 1]  # type: ignore[union-attr]
    assert dict(book.troubles) == {"fill_hidden": 1}


def test_prices_are_exact_and_numbers_beyond_int64_stay_apart() -> None:
    book = OrderBook()
    big = 2**64 - 5
    book.update(BookEvent(1, EventKind.ADD, 1, 0.1 + 0.2, 1, big))
    book.update(BookEvent(1, EventKind.ADD, 1, 0.3, 2, 2**64 - 6))
    book.update(BookEvent(1, EventKind.ADD, -1, -37.63, 3, 4))
    assert [(level.price, level.size, level.orders) for level in book.bids()] == [(0.3, 3, 2)]
    assert book.asks()[0].price == -37.63
    assert book.queue(big).ahead == 0 and book.queue(2**64 - 6).ahead == 1  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("event", "trouble"),
    [
        (BookEvent(2, EventKind.CANCEL, 1, 100.0, 5, 77), "unknown_order"),
        (BookEvent(2, EventKind.ADD, 1, 100.0, 5, 1), "duplicate_order"),
        (BookEvent(2, EventKind.ADD, 1, 100.0, -5, 2), "no_size"),
        (BookEvent(2, EventKind.ADD, 1, 100.0, 2**41, 2), "no_size"),
        (BookEvent(2, EventKind.ADD, 0, 100.0, 5, 2), "no_side"),
        (BookEvent(2, EventKind.ADD, 1, None, 5, 2), "no_price"),
        (BookEvent(2, EventKind.CANCEL, 1, 100.0, 11, 1), "size_mismatch"),
        (BookEvent(2, EventKind.FILL, 1, 100.5, 1, 1), "fill_mismatch"),
        (BookEvent(0, EventKind.ADD, 1, 100.0, 5, 2), "time_back"),
        (BookEvent(2, EventKind.ADD, -1, 99.0, 5, 2), "crossed"),
        (BookEvent(2, EventKind.ADD, -1, 100.0, 5, 2), "locked"),
    ],
)
def test_what_cannot_be_is_counted_or_raised(event: BookEvent, trouble: str) -> None:
    first = BookEvent(1, EventKind.ADD, 1, 100.0, 10, 1)
    for strict in (False, True):
        live, table = OrderBook(strict=strict, opens=2), OrderBook(strict=strict, opens=2)
        live.update(first)
        if strict:
            with pytest.raises(DataError, match=f"row 2: {trouble}"):
                live.update(event)
            with pytest.raises(DataError, match=f"row 2: {trouble}"):
                table.apply(frame([first, event]))
        else:
            live.update(event)
            table.apply(frame([first, event]))
        for book in (live, table):
            assert (dict(book.troubles), dict(book.first_troubles)) == ({trouble: 1}, {trouble: 2})
    early = OrderBook(opens=3)
    early.apply(frame([first, event]))
    assert ("crossed" in early.troubles or "locked" in early.troubles) is False


def test_what_cannot_be_read_is_told_before_anything_is_taken_in() -> None:
    book = OrderBook()
    good = frame([BookEvent(1, EventKind.ADD, 1, 100.0, 10, 1)])
    for bad, message in (
        (good.drop("kind"), "kind"),
        (good.with_columns(price=pl.lit(float("nan"))), "row 1, field price"),
        (good.with_columns(price=pl.lit(1e18)), "row 1, field price"),
        (good.with_columns(size=pl.lit(1.5)), "row 1, field size.*no whole number"),
        (good.with_columns(ts=pl.lit(None, pl.Int64)), "row 1, field ts"),
        (good.with_columns(kind=pl.lit(300)), "cannot be read"),
    ):
        with pytest.raises(DataError, match=message):
            book.apply(bad)
    with pytest.raises(DataError, match="no price"):
        book.update(BookEvent(1, EventKind.ADD, 1, float("inf"), 10, 1))
    with pytest.raises(DataError, match="whole numbers"):
        book.update(BookEvent(2**70, EventKind.ADD, 1, 1.0, 10, 1))
    assert book.events == 0
    with pytest.raises(ConfigError, match="levels"):
        OrderBook(levels=11)
    with pytest.raises(ConfigError, match="not a duration"):
        OrderBook(every="often")


def test_damaged_states_are_refused_and_change_nothing() -> None:
    book = OrderBook(levels=2)
    book.apply(frame([BookEvent(i, EventKind.ADD, 1 if i % 2 else -1, 100.0 - i % 2, i, i) for i in range(1, 9)]))
    state = book.save()
    for cut in range(0, len(state), 5):
        with pytest.raises(DataError, match="saved book"):
            book.restore(state[:cut])
    with pytest.raises(DataError, match="other levels"):
        OrderBook(levels=3).restore(state)
    for at in range(0, len(state), 7):
        damaged = bytearray(state)
        damaged[at] ^= 0x81
        other = OrderBook(levels=2)
        try:
            other.restore(bytes(damaged))
        except DataError:
            continue
        other.apply(frame([BookEvent(99, EventKind.CANCEL, 1, 99.0, 1, 1)]))
        other.bids(), other.queue(3)
    assert book.save() == state
