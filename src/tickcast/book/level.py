"""What a book says of one price level, and of one order in its queue."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BookLevel", "QueuePosition"]


@dataclass(frozen=True)
class BookLevel:
    """A price, the quantity there and how many numbered orders it is of; `size` is None where the feed has not told all of it."""

    price: float
    size: int | None
    orders: int


@dataclass(frozen=True)
class QueuePosition:
    """Where an order waits: `ahead` of its `size` stand so much quantity and `orders_ahead` numbered orders, of `level` at its price.

    `side` is +1 for a bid, -1 for an ask. `since` is when it was submitted (ns UTC), None where it stood before the stream began.
    """

    side: int
    price: float
    size: int
    ahead: int
    orders_ahead: int
    level: int
    since: int | None
