"""The process that owns TqSdk: it logs in, asks and listens, and hands rows over as plain arrays.

Run as a script by any Python that has `tqsdk` (and so numpy and pandas); nothing of tickcast is imported here. TqSdk keeps an event loop
of its own, prints to standard output, answers failures with bare exceptions and keeps a cache in the home folder; in a process of its own
none of that reaches tickcast, and it can be ended at any moment.

Requests are lines of JSON on standard input; the end of the input ends the process. An answer is a line of JSON and the `bytes` it names:
float64 and int64 in the machine's order, column after column.
"""

from __future__ import annotations

import json
import lzma
import os
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

import numpy as np

__all__ = ["FIELDS", "Tail", "main"]

_LEVELS = tuple(f"{side}_{what}{k}" for k in range(1, 6) for side in ("bid", "ask") for what in ("price", "volume"))
FIELDS = ("id", "datetime", "last_price", "volume", "amount", "open_interest", *_LEVELS)
"""Columns of ticks; the first two are int64, the others float64."""
_LOST = 2019112911  # TqSdk's own number for a connection that has gone
_WAIT = 0.2  # seconds between two looks
_UNAVAILABLE = ("TqTimeoutError", "AssertionError")
_LATER = ("稍后再试", "(5")  # "try again later", as in the service's half hour of maintenance from 19:00 Beijing; and HTTP 5xx
_NETWORK = ("requests", "urllib3", "websockets", "socket", "builtins")


