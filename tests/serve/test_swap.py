"""A new bundle while the old one serves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tickcast.bundle import write_bundle
from tickcast.calibrators.temperature import Temperature
from tickcast.errors import BundleError, ServeError
from tickcast.features.feature_set import FeatureSet
from tickcast.serve import Client, Predictor, Server

from .conftest import FEATURES, HORIZONS, SESSIONS, bars

EVENTS = bars().select("ts", "close").to_dicts()


def _write(folder: Path, forecaster, calibrators, features: FeatureSet = FEATURES) -> Path:
    facts = {"target": {"horizons": HORIZONS}, "metrics": {}, "data_version": "v2", "commit": "def", "golden": bars(), "sessions": SESSIONS}
    return write_bundle(folder, forecaster=forecaster, features=features, calibrators=calibrators, **facts).folder


def _other_features() -> FeatureSet:
    words = {"name": "other", "stream": "bars", "clock": {"on": "bars", "step": "1m"}, "session": "carry", "price": "close"}
    words["features"] = {"r": "log(close / lag(close, 1))", "rv": "sqrt(mean(r ** 2, 20))", "hour": "count(close, 3) - 1"}
    return FeatureSet.from_dict(words)


def test_equal_features_and_network_go_on_to_the_bit(make, tmp_path: Path) -> None:
    bundle, forecaster, _ = make("step")
    new = _write(tmp_path / "new", forecaster, [Temperature((1.1, 1.2))])
    server = Server(bundle.folder, port=0)
    with Client(server.url, server.token) as client:
        client.post(EVENTS[:60])
        done = client.load(new)
        assert done["kept"] == "all" and done["before"] == bundle.hash and done["bundle"] == Predictor.load(new).bundle.hash
        with pytest.raises(ServeError, match="warming_up"):
            client.forecast()  # nothing of the old bundle is repeated under the new one's name
        client.post(EVENTS[60:])
        whole = Predictor.load(new)
        whole.replay(bars())
        assert client.forecast()["q95"] == whole.predict_outputs()["q95"].tolist()
        assert client.load(new)["kept"] == "all" and client.forecast()["bundle"] == done["bundle"]
    server.stop()


def test_another_network_keeps_the_features_only(make, tmp_path: Path) -> None:
    first, second = make("log_linear")[0], make("window")[0]
    server = Server(first.folder, port=0)
    with Client(server.url, server.token) as client:
        client.post(EVENTS[:60])
        assert client.load(second.folder)["kept"] == "features"
        client.post(EVENTS[60:63])
        with pytest.raises(ServeError, match="warming_up"):
            client.forecast()
        client.post(EVENTS[63:64])
        fresh = Predictor(second)
        fresh.replay(bars()[:64])
        assert np.allclose(client.forecast()["q95"], fresh.predict_outputs()["q95"], rtol=0, atol=1e-12)
    server.stop()


def test_other_features_warm_up_anew(make, tmp_path: Path) -> None:
    bundle, forecaster, calibrators = make("log_linear")
    new = _write(tmp_path / "new", forecaster, calibrators, _other_features())
    server = Server(bundle.folder, port=0)
    with Client(server.url, server.token) as client:
        client.post(EVENTS[:60])
        assert client.load(new)["kept"] == "nothing"
        with pytest.raises(ServeError, match="warming_up: warming up: 0 of"):
            client.forecast()
        assert client.post(EVENTS) > 0
    server.stop()


def test_a_damaged_bundle_leaves_the_old_one_serving(make, tmp_path: Path) -> None:
    bundle, *_ = make("step")
    damaged = tmp_path / "damaged"
    shutil.copytree(bundle.folder, damaged)
    (damaged / "model.onnx").write_bytes(b"x" + (damaged / "model.onnx").read_bytes()[1:])
    link = tmp_path / "link"
    link.symlink_to(bundle.folder)
    server = Server(bundle.folder, port=0)
    with Client(server.url, server.token) as client:
        client.post(EVENTS)
        before = client.forecast(full=True)
        for folder, words in ((damaged, r"bundle: model.onnx: its SHA-256"), (link, "no folder"), (tmp_path / "nowhere", "no folder")):
            with pytest.raises(ServeError, match=words):
                client.load(folder)
        for body in ({"folder": "relative"}, {"folder": f"{tmp_path}/../x"}, {"folder": 1}, {}, [], {"folder": "/", "more": 1}):
            with pytest.raises(ServeError, match="malformed"):
                client._ask("POST", "/v1/bundle", json.dumps(body))
        with pytest.raises(BundleError, match=r"model.onnx"):
            server.load(damaged)
        assert client.forecast(full=True) == before
    with pytest.raises(ServeError, match="the token is absent"):
        Client(server.url, "x" * 30).load(bundle.folder)
    server.stop()


def test_requests_go_on_while_bundles_change(make, tmp_path: Path) -> None:
    bundle, forecaster, _ = make("log_linear")
    other = _write(tmp_path / "other", forecaster, [])
    known = {bundle.hash, Predictor.load(other).bundle.hash}
    server = Server(bundle.folder, port=0)
    faults: list[str] = []
    ended = threading.Event()

    def exchange() -> None:
        with Client(server.url, server.token) as client:
            for _ in range(10):
                for folder in (other, bundle.folder):
                    if client.load(folder)["kept"] != "all":
                        faults.append("not kept")
        ended.set()

    thread = threading.Thread(target=exchange)
    with Client(server.url, server.token) as client:
        client.post(EVENTS[:60])
        thread.start()
        asked = 0
        while not ended.is_set():
            try:
                assert client.forecast()["bundle"] in known
            except ServeError as error:
                assert "warming_up" in str(error)  # exchanged, and no row since
            asked += 1
        thread.join()
        assert asked > 0 and not faults
        client.post(EVENTS[60:])
        whole = Predictor(bundle)
        whole.replay(bars())
        assert client.forecast()["q05"] == whole.predict_outputs()["q05"].tolist()
    server.stop()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_sighup_loads_the_folder_again(make, tmp_path: Path) -> None:
    bundle, forecaster, _ = make("log_linear")
    place = tmp_path / "serving"
    shutil.copytree(bundle.folder, place)
    code = f"""
from tickcast.serve import run
run({str(place)!r}, port=0, started=lambda s: print(s.url, s.token, flush=True), reloaded=lambda line: print(line, flush=True))
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ)
    assert child.stdout is not None
    try:
        url, token = child.stdout.readline().split()
        with Client(url, token) as client:
            client.post(EVENTS)
            shutil.rmtree(place)
            child.send_signal(signal.SIGHUP)
            assert child.stdout.readline().startswith("the old bundle serves on: ")
            assert client.forecast()["bundle"] == bundle.hash
            new = Predictor.load(_write(place, forecaster, [])).bundle.hash
            child.send_signal(signal.SIGHUP)
            assert child.stdout.readline() == "the bundle was loaded again; kept: all\n"
            assert client.load(place)["bundle"] == new
    finally:
        child.terminate()
        assert child.wait(10) == 0
        child.stdout.close()
