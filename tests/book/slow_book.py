"""An order book of dictionaries, for comparison: every order in one, its place in the queue a running number. Only for tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tickcast.book import BookEvent, EventKind

Levels = list[tuple[float, int]]


@dataclass
class SlowBook:
    """Every order by number; levels without numbers by price. Nothing is kept that could be asked for."""

    orders: dict[int, dict[str, float]] = field(default_factory=dict)
    levels: dict[int, dict[float, int]] = field(default_factory=lambda: {1: {}, -1: {}})
    troubles: Counter[str] = field(default_factory=Counter)
    turn: int = 0
    inside: bool = False
    aggressor: int = 0

    def clear(self) -> None:
        self.orders, self.levels = {}, {1: {}, -1: {}}

    def side(self, side: int) -> Levels:
        total = dict(self.levels[side])
        for order in self.orders.values():
            if order["side"] == side:
                total[order["price"]] = total.get(order["price"], 0) + int(order["size"])
        return sorted(total.items(), reverse=side > 0)

    def queue(self, number: int) -> list[int]:
        """Numbers of the orders before this one at its price."""
        own = self.orders[number]
        same = [(order["turn"], n) for n, order in self.orders.items() if (order["side"], order["price"]) == (own["side"], own["price"])]
        return [n for turn, n in sorted(same) if turn < own["turn"]]

    def apply(self, event: BookEvent) -> None:
        if event.snapshot and not self.inside:
            self.clear()
        self.inside = event.snapshot
        trouble = self._change(event)
        if trouble:
            self.troubles[trouble] += 1
        if event.last:
            self.aggressor = 0

    def _change(self, event: BookEvent) -> str | None:
        kind = event.kind
        if kind == EventKind.CLEAR:
            self.clear()
        elif kind == EventKind.TRADE:
            self.aggressor = event.order_id
        elif kind in (EventKind.ADD, EventKind.STANDING):
            return self._add(event)
        elif kind in (EventKind.LEVEL, EventKind.TOP):
            return self._level(event)
        elif kind == EventKind.MODIFY:
            return self._modify(event)
        elif kind in (EventKind.CANCEL, EventKind.DELETE, EventKind.EXECUTE, EventKind.FILL):
            return self._take(event)
        return None

    def _add(self, event: BookEvent) -> str | None:
        if event.side == 0:
            return "no_side"
        if event.price is None:
            return "no_price"
        if event.size <= 0:
            return "no_size"
        if event.order_id in self.orders:
            return "duplicate_order"
        self.turn += 1
        new = {"side": event.side, "price": event.price, "size": event.size, "pending": 0, "turn": self.turn}
        self.orders[event.order_id] = new
        return None

    def _level(self, event: BookEvent) -> str | None:
        if event.side == 0:
            return "no_side"
        if event.kind == EventKind.TOP:
            self.orders = {n: order for n, order in self.orders.items() if order["side"] != event.side}
            self.levels[event.side] = {}
            if event.price is None or event.size == 0:
                return None
        if event.price is None:
            return "no_price"
        if event.size < 0:
            return "no_size"
        self.orders = {n: o for n, o in self.orders.items() if (o["side"], o["price"]) != (event.side, event.price)}
        self.levels[event.side].pop(event.price, None)
        if event.size:
            self.levels[event.side][event.price] = event.size
        return None

    def _modify(self, event: BookEvent) -> str | None:
        if event.price is None:
            return "no_price"
        if event.size <= 0:
            return "no_size"
        order = self.orders.get(event.order_id)
        if order is None:
            return self._add(event) or "unknown_order"
        if event.side not in (0, order["side"]):
            return "no_side"
        if event.price != order["price"] or event.size > order["size"] - order["pending"]:
            self.turn += 1
            order["turn"] = self.turn
        order |= {"price": event.price, "size": event.size, "pending": 0}
        return None

    def _take(self, event: BookEvent) -> str | None:
        order = self.orders.get(event.order_id)
        if order is None:
            return self._take_unseen(event)
        if event.size < 0 or (event.size == 0 and event.kind != EventKind.DELETE):
            return "no_size"
        if event.kind == EventKind.FILL:
            return self._fill(event, order)
        wrong = event.size > order["size"] or (event.kind == EventKind.DELETE and event.size not in (0, order["size"]))
        size = order["size"] if wrong or event.kind == EventKind.DELETE else event.size
        order["size"] -= size
        if event.kind == EventKind.EXECUTE:
            order["pending"] = min(order["pending"], order["size"])
        else:
            order["pending"] -= min(size, order["pending"])
        if not order["size"]:
            del self.orders[event.order_id]
        return "size_mismatch" if wrong else None

    def _fill(self, event: BookEvent, order: dict[str, float]) -> str | None:
        if event.order_id == self.aggressor:
            return None
        worse = event.price is not None and (event.price - order["price"]) * order["side"] > 0
        if worse or event.side not in (0, order["side"]):
            return "fill_mismatch"
        left = order["size"] - order["pending"]
        order["pending"] += min(left, event.size)
        return "fill_hidden" if event.size > left else None

    def _take_unseen(self, event: BookEvent) -> str | None:
        if event.size <= 0:
            return "no_size"
        fill = event.kind == EventKind.FILL
        there = self.levels[event.side].get(event.price or 0.0, 0) if event.side and event.price is not None else 0
        if there < event.size:
            return "fill_unseen" if fill else "unknown_order"
        if not fill:
            self.levels[event.side][event.price or 0.0] -= event.size
            if there == event.size:
                del self.levels[event.side][event.price or 0.0]
        return None
