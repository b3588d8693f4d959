"""A small Shanghai market for the stand-in of TqSdk's service: one copper contract over two trading days and a silent third."""

from __future__ import annotations

from functools import cache
from typing import Any

from sources.tq_server import PASSWORD, USER, TqServer, tick
from tickcast.clock import DAY, HOUR, SECOND
from tickcast.sources import TqSdk
from tickcast.sources.tqsdk_link import Account

__all__ = ["CONTRACT", "END", "NOW", "START", "SYMBOL", "market", "source", "standing_source"]

SYMBOL = "SHFE.cu2305"
TUESDAY = 19_430 * DAY  # 2023-03-14
START, END, NOW = TUESDAY + 7 * HOUR + 1, TUESDAY + 3 * DAY + 7 * HOUR + 1, TUESDAY + 20 * DAY
"""After the close of one trading day until that of the third after it, UTC ns; and a later day."""
CONTRACT = {
    "instrument_id": SYMBOL,
    "class": "FUTURE",
    "exchange_id": "SHFE",
    "product_id": "cu",
    "price_tick": 10.0,
    "price_decs": 0,
    "volume_multiple": 5,
    "expire_datetime": 19_492 * DAY + 7 * HOUR,  # 2023-05-15 15:00 Beijing
    "expired": False,
    "trading_time": {"day": [["09:00:00", "10:15:00"]], "night": [["21:00:00", "25:00:00"]]},
}


def stamps(each: int = 300) -> list[int]:
    """Two ticks a second from three openings: two nights and a morning; some on odd milliseconds."""
    opens = (TUESDAY + 13 * HOUR, TUESDAY + DAY + HOUR, TUESDAY + DAY + 13 * HOUR)
    return [opened + i * SECOND // 2 + (123_000_000 if i % 5 == 3 else 0) for opened in opens for i in range(each)]


def market(**changes: Any) -> TqServer:
    """The service with this market; `changes` are the server's own arguments."""
    return TqServer({SYMBOL: [tick(i, at) for i, at in enumerate(stamps())]}, {SYMBOL: CONTRACT}, **changes)


def source(service: dict[str, str], **options: Any) -> TqSdk:
    """The source at a stand-in."""
    known = {"symbol": SYMBOL, "account": Account(USER, PASSWORD), "clock": lambda: NOW, "service": service}
    return TqSdk(**{**known, **options})


@cache
def standing_source() -> TqSdk:
    """The source at a stand-in that stays until the tests end: for laws, which ask it many times."""
    return source(market().start())
