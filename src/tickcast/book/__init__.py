"""Order books rebuilt from order-by-order events: price levels with their queues, live or over history."""

from __future__ import annotations

from tickcast.book.event import BookEvent, EventKind
from tickcast.book.order_book import OrderBook
from tickcast.book.place import BookLevel, QueuePosition

__all__ = ["BookEvent", "BookLevel", "EventKind", "OrderBook", "QueuePosition"]
