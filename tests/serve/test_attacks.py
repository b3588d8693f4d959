"""What strangers and accidents send: each is refused with a reason, and the server answers as before."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tickcast.errors import ServeError
from tickcast.serve import Client, Predictor, Server

from .conftest import STEP, bars

EVENTS = bars().select("ts", "close").to_dicts()
GOOD = {"ts": 60 * STEP, "close": 100.0}


@pytest.fixture
def server(make) -> Iterator[Server]:
    server = Server(make("log_linear")[0].folder, port=0, patience=0.4)
    yield server
    server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}, timeout=20) as client:
        yield client


@pytest.mark.parametrize(
    ("event", "reason", "field"),
    [
        ('{"ts": 1000000000000000000000000000000, "close": 1}', "bad_value", "ts"),
        ('{"ts": 9223372036854775808, "close": 1}', "bad_value", "ts"),
        ('{"ts": -9223372036854775808, "close": 1}', "closed", "ts"),
        ('{"ts": 1785000000, "close": 1}', "out_of_order", "ts"),  # seconds; here a session begins in 1970, else "closed"
        ('{"ts": 1785000000000000, "close": 1}', "closed", "ts"),
        ('{"ts": 3600000000000, "close": 1e400}', "malformed", None),
        ('{"ts": 3600000000000, "close": NaN}', "malformed", None),
        ('{"ts": 3600000000000, "close": -Infinity}', "malformed", None),
        ('{"ts": 3600000000000, "close": -0.0}', "bad_value", "close"),
        ('{"ts": 3600000000000, "close": 0}', "bad_value", "close"),
        ('{"ts": 3600000000000, "close": -5}', "bad_value", "close"),
        ('{"ts": 3600000000000, "close": true}', "bad_value", "close"),
        ('{"ts": 3600000000000, "close": [1]}', "bad_value", "close"),
        ('{"ts": 3600000000000, "close": 1, "close": 2}', "repeated_field", "close"),
        ('{"ts": 3600000000000, "ts": 3600000000000, "close": 2}', "repeated_field", "ts"),
        ('{"ts": 3600000000000, "close": 1, "symbol": "a\\u0000b"}', "bad_value", "symbol"),
        ('{"ts": 3600000000000, "close": 1, "symbol": "' + "x" * 65 + '"}', "bad_value", "symbol"),
        ('{"ts": 3600000000000, "close": ' + "[" * 5000 + "]" * 5000 + "}", "malformed", None),
        ('{"ts": 3600000000000, "close": {"a":' + '{"a":' * 100 + "1" + "}" * 100 + "}}", "bad_value", "close"),
        ("{" + ",".join(f'"f{i}": 1' for i in range(1000)) + "}", "malformed", None),
        ('{"ts": 3600000000000, "close": 1, "' + "k" * 100_000 + '": 1}', "unknown_field", "k" * 64 + "…"),
    ],
)
def test_one_bad_event_in_a_batch_leaves_no_trace(client: httpx.Client, event: str, reason: str, field: str | None) -> None:
    client.post("/v1/events", json=EVENTS[:50])
    before = client.get("/v1/forecast", params={"full": 1}).json()
    batch = f"[{json.dumps(EVENTS[50])}, {event}, {json.dumps(EVENTS[61])}]"
    refused = client.post("/v1/events", content=batch)
    answer = refused.json()
    assert refused.status_code == 422 and (answer["reason"], answer["field"]) == (reason, field), answer
    assert len(refused.content) < 1000 and "\n" not in answer["message"]
    assert answer["row"] == (None if reason == "malformed" else 2)
    assert client.get("/v1/forecast", params={"full": 1}).json() == before
    assert client.post("/v1/events", json=EVENTS[50:51]).status_code == 200


def test_ten_thousand_events_at_once_and_one_bad_at_the_end(client: httpx.Client) -> None:
    rows = [{"symbol": f"s{i % 50}", "ts": (i // 50 + 1) * STEP, "close": 100 + i % 7} for i in range(10_000)]
    refused = client.post("/v1/events", json=[*rows[:-1], {**rows[-1], "ts": STEP}])
    assert refused.status_code == 422 and refused.json()["row"] == 10_000 and refused.json()["reason"] == "out_of_order"
    assert client.get("/v1/forecast", params={"symbol": "s0"}).json()["reason"] == "warming_up"
    assert client.post("/v1/events", json=rows).json()["events"] == 10_000


def test_symbols_are_bounded(client: httpx.Client) -> None:
    flood = [{"symbol": f"s{i}", "ts": STEP, "close": 1.0} for i in range(1025)]
    refused = client.post("/v1/events", json=flood)
    assert refused.status_code == 422 and refused.json()["row"] == 1025
    assert client.get("/v1/forecast", params={"symbol": "s0"}).json()["reason"] == "warming_up"
    assert client.post("/v1/events", json=flood[:1024]).status_code == 200
    for _ in range(2):
        assert client.post("/v1/events", json=[{**GOOD, "symbol": "another"}]).status_code == 422
    assert client.post("/v1/events", json=[{**GOOD, "symbol": "s7"}]).status_code == 200


def _talk(server: Server, raw: bytes, wait: float = 0.0) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as link:
        link.sendall(raw)
        time.sleep(wait)
        out = b""
        while part := link.recv(65536):
            out += part
    return out


def test_slow_headers_and_slow_bodies_are_cut_off(server: Server) -> None:
    start = time.monotonic()
    answer = _talk(server, b"GET /live HTTP/1.1\r\nHost: 127")
    assert b" 200 " not in answer and time.monotonic() - start < 5
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\nContent-Length: 99\r\n\r\n["
    )
    for path in ("/v1/events", "/v1/bundle"):
        assert b" 408 " in _talk(server, head.replace("/v1/events", path).encode())
    assert httpx.get(f"{server.url}/live").status_code == 200


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    one = f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
    none = f"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n"
    answer = _talk(server, (one * 3 + none).encode())
    assert [part.split(b" ")[0] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"200", b"404"]


def test_which_addresses_are_served(server: Server) -> None:
    def status(target: str, host: str) -> str:
        return _talk(server, f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()).split(b" ")[1].decode()

    port = server.port
    for host in (f"127.0.0.1:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        assert status("/live", host) == "200", host
    for host in (
        "127.0.0.1",
        f"[::2]:{port}",
        f"localhost.evil.example:{port}",
        f"127.0.0.1:{port}@evil.example",
        "",
        f"evil@localhost:{port}",
    ):
        assert status("/live", host) in ("421", "400"), host
    assert status(f"http://localhost:{port}/live", f"127.0.0.1:{port}") == "200"
    assert status("http://evil.example/live", f"127.0.0.1:{port}") == "421"


def test_served_on_ipv6(make) -> None:
    try:
        server = Server(make("log_linear")[0].folder, "::1", port=0)
    except ServeError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    assert httpx.get(f"{server.url}/live").status_code == 200 and server.url.startswith("http://[::1]:")
    server.stop()


def test_who_does_not_read_is_dropped_and_nobody_else_waits(server: Server, client: httpx.Client) -> None:
    key = f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    key += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(key.encode())
        assert b" 101 " in deaf.recv(4096)
        for at in range(0, 780, 78):  # 31 200 forecasts of 400 bytes, more than the kernel keeps for one connection
            rows = [{"symbol": f"s{i}", "ts": (at + j + 1) * STEP, "close": 100 + j % 5} for j in range(78) for i in range(40)]
            assert client.post("/v1/events", json=rows).status_code == 200
        limit = time.monotonic() + 10
        while "tickcast_dropped_clients_total 1\n" not in (text := client.get("/metrics").text) and time.monotonic() < limit:
            time.sleep(0.05)
        assert "tickcast_dropped_clients_total 1\n" in text


def test_the_client_keeps_its_line_and_names_what_is_wrong(server: Server, tmp_path: Path) -> None:
    with Client(server.url, server.token) as client:
        with pytest.raises(ServeError, match="warming_up"):
            client.forecast()
        assert client.post(EVENTS) == len(EVENTS) - 10
        time.sleep(0.9)  # the server ends the idle line
        predictor = Predictor.load(tmp_path / "log_linear")
        predictor.replay(bars())
        assert client.forecast(full=True)["q95"] == predictor.predict_outputs()["q95"].tolist()
        with pytest.raises(ServeError, match="out_of_order") as caught:
            client.post(EVENTS[:1])
        assert (caught.value.row, caught.value.field) == (1, "ts")
        with pytest.raises(ServeError, match="no JSON"):
            client.post([{"ts": 1, "close": float("nan")}])
    with pytest.raises(ServeError, match="the token is absent"):
        Client(server.url, "x" * 20).post(EVENTS)
    with pytest.raises(ServeError, match="gave no answer"):
        Client("http://127.0.0.1:1", "x").forecast()