class Tail:
    """Ticks of one contract that were not told yet: each once, in order of their numbers, when it will not change any more.

    A tick may arrive in two patches. The newest one is told once it has stood unchanged from one look to the next.
    """

    def __init__(self) -> None:
        self._told, self._newest = -1, np.empty(0)

    def fresh(self, rows: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The rows of `rows` (n, fields) to be told now; its first columns are number and stamp."""
        rows = rows[(rows[:, 0] > self._told) & (rows[:, 1] > 0)]
        if not len(rows):
            return rows
        standing = np.array_equal(rows[-1], self._newest, equal_nan=True)
        self._newest = rows[-1].copy()
        rows = rows if standing else rows[:-1]
        if len(rows):
            self._told = int(rows[-1, 0])
        return rows


def main(inward: BinaryIO, outward: BinaryIO, clock: Callable[[], float]) -> None:
    """Log in as the first request says, then answer the others until the input ends."""
    requests: SimpleQueue[dict[str, Any]] = SimpleQueue()
    first = json.loads(inward.readline())

    def failed(kind: type[BaseException], error: BaseException, trace: types.TracebackType | None) -> None:
        network = kind.__module__.split(".")[0] in _NETWORK and issubclass(kind, OSError)
        again = network or kind.__name__ in _UNAVAILABLE or any(word in str(error) for word in _LATER)
        _tell(outward, {"kind": "failed", "again": again, "why": f"{kind.__name__}: {error}"[:500]})
        os._exit(1)

    sys.excepthook = failed
    Thread(target=_listen, args=(inward, requests), daemon=True).start()
    api = _connected(first)
    _tell(outward, {"kind": "ready"})
    while True:
        request = requests.get()
        if request["ask"] == "ticks":
            _history(api, request, outward)
        elif request["ask"] == "contracts":
            _tell(
                outward,
                {"kind": "contracts", "listed": _listed(api, request["exchange"], request["product"]), "bundled": _bundled(request)},
            )
        else:
            _live(api, request["symbols"], request["backlog"], outward, clock)


def _connected(request: dict[str, Any]) -> Any:
    """TqSdk's interface, logged in. Its start asks a server nobody named for news; an empty module stands in for that."""
    sys.modules["tqsdk.changelog_notification"] = types.ModuleType("tqsdk.changelog_notification")
    import tqsdk

    return tqsdk.TqApi(auth=tqsdk.TqAuth(request["user"], request["password"]), disable_print=True, debug=False)


def _listen(inward: BinaryIO, requests: SimpleQueue[dict[str, Any]]) -> None:
    for line in inward:
        requests.put(json.loads(line))
    os._exit(0)  # whoever asked has gone


def _history(api: Any, request: dict[str, Any], outward: BinaryIO) -> None:
    begin, end = (datetime.fromtimestamp(request[name] / 1e9, timezone.utc) for name in ("start", "end"))  # noqa: UP017 (runs on 3.9)
    frame = api.get_tick_data_series(request["symbol"], begin, end)
    rows = [frame[name].to_numpy() if name in frame else np.full(len(frame), np.nan) for name in FIELDS] if len(frame) else []
    _tell(outward, {"kind": "ticks", "symbol": request["symbol"]}, rows)


def _listed(api: Any, exchange: str, product: str) -> list[dict[str, Any]]:
    """What the service says of a product's futures, those that have ended too."""
    symbols = list(api.query_quotes(ins_class="FUTURE", exchange_id=exchange, product_id=product))
    if not symbols:
        return []
    names = ["instrument_id", "ins_class", "exchange_id", "product_id", "price_tick", "volume_multiple", "expire_datetime"]
    return json.loads(api.query_symbol_info(symbols)[names].to_json(orient="records", double_precision=15))  # type: ignore[no-any-return]


def _bundled(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The futures of a product that had ended before the service began, from the list inside the package."""
    import tqsdk

    place = Path(tqsdk.__file__).with_name("expired_quotes.json.lzma")
    if not place.is_file():
        return []
    with lzma.open(place, "rt", encoding="utf-8") as file:
        known = json.load(file).values()
    wanted = ("FUTURE", request["exchange"], request["product"])
    return [_finite(each) for each in known if (each["ins_class"], each["exchange_id"], each["product_id"]) == wanted]


def _finite(each: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in each.items() if not isinstance(value, float) or np.isfinite(value)}


def _live(api: Any, symbols: Sequence[str], backlog: int, outward: BinaryIO, clock: Callable[[], float]) -> None:
    serials = {symbol: api.get_tick_serial(symbol, data_length=backlog) for symbol in symbols}
    tails = {symbol: Tail() for symbol in symbols}
    _tell(outward, {"kind": "subscribed"})
    for _ in _looks(api, clock):
        lost = [each for each in api._data.get("notify", {}).values() if hasattr(each, "get") and each.get("code") == _LOST]
        if lost:
            _tell(outward, {"kind": "failed", "again": True, "why": str(lost[0].get("content", "the connection is lost"))})
            os._exit(1)
        for symbol, serial in serials.items():
            rows = tails[symbol].fresh(serial[list(FIELDS)].to_numpy(dtype=np.float64))
            if len(rows):
                # TqSdk keeps live stamps as float64, off by up to 128 ns; exchanges stamp whole microseconds at most
                stamps = (rows[:, 1].astype(np.int64) + 500) // 1000 * 1000
                columns = [rows[:, 0].astype(np.int64), stamps, *rows[:, 2:].T]
                _tell(outward, {"kind": "ticks", "symbol": symbol}, columns)


def _looks(api: Any, clock: Callable[[], float]) -> Iterator[None]:
    """After each update, and after a while without one."""
    while True:
        api.wait_update(deadline=clock() + _WAIT)
        yield None


def _tell(outward: BinaryIO, header: dict[str, Any], columns: Sequence[Any] = ()) -> None:
    kinds = [np.int64, np.int64, *[np.float64] * (len(FIELDS) - 2)]
    blocks = [np.ascontiguousarray(column, dtype=kind).tobytes() for column, kind in zip(columns, kinds, strict=False)]
    header |= {"rows": len(columns[0]) if len(columns) else 0, "bytes": sum(map(len, blocks))}
    try:
        outward.write(json.dumps(header).encode() + b"\n" + b"".join(blocks))
        outward.flush()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what TqSdk prints is no answer
    main(sys.stdin.buffer, answers, time.time)
