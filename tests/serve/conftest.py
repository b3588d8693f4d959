"""Small bundles of every kind of forecaster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper

from tickcast.bundle import Bundle, write_bundle
from tickcast.calibrators.pit import PitMap
from tickcast.calibrators.temperature import Temperature
from tickcast.features.feature_set import FeatureSet
from tickcast.models.base import Forecaster
from tickcast.models.climatology import Climatology
from tickcast.models.model_file import write_model
from tickcast.models.onnx_network import OnnxNetwork
from tickcast.models.residual import ResidualQuantiles

STEP = 60_000_000_000
HORIZONS = ["1m", "5m"]
KINDS = ("slot", "log_linear", "trees", "window", "step")
SESSIONS = [[0, 400 * STEP, 0], [400 * STEP, 800 * STEP, 1]]
FEATURES = FeatureSet.from_dict(
    {
        "name": "small",
        "stream": "bars",
        "clock": {"on": "bars", "step": "1m"},
        "session": "carry",
        "price": "close",
        "features": {"r": "log(close / lag(close, 1))", "rv": "sqrt(mean(r ** 2, 10))", "hour": "count(close, 3) - 1"},
    }
)
LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
EDGES = [[-4.0, -1.0, -0.5, 0.5, 1.0, 4.0], [-5.0, -1.0, -0.4, 0.3, 1.0, 4.0]]


def bars(n: int = 120) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, n)))
    ts = (np.arange(n) + 1) * STEP
    return pl.DataFrame(
        {"ts": ts, "close": close, "session_id": np.where(ts <= 400 * STEP, 400, 800) * STEP, "segment_id": np.zeros(n, np.int64)}
    )


def _graph(step: bool, rng: np.random.Generator) -> onnx.ModelProto:
    """x → softmax(x W) per horizon; the step model adds a state s' = 0.9 s + sum(x)."""

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.normal(0, 0.5, shape).astype(np.float32), name)

    kept = [weight("w", 2, 10), numpy_helper.from_array(np.array([-1, 2, 5], np.int64), "shape")]
    number = TensorProto.FLOAT
    x = helper.make_tensor_value_info("x", number, ["n", 2] if step else ["n", 4, 2])
    ins, outs, nodes, row = [x], [helper.make_tensor_value_info("law", number, ["n", 2, 5])], [], "x"
    if step:
        kept += [numpy_helper.from_array(np.array(0.9, np.float32), "decay")]
        ins.append(helper.make_tensor_value_info("s", number, ["n", 2]))
        outs.append(helper.make_tensor_value_info("s_next", number, ["n", 2]))
        nodes += [helper.make_node("Mul", ["s", "decay"], ["faded"]), helper.make_node("Add", ["faded", "x"], ["s_next"])]
        row = "s_next"
    else:
        kept += [numpy_helper.from_array(np.array([1], np.int64), "axis")]
        nodes += [helper.make_node("ReduceSum", ["x", "axis"], ["row"], keepdims=0)]
        row = "row"
    nodes += [
        helper.make_node("MatMul", [row, "w"], ["y"]),
        helper.make_node("Reshape", ["y", "shape"], ["z"]),
        helper.make_node("Softmax", ["z"], ["law"], axis=-1),
    ]
    return helper.make_model(helper.make_graph(nodes, "g", ins, outs, kept), opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _forecaster(kind: str, folder: Path) -> Forecaster:
    quantiles = {"kind": "quantiles", "levels": LEVELS}
    rows = [[-2.0, -0.5, 0.0, 0.4, 2.2], [-1.5, -0.6, 0.0, 0.7, 1.5]]
    document = {"forecaster": kind, "horizons": HORIZONS, "unit": "sigma", "columns": [], "law": quantiles, "fixed": {"values": rows}}
    document["scale"] = {
        "kind": "log_linear",
        "columns": ["rv", "r"],
        "weights": [[30.0, 2.0], [40.0, -1.0]],
        "intercept": [-7.0, -6.5],
        "floor": 1e-9,
    }
    if kind == "slot":
        by_slot = [(np.array(rows) * 1e-3 * (1 + s)).tolist() for s in range(3)]
        document |= {"unit": "log_return", "scale": {"kind": "unit"}, "fixed": {"column": "hour", "values": by_slot}}
    if kind == "trees":
        tree = {
            "roots": [0, -3],
            "feature": [0],
            "threshold": [1e-3],
            "left": [-1],
            "right": [-2],
            "default_left": [True],
            "value": [-7.0, -6.0, 0.1],
        }
        document["scale"] = {"kind": "trees", "columns": ["rv"], "floor": 1e-9, "models": [tree, tree]}
    if kind in ("window", "step"):
        document |= {"columns": ["r", "rv"], "law": {"kind": "buckets", "edges": EDGES, "lattice": False}, "fixed": None}
        document["standardize"] = {"mean": [0.0, 1e-3], "std": [1e-3, 5e-4], "clip": 4.0}
        state = [["s", [2]]] if kind == "step" else []
        document["network"] = {"kind": kind, "file": "model.onnx", "window": 1 if state else 4, "state": state}
    write_model(folder, document)
    if kind in ("window", "step"):
        onnx.save(_graph(kind == "step", np.random.default_rng(5)), folder / "model.onnx")
        return OnnxNetwork.load(folder)
    return Climatology.load(folder) if kind == "slot" else ResidualQuantiles.load(folder)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], tuple[Bundle, Forecaster, list]]:
    def made(kind: str) -> tuple[Bundle, Forecaster, list]:
        forecaster = _forecaster(kind, tmp_path / f"{kind}-model")
        pit = PitMap((0.0, 0.3, 1.0), ((0.0, 0.2, 1.0), (0.0, 0.4, 1.0)))
        calibrators = [Temperature((1.3, 0.8)), pit] if kind in ("window", "step") else [pit]
        facts = {
            "target": {"horizons": HORIZONS},
            "metrics": {},
            "data_version": "v1",
            "commit": "abc",
            "golden": bars(),
            "sessions": SESSIONS,
        }
        bundle = write_bundle(tmp_path / kind, forecaster=forecaster, features=FEATURES, calibrators=calibrators, **facts)
        return bundle, forecaster, calibrators

    return made
