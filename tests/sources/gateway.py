"""A stand-in for Databento's historical service: a real HTTP server on this machine that serves real DBN bytes and fails on command."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import zstandard
from numpy.typing import NDArray

import made_dbn
from tickcast.clock import DAY

KEY = "db-standinStandinStandinStandin1"
_EPOCH = date(1970, 1, 1).toordinal()
_REFUSALS: Mapping[str, str] = {"402": "account_issue", "403": "permission", "404": "no such thing", "422": "data_schema_not_supported"}


@dataclass
class Market:
    """What the service knows: records by schema, instrument ids of raw symbols, what continuous symbols stood for, and the range it has."""

    records: dict[str, NDArray[Any]]
    symbols: dict[str, int]
    start: int
    end: int
    continuous: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)  # name -> (first day, last day, instrument id)
    lives: dict[str, tuple[int, int]] = field(default_factory=dict)  # raw symbol -> days [first, last); all where it is absent
    dataset: str = "GLBX.MDP3"

    def mapped(self, symbols: Sequence[str], kind: str, first: int, last: int) -> dict[str, list[tuple[int, int, int]]]:
        """(first day, last day, instrument id) of every symbol meant, inside days [first, last)."""
        if kind == "continuous":
            found = {name: self.continuous.get(name, []) for name in symbols}
        else:
            roots = [name.split(".")[0] for name in symbols]
            meant = symbols if kind == "raw_symbol" else [name for name in self.symbols if name.startswith(tuple(roots))]
            found = {name: [(*self.lives.get(name, (first, last)), self.symbols[name])] for name in meant if name in self.symbols}
        clipped = {name: [(max(a, first), min(b, last), i) for a, b, i in spans if a < last and b > first] for name, spans in found.items()}
        return {name: spans for name, spans in clipped.items() if spans}

    def stamps(self, schema: str) -> NDArray[np.uint64]:
        """What a request for this schema goes by."""
        rows = self.records[schema]
        return rows["ts_recv" if "ts_recv" in (rows.dtype.names or ()) else "ts_event"]

    def cut(self, words: Mapping[str, str], *, after: int = 0) -> tuple[NDArray[Any], bytes]:
        """Records of a request, `after` more than were asked for, and the metadata before them."""
        schema, start, end = words["schema"], int(words["start"]), int(words["end"])
        kind = words.get("stype_in", "raw_symbol")
        spans = self.mapped(words["symbols"].split(","), kind, start // DAY, -(-end // DAY))
        rows, stamps = self.records.get(schema, made_dbn.records(schema, {"ts_event": []})), None
        stamps = self.stamps(schema) if len(rows) else np.zeros(0, np.uint64)
        meant = np.zeros(len(rows), bool)
        for first, last, number in (span for each in spans.values() for span in each):
            meant |= (rows["instrument_id"] == number) & (stamps >= first * DAY) & (stamps < last * DAY)
        inside = np.flatnonzero(meant & (stamps >= start) & (stamps < end))
        beyond = np.flatnonzero((rows["instrument_id"] > 0) & (stamps >= end))[:after]
        mappings = [
            made_dbn.Mapped(name, [made_dbn.Interval(made_dbn.on(a), made_dbn.on(b + after), str(i)) for a, b, i in each])
            for name, each in spans.items()
        ]
        head = made_dbn.metadata(schema, start, end, mappings, stype_in=kind, dataset=self.dataset)
        return rows[np.concatenate([inside, beyond])], head


class StandIn:
    """The running server. `fail(method, kind, ...)` queues faults, one per request; `asked` tells all requests there were."""

    def __init__(self, market: Market) -> None:
        self.market, self.dollars = market, 0.0
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.given: list[int] = []  # bytes of each body of timeseries.get_range
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.hold = threading.Event()  # set to let go of what a fault holds
        self.pause = 0.0
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, method: str, *kinds: str) -> None:
        """The next requests of the method meet these faults, in order."""
        self.faults[method] += kinds

    def fetched(self, schema: str | None = None) -> list[tuple[int, int]]:
        """Ranges asked of timeseries.get_range, of all schemas or of one, in order."""
        asked = [words for method, words in self.asked if method == "timeseries.get_range"]
        return [(int(words["start"]), int(words["end"])) for words in asked if schema in (None, words["schema"])]

    def start(self) -> threading.Thread:
        """Serves from now on."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        return thread

    @contextmanager
    def running(self) -> Iterator[StandIn]:
        """Serves until left."""
        thread = self.start()
        try:
            yield self
        finally:
            self.hold.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    """Knows whom it stands in for."""

    daemon_threads = True

    def __init__(self, stand_in: StandIn) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.stand_in = stand_in


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""
        del format, args

    def do_GET(self) -> None:
        self._reply(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        self._reply(dict(parse_qsl(self.rfile.read(int(self.headers.get("content-length", "0"))).decode())))

    def _reply(self, words: dict[str, str]) -> None:
        method = urlsplit(self.path).path.removeprefix("/v0/")
        self.server.stand_in.asked.append((method, words))
        queue = self.server.stand_in.faults[method]
        fault = queue.pop(0) if queue else ""
        try:
            if self.headers.get("authorization") != "Basic " + base64.b64encode(f"{KEY}:".encode()).decode():
                self._json(401, {"detail": {"case": "auth_authentication_failed", "message": "Authentication failed."}})
            elif not _failed(self, fault, self.server.stand_in):
                self._method(method, words, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _method(self, method: str, words: dict[str, str], fault: str) -> None:
        market = self.server.stand_in.market
        if method == "metadata.get_dataset_range":
            span = {"start": _iso(market.start), "end": _iso(market.end)}
            self._json(200, span | {"schema": dict.fromkeys(made_dbn.RECORDS, span)})
        elif method == "symbology.resolve":
            self._json(200, _resolved(market, words))
        elif method.startswith("metadata."):
            rows = market.cut(words)[0]
            values = {"get_record_count": len(rows), "get_billable_size": rows.nbytes, "get_cost": self.server.stand_in.dollars * len(rows)}
            self._json(200, values[method.removeprefix("metadata.")])
        elif method == "timeseries.get_range":
            rows, head = market.cut(words, after=1 if fault == "border" else 0)
            self._stream(*_spoiled(head, rows, fault, market, words), fault)
        else:
            self._json(404, {"detail": "no such method"})

    def _json(self, status: int, value: Any, **headers: str) -> None:
        self.plain(status, json.dumps(value).encode(), "application/json", **headers)

    def plain(self, status: int, content: bytes, kind: str, **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, text in {"content-type": kind, "content-length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, body: bytes, fault: str) -> None:
        """The body as the service sends it, in pieces without a length; or as the fault will have it."""
        self.server.stand_in.given.append(len(body))
        self.send_response(200)
        self.send_header("content-type", "application/octet-stream")
        half = body[: len(body) // 2]
        if fault in ("short", "stall", "reset", "unframed"):
            self.close_connection = True
            self.send_header("connection", "close")
            if fault != "unframed":
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(half)
            self.wfile.flush()
            if fault == "stall":
                self.server.stand_in.hold.wait(30)
            if fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            return
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        step = 1 if fault == "trickle" else 4096
        for at in range(0, len(body), step):
            self._piece(body[at : at + step])
            if self.server.stand_in.pause or fault == "trickle":
                self.server.stand_in.hold.wait(self.server.stand_in.pause or 0.05)
        while fault == "endless" and not self.server.stand_in.hold.is_set():
            self._piece(zstandard.compress(bytes(body[:1]) * 0 + made_dbn.bars([0] * 5000).tobytes()))
        self.wfile.write(b"0\r\n\r\n")

    def _piece(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()


def _failed(answer: Any, fault: str, stand_in: StandIn) -> bool:
    """Whether the fault has answered already, before anything of the market was looked at."""
    if fault == "silent":
        stand_in.hold.wait(30)
        answer.close_connection = True
    elif fault == "hang up" or (fault == "reset" and "get_range" not in answer.path):
        answer.close_connection = True
        if fault == "reset":
            answer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        answer.connection.close()
    elif fault.startswith("429"):
        waited = fault.partition(" ")[2]
        answer.plain(429, b'{"detail": "slow down"}', "application/json", **({"Retry_After": waited} if waited else {}))
    elif fault[:1] == "5":
        answer.plain(int(fault), b"upstream", "text/plain")
    elif fault in _REFUSALS:
        detail = {"case": _REFUSALS[fault], "message": f"refused for {KEY}"}
        answer.plain(int(fault), json.dumps({"detail": detail}).encode(), "application/json")
    elif fault == "redirect":
        answer.plain(302, b"", "text/plain", Location="http://127.0.0.1:9/elsewhere")
    elif fault == "html":
        answer.plain(200, b"<html><body>Sign in to the network</body></html>", "text/html")
    elif fault == "html as dbn":
        answer.plain(200, b"<html><body>Sign in to the network</body></html>", "application/octet-stream")
    else:
        return False
    return True


def _spoiled(head: bytes, rows: NDArray[Any], fault: str, market: Market, words: Mapping[str, str]) -> tuple[bytes]:
    """The compressed body, as it is or as the fault will have it."""
    if fault == "fewer":  # whole and well-formed, but not all of it
        rows = rows[: len(rows) // 2]
    if fault == "skew":
        rows = rows.copy()
        rows["ts_event"] += np.uint64(40 * DAY)
    if fault == "another schema":
        rows, head = market.cut({**words, "schema": "trades"})
    body = head + rows.tobytes()
    if fault == "half a record":
        body = body[:-7]
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(body))
    if fault == "flip":
        packed[len(packed) // 2] ^= 0x10
    if fault == "half a frame":
        del packed[len(packed) // 2 :]
    if fault == "bomb":
        packed += zstandard.compress(bytes(1 << 28))
    return (bytes(packed),)


def _iso(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return f"{np.datetime64(seconds, 's')}.{rest:09d}Z"


def _resolved(market: Market, words: Mapping[str, str]) -> dict[str, Any]:
    first, last = (date.fromisoformat(words[name]).toordinal() - _EPOCH for name in ("start_date", "end_date"))
    names = words["symbols"].split(",")
    if words["stype_in"] == "instrument_id":
        raw = {str(number): name for name, number in market.symbols.items()}
        found = {number: [(first, last, raw[number])] for number in names if number in raw}
    else:
        found = market.mapped(names, words["stype_in"], first, last)  # type: ignore[assignment]
    result = {
        name: [{"d0": str(made_dbn.on(a)), "d1": str(made_dbn.on(b)), "s": str(s)} for a, b, s in spans] for name, spans in found.items()
    }
    absent = [] if words["stype_in"] == "parent" and result else [name for name in names if name not in result]
    return {"result": result, "symbols": names, "partial": [], "not_found": absent, "message": "OK", "status": 0}
