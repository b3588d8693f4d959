"""The bad ticks of docs/cleaning.md: how each is made from a good row, in which tables, and the reason it must be set aside for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.schema import BOOK_LEVELS

Row = dict[str, Any]
TICK: Mapping[str, float] = {"trades": 0.25, "book": 0.01, "bars": 0.1}


@dataclass(frozen=True)
class Bad:
    """One class: `make` changes a good row (its neighbours, the good rows before it, are given too); `reasons` by table."""

    name: str
    make: Callable[[Row, list[Row]], Row]
    reasons: Mapping[str, str]

    def put(self, row: Row, before: list[Row]) -> Row:
        """The bad row that comes after this one."""
        return self.make(row if self.name == "row again" else own(row), before)


def own(row: Row) -> Row:
    """A row that is none of the others: one of its own number in a book, of its own second in bars."""
    if "open" in row:
        return {**row, "ts": row["ts"] + SECOND, "ts_open": row["ts_open"] + SECOND}
    return {**row, "sequence": row["sequence"] + 1} if "sequence" in row else row


def _put(value: object, **columns: str) -> Callable[[Row, list[Row]], Row]:
    return lambda row, _: {**row, columns[_table(row)]: value}


def _table(row: Row) -> str:
    return "trades" if "price" in row else "bars" if "open" in row else "book"


PRICE = {"trades": "price", "bars": "close", "book": "bid_price_1"}
SIZE = {"trades": "size", "bars": "volume", "book": "ask_size_2"}


def _price(name: str, value: object, kind: str) -> Bad:
    return Bad(name, _put(value, **PRICE), {table: f"{column}_{kind}" for table, column in PRICE.items()})


def _stamp(name: str, change: Callable[[int], int], reason: str) -> Bad:
    def moved(row: Row, _: list[Row]) -> Row:
        return {**row, **{column: change(row[column]) for column in ("ts", "ts_open") if column in row}}

    return Bad(name, moved, dict.fromkeys(PRICE, reason))


def _times(row: Row, factor: float) -> Row:
    if _table(row) == "book":
        prices = [f"{side}_price_{k}" for side in ("bid", "ask") for k in range(1, BOOK_LEVELS + 1)]
    else:
        prices = ["price"] if _table(row) == "trades" else ["open", "high", "low", "close"]
    return {**row, **{name: row[name] * factor for name in prices}}


def _half_tick(row: Row, _: list[Row]) -> Row:
    name = {**PRICE, "bars": "open"}[_table(row)]
    moved = {**row, name: row[name] + TICK[_table(row)] / 2}
    return moved if _table(row) != "bars" else {**moved, "high": max(row["high"], moved[name])}


def _old(row: Row, before: list[Row]) -> Row:
    """The quote of at least two minutes earlier, sent again now."""
    old = next(one for one in reversed(before) if one["ts"] < row["ts"] - 2 * MINUTE)
    return {**old, "ts": row["ts"], "ts_event": old["ts"], "sequence": row["sequence"], "volume": row["volume"]}


BAD = (
    _price("NaN", float("nan"), "not_finite"),
    _price("infinity", float("inf"), "not_finite"),
    _price("minus infinity", float("-inf"), "not_finite"),
    _price("zero price", 0.0, "not_positive"),
    _price("minus zero", -0.0, "not_positive"),
    _price("negative price", -12.5, "not_positive"),
    _price("1e18", 1e18, "implausible"),
    _price("next to zero", 1e-300, "implausible"),
    _price("sentinel price", 999_999.9999, "sentinel"),
    Bad("no price", _put(None, **PRICE), {"trades": "price_missing", "bars": "close_missing", "book": "levels_gap"}),
    Bad(
        "zero size",
        lambda row, _: {**row, "size" if "size" in row else "bid_size_1": 0.0},
        {"trades": "size_not_positive", "book": "levels_gap"},
    ),
    Bad("negative size", _put(-1.0, **SIZE), {"trades": "size_not_positive", "bars": "volume_negative", "book": "ask_size_2_not_positive"}),
    Bad(
        "NaN size", _put(float("nan"), **SIZE), {"trades": "size_not_finite", "bars": "volume_not_finite", "book": "ask_size_2_not_finite"}
    ),
    Bad(
        "sentinel size",
        _put(2.0**31 - 1, **SIZE),
        {"trades": "size_implausible", "bars": "volume_sentinel", "book": "ask_size_2_implausible"},
    ),
    _stamp("seconds among nanoseconds", lambda ts: ts // 10**9, "ts_wrong_unit"),
    _stamp("milliseconds among nanoseconds", lambda ts: ts // 10**6, "ts_wrong_unit"),
    _stamp("microseconds among nanoseconds", lambda ts: ts // 10**3, "ts_wrong_unit"),
    _stamp("year 2262", lambda ts: 2**63 - 1, "ts_implausible"),
    _stamp("tomorrow", lambda ts: ts + DAY, "ts_ahead"),
    _stamp("out of order", lambda ts: ts - HOUR, "out_of_order"),
    Bad("no symbol", lambda row, _: {**row, "symbol": None}, dict.fromkeys(PRICE, "symbol_missing")),
    Bad("wrong symbol", lambda row, _: {**row, "symbol": "ZZZ"}, dict.fromkeys(PRICE, "symbol_unexpected")),
    Bad("row again", lambda row, _: dict(row), {"bars": "duplicate"}),
    Bad("half a tick", _half_tick, dict.fromkeys(PRICE, "off_tick")),
    Bad("ten times the price", lambda row, _: _times(row, 10.0), dict.fromkeys(PRICE, "price_far")),
    Bad("a tenth of the price", lambda row, _: _times(row, 0.1), dict.fromkeys(PRICE, "price_far")),
    Bad("print inside a halt", lambda row, _: {**row, "ts": row["ts"] - 1}, {"trades": "halted"}),
    Bad("unknown side", lambda row, _: {**row, "side": 7}, {"trades": "side_unknown"}),
    Bad("high below low", lambda row, _: {**row, "high": row["low"] - 1.0}, {"bars": "ohlc_inconsistent"}),
    Bad("close above high", lambda row, _: {**row, "close": row["high"] + 1.0}, {"bars": "ohlc_inconsistent"}),
    Bad("bar that ends before it begins", lambda row, _: {**row, "ts_open": row["ts"] + 1}, {"bars": "interval_implausible"}),
    Bad("crossed", lambda row, _: {**row, "bid_price_1": row["ask_price_1"] + 0.01}, {"book": "crossed"}),
    Bad("locked", lambda row, _: {**row, "bid_price_1": row["ask_price_1"]}, {"book": "locked"}),
    Bad("levels out of order", lambda row, _: {**row, "bid_price_2": row["bid_price_1"]}, {"book": "levels_unsorted"}),
    Bad("level absent above another", lambda row, _: {**row, "ask_price_3": None, "ask_size_3": None}, {"book": "levels_gap"}),
    Bad("NaN in a deep level", lambda row, _: {**row, "ask_price_7": float("nan")}, {"book": "ask_price_7_not_finite"}),
    Bad("old quote sent again", _old, {"book": "stale"}),
    Bad("volume going backwards", lambda row, _: {**row, "volume": row["volume"] - 1.0}, {"book": "volume_backwards"}),
    Bad("volume begins anew", lambda row, _: {**row, "volume": 1.0}, {"book": "volume_backwards"}),
)
