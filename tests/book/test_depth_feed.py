"""A feed of the top levels only: whatever the book says is true, and it says as much as it can."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from book.slow_book import SlowBook
from tickcast.book import BookEvent, EventKind, OrderBook

PRICES = [100.0 - k / 4 for k in range(14)]


@st.composite
def orders(draw: st.DrawFn) -> list[BookEvent]:
    """Bids that come and go, all of them consistent."""
    standing: dict[int, tuple[float, int]] = {}
    events = []
    for number in range(1, draw(st.integers(5, 90))):
        if standing and draw(st.integers(0, 9)) < 5:
            order = draw(st.sampled_from(sorted(standing)))
            price, size = standing.pop(order)
            part = draw(st.integers(1, size))
            kind = EventKind.DELETE if part == size else draw(st.sampled_from([EventKind.CANCEL, EventKind.EXECUTE]))
            if part < size:
                standing[order] = (price, size - part)
            events.append(BookEvent(number, kind, 1, price, part, order))
        else:
            standing[number] = (draw(st.sampled_from(PRICES)), draw(st.integers(1, 5)))
            events.append(BookEvent(number, EventKind.ADD, 1, *standing[number], number))
    return events


@settings(max_examples=300, deadline=None)
@given(orders(), st.integers(1, 4), st.integers(0, 30))
def test_what_the_book_says_is_so(events: list[BookEvent], depth: int, begin: int) -> None:
    """Only messages within the first `depth` levels are told, and nothing of those that come into view."""
    truth, told = SlowBook(), OrderBook(depth=depth)
    for n, event in enumerate(events):
        before = truth.side(1)[:depth]
        truth.apply(event)
        after = truth.side(1)[:depth]
        if n == begin:
            told.start(event.ts, after, [])
            told.update(BookEvent(event.ts, EventKind.HALT))
        elif n > begin and event.price in {price for price, _ in (*before, *after)}:
            told.update(event)
        if n >= begin:
            found = told.bids(depth)
            assert [level.price for level in found] == [price for price, _ in after[: len(found)]]
            assert all(level.size in (None, size) for level, (_, size) in zip(found, after, strict=False))
            assert n > begin or len(found) == len(after)
    assert not told.troubles


def test_a_level_out_of_sight_is_forgotten_and_the_next_one_is_unknown() -> None:
    book = OrderBook(depth=2)
    book.start(1, [(100.0, 5), (99.0, 7)], [])
    assert [(level.price, level.size) for level in book.bids()] == [(100.0, 5), (99.0, 7)]
    book.update(BookEvent(2, EventKind.ADD, 1, 99.5, 3, 1))
    assert [(level.price, level.size) for level in book.bids()] == [(100.0, 5), (99.5, 3)]
    book.update(BookEvent(3, EventKind.DELETE, 1, 99.5, 3, 1))
    assert [(level.price, level.size) for level in book.bids()] == [(100.0, 5)], "99 may have changed unseen"
    book.update(BookEvent(4, EventKind.ADD, 1, 98.5, 2, 2))
    assert [(level.price, level.size) for level in book.bids()] == [(100.0, 5), (98.5, None)], "it is the second level: 99 has gone"
    book.update(BookEvent(5, EventKind.DELETE, 1, 100.0, 5, 77))
    assert [(level.price, level.size) for level in book.bids()] == [(98.5, None)], "nothing stood between"
    book.update(BookEvent(6, EventKind.DELETE, 1, 98.5, 2, 2))
    assert book.bids() == [], "what was seen there has gone, but more may be there"
    book.update(BookEvent(7, EventKind.ADD, 1, 99.75, 4, 3))
    assert [(level.price, level.size) for level in book.bids()] == [(99.75, 4)]
    book.update(BookEvent(8, EventKind.LEVEL, 1, 97.0, 9))
    assert [(level.price, level.size) for level in book.bids()] == [(99.75, 4), (97.0, 9)], "told from elsewhere"
    assert not book.troubles
