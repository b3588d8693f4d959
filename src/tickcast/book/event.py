"""One event of an order book, of whichever vendor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from tickcast.errors import DataError

__all__ = ["PRICE_UNIT", "UNDEFINED_PRICE", "BookEvent", "EventKind", "fixed_price"]

PRICE_UNIT = 1_000_000_000
"""Prices are counted in billionths of the quote currency, so that equal prices are equal."""
UNDEFINED_PRICE = 2**63 - 1
_FARTHEST = 2**61 / PRICE_UNIT


class EventKind(IntEnum):
    """What an event says. 1 to 10 are the kinds of the table `orders`; the rest changes a book or is a print, and is no order.

    `CANCEL` withdraws `size` of an order, `DELETE` all of it; `EXECUTE` takes `size` of it out of the book. `MODIFY` gives it a price and a
    size: it goes to the end of the queue if the price is another or the size grows. `STANDING` is an order of a snapshot. `FILL` reports
    what a resting order was hit for, while the event that takes it out of the book comes later (Databento). `LEVEL` sets what stands at a
    price, of orders without a number; `TOP` makes it the only level of its side.
    """

    ADD = 1
    CANCEL = 2
    DELETE = 3
    EXECUTE = 4
    HIDDEN = 5
    CROSS = 6
    HALT = 7
    MODIFY = 8
    CLEAR = 9
    STANDING = 10
    FILL = 11
    TRADE = 12
    LEVEL = 13
    TOP = 14


@dataclass(frozen=True)
class BookEvent:
    """One event: when it could be known (ns UTC), what it says, side (+1 bid, -1 ask, 0 neither), price (None: none), size, order.

    The book is visible after the `last` event of a packet. `snapshot` events describe the whole book; the first of a run empties it.
    """

    ts: int
    kind: EventKind
    side: int = 0
    price: float | None = None
    size: int = 0
    order_id: int = 0
    last: bool = True
    snapshot: bool = False


def fixed_price(price: float | None) -> int:
    """Whole billionths of a price; `UNDEFINED_PRICE` for None. DataError for what is no price.

    >>> fixed_price(579.4), fixed_price(-0.05)
    (579400000000, -50000000)
    """
    if price is None:
        return UNDEFINED_PRICE
    if not abs(price) < _FARTHEST:  # NaN too
        raise DataError(f"{price!r} is no price", field="price", hint="leave it out where there is none")
    return round(price * PRICE_UNIT)
