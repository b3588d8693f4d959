from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tickcast.errors import ServeError
from tickcast.serve import Predictor, Server

from .conftest import STEP, bars

EVENTS = bars().select("ts", "close").to_dicts()


@pytest.fixture
def server(make) -> Iterator[Server]:
    server = Server(make("step")[0].folder, port=0)
    yield server
    server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.token}"}) as client:
        yield client


def test_forecasts_are_those_of_the_process(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    assert client.get("/ready").status_code == 503
    early = client.get("/v1/forecast")
    assert early.status_code == 409 and early.json()["reason"] == "warming_up"
    assert client.post("/v1/events", json=EVENTS).json()["events"] == len(EVENTS)
    assert client.get("/ready").status_code == 200 and client.get("/live").status_code == 200
    got = client.get("/v1/forecast", params={"full": "1"}).json()
    predictor = Predictor.load(tmp_path / "step")
    predictor.replay(bars())
    assert got["bundle"] == predictor.bundle.hash and got["ts"] == EVENTS[-1]["ts"] and got["horizons"] == ["1m", "5m"]
    for name, values in predictor.predict_outputs().items():
        assert (np.array(got[name]) == values).all()
    assert (np.array(got["law"]["probabilities"]) == predictor._engine.predict("")[4][1][0]).all()
    text = client.get("/metrics").text
    assert f"tickcast_events_total {len(EVENTS)}" in text and got["bundle"] in text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"Close": 1.0, "close": None}, "Close"),
        ({"close": "x"}, "close"),
        ({"ts": STEP}, "ts"),
        ({"ts": 900 * STEP}, "ts"),
        ({"volume": 1}, "volume"),
    ],
)
def test_one_bad_event_and_none_is_taken(client: httpx.Client, change: dict, field: str) -> None:
    rows = [*EVENTS[:5], {**EVENTS[5], **change}, *EVENTS[6:9]]
    refused = client.post("/v1/events", json=rows)
    assert refused.status_code == 422 and refused.json()["row"] == 6 and refused.json()["field"] == field
    assert refused.json()["message"].startswith("event 6: ") and "\n" not in refused.json()["message"]
    assert client.post("/v1/events", json=EVENTS[:1]).status_code == 200  # as if nothing had been sent


def test_what_is_no_json(client: httpx.Client) -> None:
    for body in (b"", b"[", b'[{"ts": 1, "close": NaN}]', b"\xff\xfe", b"[1]", b'"x"', b"[" * 10_000):
        assert client.post("/v1/events", content=body).status_code == 422, body[:10]
    assert client.post("/v1/events", content=b" " * (1 << 21)).status_code == 413


def test_the_gate(server: Server) -> None:
    port, token = server.port, {"Authorization": f"Bearer {server.token}"}
    cases = [
        ({}, 401),
        ({"Authorization": f"Bearer {server.token}x"}, 401),
        ({**token, "Host": f"evil.example:{port}"}, 421),
        ({**token, "Host": "127.0.0.1:1"}, 421),
        ({**token, "Origin": "http://evil.example"}, 403),
        ({**token, "Origin": "null"}, 403),
        ({**token, "Sec-Fetch-Site": "cross-site"}, 403),
        ({**token, "Origin": f"http://localhost:{port}", "Sec-Fetch-Site": "same-origin"}, 200),
    ]
    for i, (headers, status) in enumerate(cases):
        assert httpx.post(f"{server.url}/v1/events", json=EVENTS[i : i + 1], headers=headers).status_code == status, headers
    for path in ("/live", "/ready", "/metrics", "/v1/forecast", "/v1/stream", "/nowhere"):
        assert httpx.get(server.url + path, headers={"Host": "evil.example"}).status_code == 421
        assert httpx.get(server.url + path, headers={"Origin": "http://evil.example"}).status_code == 403
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://127.0.0.1:{port}/v1/stream", origin="http://evil.example")


def test_the_stream_pushes_each_forecast(server: Server, client: httpx.Client) -> None:
    client.post("/v1/events", json=EVENTS[:100])
    with connect(f"ws://127.0.0.1:{server.port}/v1/stream") as stream:
        client.post("/v1/events", json=EVENTS[100:103])
        assert [json.loads(stream.recv(5))["ts"] for _ in range(3)] == [event["ts"] for event in EVENTS[100:103]]


def test_long_headers_are_cut_off(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 100_000 + b"\r\n\r\n")
        assert b" 431 " in raw.recv(4096)


def test_who_may_listen(make) -> None:
    folder = make("log_linear")[0].folder
    for arguments, message in (({"host": "0.0.0.0"}, "token"), ({"host": "example.com"}, "no IP address"), ({"token": "short"}, "16")):
        with pytest.raises(ServeError, match=message):
            Server(folder, port=0, **arguments)


def test_killed_and_ended(make) -> None:
    folder = make("log_linear")[0].folder
    code = f"from tickcast.serve import run; run({str(folder)!r}, port=0, started=lambda s: print(s.url, s.token, flush=True))"
    for number, expected in ((signal.SIGKILL, -9), (signal.SIGTERM, 0), (signal.SIGINT, 0)):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ)
        assert child.stdout is not None
        url, token = child.stdout.readline().split()
        sent = httpx.post(f"{url}/v1/events", json=EVENTS, headers={"Authorization": f"Bearer {token}"})
        assert sent.status_code == 200 and httpx.get(f"{url}/ready").status_code == 200
        child.send_signal(number)
        assert child.wait(10) == expected
        child.stdout.close()
