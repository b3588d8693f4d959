"""A stand-in for TqSdk's service on this machine: login over HTTP, market data over its DIFF protocol on a websocket.

A client sends `subscribe_quote`, `set_chart`, `ins_query` and `peek_message`; each `peek_message` is answered by one `rtn_data`, a list of
merge patches onto the client's copy of the data, as soon as there are any. It fails when told to.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

__all__ = ["TqServer", "tick"]

USER, PASSWORD = "someone", "secret-word"


def tick(number: int, at: int, **changes: Any) -> dict[str, Any]:
    """One L5 tick as the service words it."""
    levels: dict[str, Any] = {}
    for k in range(1, 6):
        levels |= {f"bid_price{k}": 70_000.0 - 10 * k, f"bid_volume{k}": k + number % 7}
        levels |= {f"ask_price{k}": 70_000.0 + 10 * k, f"ask_volume{k}": 2 * k + number % 5}
    traded = {
        "last_price": 70_000.0 + 10 * (number % 3),
        "volume": 10 * number,
        "amount": 3.5e6 * number,
        "open_interest": 180_000 + number % 11,
    }
    return {"datetime": at, **traded, "highest": 70_100.0, "lowest": 69_900.0, "average": 70_000.0, **levels, **changes}


@dataclass
class _Client:
    """What one connection subscribed to, and what of it was sent."""

    charts: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    patches: list[dict[str, Any]] = field(default_factory=list)
    peeked: bool = False


class TqServer:
    """The service. `ticks` are all ticks by symbol, in order; `shown` says how many of them have happened.

    Parameters
    ----------
    ticks: symbol to its ticks; a tick's number is its position.
    contracts: symbol to what the contract service says of it.
    features: what the account may do; `tq_dl` is the right to download.
    """

    def __init__(
        self,
        ticks: Mapping[str, list[dict[str, Any]]],
        contracts: Mapping[str, dict[str, Any]],
        *,
        features: tuple[str, ...] = ("futr", "tq_dl"),
    ):
        self.ticks, self.contracts, self.features = ticks, contracts, features
        self.shown = {symbol: len(rows) for symbol, rows in ticks.items()}
        self.logins, self.connections, self.refuse_with, self.halved, self.cut_after = 0, 0, 0, False, 0
        self._lock, self._live = Lock(), set[ServerConnection]()
        self._servers: tuple[ThreadingHTTPServer | Server, ...] = ()

    @contextmanager
    def running(self) -> Iterator[dict[str, str]]:
        """Serve for a while; gives the variables by which TqSdk finds it."""
        variables = self.start()
        try:
            yield variables
        finally:
            self.cut()
            for server in self._servers:
                server.shutdown()

    def start(self) -> dict[str, str]:
        """Serve until the process ends, in threads that do not hold it up; gives the variables by which TqSdk finds it."""
        http = ThreadingHTTPServer(("127.0.0.1", 0), self._web())
        market = serve(self._talk, "127.0.0.1", 0, max_size=None)
        self._servers = (http, market)
        for server in self._servers:
            Thread(target=server.serve_forever, daemon=True).start()
        port = market.socket.getsockname()[1]
        return {"TQ_AUTH_URL": f"http://127.0.0.1:{http.server_port}", "TQ_MD_URL": f"ws://127.0.0.1:{port}"}

    def happen(self, symbol: str, count: int) -> None:
        """Let the next ticks of a symbol happen."""
        self.shown[symbol] = min(self.shown[symbol] + count, len(self.ticks[symbol]))

    def cut(self) -> None:
        """Cut every connection."""
        with self._lock:
            for connection in self._live:
                with suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_RDWR)  # closing alone says nothing while a thread reads

    def _web(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Web(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                server.logins += 1
                good = f"username={USER}" in body and f"password={PASSWORD}" in body
                status = server.refuse_with or (200 if good else 401)
                claims = {"grants": {"features": list(server.features), "accounts": []}, "sub": "1"}
                token = ".".join(
                    base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
                    for part in ({"alg": "HS256", "typ": "JWT"}, claims, "signed")
                )
                self._answer(status, {"access_token": token, "refresh_token": token} if status == 200 else {"error": "no"})

            def do_GET(self) -> None:
                self._answer(200, {"exp": 4_000_000_000, "daysleft": 300, "account_type": "pro"})

            def _answer(self, status: int, value: Any) -> None:
                text = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: Any) -> None:
                """Be quiet."""
                return

        return Web

    def _talk(self, connection: ServerConnection) -> None:
        self.connections += 1
        client, packs = _Client(patches=[{"mdhis_more_data": False, "ins_list": ""}]), 0
        with self._lock:
            self._live.add(connection)
        try:
            while True:
                with suppress(TimeoutError):
                    self._hear(client, json.loads(connection.recv(timeout=0.02)))
                self._look(client)
                if client.peeked and client.patches:
                    connection.send(json.dumps({"aid": "rtn_data", "data": client.patches}))
                    client.peeked, client.patches, packs = False, [], packs + 1
                    if self.cut_after and packs >= self.cut_after:
                        connection.socket.shutdown(socket.SHUT_RDWR)
        except (ConnectionClosed, OSError):
            return
        finally:
            with self._lock:
                self._live.discard(connection)

    def _hear(self, client: _Client, pack: dict[str, Any]) -> None:
        if pack["aid"] == "peek_message":
            client.peeked = True
        elif pack["aid"] == "subscribe_quote":
            client.patches.append(
                {"ins_list": pack["ins_list"], "quotes": {each: {"datetime": ""} for each in pack["ins_list"].split(",")}}
            )
        elif pack["aid"] == "ins_query" and pack["query"]:
            client.patches.append({"symbols": {pack["query_id"]: self._asked(pack)}})
        elif pack["aid"] == "set_chart":
            self._chart(client, pack)

    def _chart(self, client: _Client, pack: dict[str, Any]) -> None:
        name, symbol = pack["chart_id"], pack["ins_list"]
        if not symbol:
            client.charts.pop(name, None)
            client.patches.append({"charts": {name: None}})
            return
        rows, state, width = self.ticks[symbol][: self.shown[symbol]], dict(pack), pack["view_width"]
        if "focus_datetime" in pack:
            left = max(0, bisect_left([row["datetime"] for row in rows], pack["focus_datetime"]) - pack["focus_position"])
        else:
            left = pack.get("left_kline_id", max(0, len(rows) - width))
        newest = "left_kline_id" not in pack and "focus_datetime" not in pack
        right = len(rows) - 1 if newest else left + width - 1  # a chart may reach beyond the newest tick
        data = {str(each): rows[each] for each in range(left, min(right + 1, len(rows)))}
        client.patches.append({"ticks": {symbol: {"last_id": len(rows) - 1, "data": data}}, "mdhis_more_data": True})
        client.patches.append(
            {
                "charts": {name: {"left_id": left, "right_id": right, "ready": True, "more_data": False, "state": state}},
                "mdhis_more_data": False,
            }
        )
        if newest:
            client.charts[name] = state
            client.sent[symbol] = len(rows)

    def _look(self, client: _Client) -> None:
        """Patches for what has happened since; a tick in two halves where the service is told to halve them."""
        for name, state in client.charts.items():
            symbol = state["ins_list"]
            first, end = client.sent[symbol], self.shown[symbol]
            if first >= end or not client.peeked:
                continue
            if self.halved:
                end = first + 1
            data = {str(each): dict(self.ticks[symbol][each]) for each in range(first, end)}
            if self.halved and client.sent.get(f"half {symbol}") != first:
                client.sent[f"half {symbol}"] = first
                data = {key: {k: v for k, v in row.items() if not k.startswith("ask")} for key, row in data.items()}
            else:
                client.sent[symbol] = end
            client.patches.append({"ticks": {symbol: {"last_id": end - 1, "data": data}}, "charts": {name: {"right_id": end - 1}}})

    def _asked(self, pack: dict[str, Any]) -> dict[str, Any]:
        """What the contract service answers to a query, as far as TqSdk asks: by symbols, or by class, exchange and product."""
        query, variables = pack["query"], pack.get("variables") or {}
        head = query[: query.index("{", query.index("multi_symbol_info"))]
        named = {
            key: re.findall(r'"([^"]+)"', value) or re.findall(r"\b[A-Z]+\b", value)
            for key, value in re.findall(r"(\w+): (\[[^\]]*\])", head)
        }
        symbols = named.get("instrument_id") or variables.get("instrument_id")
        told = {"query": query, **({"variables": variables} if variables else {})}
        if symbols is not None and any(each not in self.contracts for each in symbols):
            return {**told, "error": "no such symbol", "variables": {"instrument_id": symbols}}
        found = self.contracts.values() if symbols is None else [self.contracts[each] for each in symbols]
        same = {"class": "class", "exchange_id": "exchange_id", "product_id": "product_id"}
        kept = [one for one in found if all(one[same[key]] in wanted for key, wanted in named.items() if key in same)]
        return {**told, "result": {"multi_symbol_info": kept}}


def main() -> None:
    """Serve a day of ticks for a look by hand."""
    rows = [tick(i, time.time_ns() // 10**9 * 10**9 + i * 500_000_000) for i in range(100)]
    with TqServer({"SHFE.cu2602": rows}, {}).running() as variables:
        time.sleep(600 if variables else 0)


if __name__ == "__main__":
    main()
