"""An event's way to a forecast against its rivals, in one process, one thread each: `python benchmarks/serve.py`.

Ours counts everything from the event's JSON text to calibrated figures (24 features, network, law); the rivals run the bare network.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import http.client
import json
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
import torch

from tickcast.bundle import Bundle, write_bundle
from tickcast.features import FeatureSet
from tickcast.heads import BucketOptions
from tickcast.models.backbone import StreamBackbone
from tickcast.models.gru import GruOptions
from tickcast.models.model_file import write_model
from tickcast.models.onnx_network import OnnxNetwork
from tickcast.models.price_transformer import PriceTransformerOptions
from tickcast.serve import Predictor, Server
from tickcast.train.export import ServedNetwork, export_onnx

STEP = 300_000_000_000
HORIZONS = [f"{5 * i}m" for i in range(1, 9)]
Row = dict[str, object]


def bars(n: int) -> pl.DataFrame:
    """`n` 5-minute bars of a random walk in one session."""
    rng = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, n)))
    first = np.concatenate([[close[0]], close[:-1]])
    columns = {"ts": np.arange(1, n + 1) * STEP, "open": first, "high": np.maximum(first, close) * 1.0003}
    columns |= {"low": np.minimum(first, close) * 0.9997, "close": close, "volume": rng.integers(1, 500, n).astype(float)}
    return pl.DataFrame(columns).with_columns(session_id=pl.lit(10**6 * STEP), segment_id=pl.lit(0))


def timed(call: Callable[[int], object], n: int) -> tuple[float, float]:
    """Microseconds, median and 99th percentile, of `n` calls after a tenth as many to warm up."""
    for i in range(n // 10):
        call(i)
    times = np.empty(n)
    for i in range(n):
        start = time.perf_counter_ns()
        call(n // 10 + i)
        times[i] = time.perf_counter_ns() - start
    return float(np.median(times) / 1e3), float(np.quantile(times, 0.99) / 1e3)


def measured(what: str, who: str, call: Callable[[int], object], n: int) -> list[Row]:
    """Two rows of the table."""
    p50, p99 = timed(call, n)
    return [{"what": what, "who": f"{who} {name}", "value": value, "unit": "us"} for name, value in (("p50", p50), ("p99", p99))]


def bundle(options: GruOptions | PriceTransformerOptions, inputs: int, frame: pl.DataFrame, folder: Path) -> tuple[Bundle, ServedNetwork]:
    """An untrained network of 8 x 101 buckets over nq24."""
    torch.manual_seed(0)
    features = FeatureSet.load("nq24")
    head = BucketOptions().build(options.width, len(HORIZONS))
    head.start(np.random.default_rng(0).normal(size=(2000, len(HORIZONS))))
    served = ServedNetwork(options.build(inputs), head).eval()
    step = isinstance(served.backbone, StreamBackbone)
    state = [[name, list(shape)] for name, shape in served.backbone.states()] if isinstance(served.backbone, StreamBackbone) else []
    names = (features.names * 2)[:inputs]
    document: dict[str, object] = {
        "forecaster": options.name,
        "horizons": HORIZONS,
        "unit": "log_return",
        "columns": list(names),
        "fixed": None,
    }
    document |= {"standardize": {"mean": [0.0] * inputs, "std": [1e3] * inputs, "clip": 5.0}, "scale": {"kind": "unit"}, "law": head.law()}
    document["network"] = {"kind": "step" if step else "window", "file": "model.onnx", "window": options.window, "state": state}
    write_model(folder / "model", document)
    export_onnx(served, inputs, folder / "model" / "model.onnx")
    made = write_bundle(
        folder / "bundle",
        forecaster=OnnxNetwork.load(folder / "model"),
        features=features,
        calibrators=[],
        sessions=[[0, 10**6 * STEP, 0]],
        target={"horizons": HORIZONS},
        metrics={},
        data_version="none",
        commit="none",
        golden=frame[:700],
    )
    return made, served


def network_rows(what: str, options: GruOptions | PriceTransformerOptions, inputs: int, n: int, folder: Path) -> tuple[list[Row], Bundle]:
    """One network through our predictor, ONNX Runtime and torch."""
    torch.set_num_threads(1)
    frame = bars(int(1.1 * n) + 1200)
    made, served = bundle(options, inputs, frame, folder)
    predictor = Predictor(made)
    predictor.replay(frame[:1000])
    texts = [json.dumps(event) for event in frame[1000:].drop("session_id").to_dicts()]
    out = measured(what, "tickcast, JSON to figures", lambda i: predictor._engine.update(texts[i]), n)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(made.folder / "model.onnx"), settings, providers=["CPUExecutionProvider"])
    window = () if options.window == 1 else (options.window,)
    feed = {one.name: np.zeros([1, *one.shape[1:]], np.float32) for one in session.get_inputs()}
    feed["x"] = np.random.default_rng(0).normal(size=(1, *window, inputs)).astype(np.float32)
    out += measured(what, "ONNX Runtime, network only", lambda i: session.run(None, feed), n)
    tensors = [torch.from_numpy(feed[one.name]) for one in session.get_inputs()]
    with torch.inference_mode():
        out += measured(what, "torch, network only", lambda i: served(*tensors), n)
    return out, made


def http_rows(made: Bundle, n: int) -> list[Row]:
    """GET /v1/forecast and POST of one event over one connection kept alive."""
    frame = bars(int(1.1 * n) + 1200)
    server = Server(made.folder, port=0)
    link = http.client.HTTPConnection("127.0.0.1", server.port)
    head = {"Authorization": f"Bearer {server.token}"}

    def ask(method: str, path: str, body: str | None = None) -> int:
        link.request(method, path, body, head)
        answer = link.getresponse()
        answer.read()
        return answer.status

    events = [json.dumps(event) for event in frame.drop("session_id").to_dicts()]
    ask("POST", "/v1/events", f"[{','.join(events[:1000])}]")
    link.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw, out = link.sock, []
    for full in (0, 1):
        text = f"GET /v1/forecast?full={full} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        out += measured("HTTP round trip", f"GET full={full}", lambda i, text=text: _exchange(raw, text), n)
    out += measured("HTTP round trip", "POST one event", lambda i: ask("POST", "/v1/events", events[1000 + i]), n)
    link.close()
    server.stop()
    return out


def _exchange(raw: socket.socket, text: bytes) -> None:
    raw.sendall(text)
    got = raw.recv(1 << 20)
    head = got.index(b"\r\n\r\n") + 4
    length = int(got[:head].lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(got) < head + length:
        got += raw.recv(1 << 20)


def rows(n: int = 5000) -> Sequence[Row]:
    """Every measurement as {what, who, value, unit}."""
    with tempfile.TemporaryDirectory() as place:
        out, made = network_rows("GRU step, 24 features, 8 x 101", GruOptions(width=64), 24, n, Path(place) / "gru")
        wide = PriceTransformerOptions(window=300, width=128, layers=2)
        out += network_rows("window 300 x 32, d 128, 2 layers", wide, 32, max(200, n // 25), Path(place) / "window")[0]
        return [*out, *http_rows(made, n)]


def main() -> None:
    for row in rows():
        print(f"{row['what']:34} {row['who']:32} {row['value']:10.1f} {row['unit']}")


if __name__ == "__main__":
    main()
