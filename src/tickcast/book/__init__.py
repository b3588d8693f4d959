"""Order books rebuilt from order-by-order events: price levels with their queues, live or over history."""

from __future__ import annotations

from tickcast.book.event import BookEvent, EventKind
from tickcast.book.level import BookLevel, QueuePosition
from tickcast.book.order_book import OrderBook

__all__ = ["BookEvent", "BookLevel", "EventKind", "OrderBook", "QueuePosition"]
