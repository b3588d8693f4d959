"""The base install: without torch and the other training packages everything but training imports and runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import small_market
from house import checkout, import_rules
from tickcast.serve import Predictor

BLOCKED = ("torch", "lightgbm", "onnx", "onnxscript", "safetensors")
BLOCK = f"""
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked)", name=name.split(".")[0])
        return None

sys.meta_path.insert(0, Absent())
"""

SERVED = """
import json, urllib.request
import polars as pl
from tickcast.bundle import Bundle
from tickcast.features import FeatureSet
from tickcast.serve import Predictor, Server

bundle, events = Bundle.open(FOLDER), pl.read_parquet(EVENTS)
table = FeatureSet.from_graph(json.load(open(FOLDER + "/features.json"))).compute(events)
predictor = Predictor(bundle)
predictor.replay(events)
server = Server(FOLDER, port=0)
body = json.dumps(events.select("ts", "close").to_dicts()).encode()
headers = {"Authorization": "Bearer " + server.token, "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(server.url + "/v1/events", body, headers), timeout=10).read()
answer = json.load(urllib.request.urlopen(server.url + "/v1/forecast", timeout=10))
server.stop()
process = {name: values.tolist() for name, values in predictor.predict_outputs().items()}
print(json.dumps({"hash": bundle.hash, "ready": int(table.ready().sum()), "process": process, "server": answer}))
"""


def run(code: str) -> str:
    """Standard output of `code` in a fresh interpreter where the training packages cannot be imported."""
    done = subprocess.run([sys.executable, "-c", BLOCK + code], capture_output=True, text=True, check=False, cwd=checkout.ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rooms_of_the_base_install_import() -> None:
    bare = [room for room in import_rules.ROOM_ORDER if room not in ("heads", "losses", "train")]  # these three are torch modules
    rooms = [f"tickcast.{room}" for room in bare if (checkout.ROOT / "src" / "tickcast" / room / "__init__.py").is_file()]
    assert run(f"for name in {['tickcast', *rooms]!r}: importlib.import_module(name)\nprint('ok')").strip() == "ok"


def test_nothing_imports_training_packages_by_itself() -> None:
    code = f"import tickcast.cli, sys; print(sorted(name for name in {BLOCKED!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=checkout.ROOT)
    assert done.stdout.strip() == "[]"


def test_the_block_blocks() -> None:
    assert run("try:\n import torch\nexcept ModuleNotFoundError: print('absent')").strip() == "absent"


def test_features_forecasts_and_the_server_run_without_training_packages(tmp_path: Path) -> None:
    """A bundle written by a full install is opened, asked in process and served by a bare one, with the same numbers."""
    made = small_market.bundle(tmp_path)
    events = tmp_path / "events.parquet"
    small_market.bars().write_parquet(events)
    predictor = Predictor.load(made.folder)
    predictor.replay(small_market.bars())
    said = json.loads(run(f"FOLDER, EVENTS = {str(made.folder)!r}, {str(events)!r}\n" + SERVED))
    assert said["hash"] == made.hash
    assert said["ready"] == 110, "the first ten of 120 rows warm up"
    for name, values in predictor.predict_outputs().items():
        assert said["process"][name] == said["server"][name] == values.tolist(), name
