"""Writing a bundle: complete or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import tickcast
from tickcast.bundle.bundle import Bundle
from tickcast.bundle.network_file import refuse_foreign
from tickcast.bundle.verify import SCHEMA
from tickcast.calibrators import Calibrator, apply_all
from tickcast.durable import sync_folder
from tickcast.errors import BundleError
from tickcast.features.feature_set import FeatureSet
from tickcast.forecast import Forecast
from tickcast.models.base import Forecaster
from tickcast.schema import TABLES
from tickcast.targets.base import Labels
from tickcast.views.view import View
from tickcast.views.windows import eligible

__all__ = ["write_bundle"]

_ROWS = 16  # forecasts that the golden vectors keep
_OUTPUTS = ("p_up", "E_r", "q05", "q50", "q95", "std")


def write_bundle(
    folder: str | Path,
    *,
    forecaster: Forecaster,
    features: FeatureSet,
    calibrators: Sequence[Calibrator],
    sessions: Sequence[Sequence[int]],
    target: Mapping[str, Any],
    metrics: Mapping[str, Any],
    data_version: str,
    commit: str,
    golden: pl.DataFrame,
    max_age: int | None = None,
) -> Bundle:
    """Write a bundle and open it.

    Parameters
    ----------
    forecaster, features: fitted; the features hold no unfitted table.
    calibrators: applied in this order.
    sessions: [open, close, trading_day] rows in UTC ns and days, in time order, with the close of the session they are part of where that
        is another; live events outside of them are refused.
    target: what is forecast, with "horizons".
    golden: recent events of the features' stream with ts, session_id and segment_id, enough to end the warm-up; replayed at every opening.
    max_age: age in ns from which a forecast is stale; three steps by default.

    The folder is written under a temporary name beside its place, synced and renamed: an interrupted run leaves no bundle. A bundle
    that is already there is not replaced. Raises BundleError.
    """
    place = Path(folder)
    if place.exists():
        raise BundleError("is already there", file=place, hint="write to another folder or remove it")
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        forecaster.save(beside)
        model = json.loads((beside / "model.json").read_bytes())
        if model["network"]:
            refuse_foreign(beside / model["network"]["file"])
        expected, step = _golden(forecaster, features, calibrators, golden, model)
        _put(beside / "features.json", features.document)
        _put(beside / "calibrators.json", _canonical([calibrator.parameters() for calibrator in calibrators]))
        _put(beside / "sessions.json", _canonical([[int(x) for x in row] for row in sessions]))
        _put(beside / "golden.json", _canonical(expected))
        origin = {"commit": commit, "data_version": data_version, "target": dict(target), "metrics": dict(metrics)}
        kinds = [calibrator.kind for calibrator in calibrators]
        age = {"step_ns": step, "max_age_ns": max_age or 3 * step}
        raw = _canonical({**_made(features, model), **origin, **age, "calibrators": kinds, "files": _files(beside)})
        _put(beside / "manifest.json", raw)
        _put(beside / "manifest.sha256", hashlib.sha256(raw.encode()).hexdigest() + "\n")
        _sync(beside)
        Bundle.open(beside)
        beside.rename(place)
        sync_folder(place.parent)
    finally:
        if beside.exists():
            shutil.rmtree(beside)
    return Bundle.open(place)


def _made(features: FeatureSet, model: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of the features and the forecaster."""
    graph = json.loads(features.document)
    return {
        "schema": SCHEMA,
        "tickcast": tickcast.__version__,
        "stream": graph["stream"],
        "features": {"name": features.name, "hash": features.hash},
        "inputs": [_described(graph["stream"], name) for name in graph["inputs"]],
        "forecaster": model["forecaster"],
        "horizons": model["horizons"],
        "unit": model["unit"],
    }


def _golden(
    forecaster: Forecaster, features: FeatureSet, calibrators: Sequence[Calibrator], frame: pl.DataFrame, model: Mapping[str, Any]
) -> tuple[dict[str, Any], int]:
    table = features.compute(frame)
    rows = np.arange(len(table), dtype=np.int64)
    usable = rows[eligible(table, rows, forecaster.spec.window, table.names)][-_ROWS:]
    if not len(usable):
        hint = f"give more than {max(features.warmup.values(), default=0) + forecaster.spec.window} rows"
        raise BundleError(f"{len(frame)} golden events do not end the warm-up", field="golden", hint=hint)
    horizons = tuple(model["horizons"])
    empty = Labels(horizons, np.full((len(table), len(horizons)), np.nan), table.ts, np.repeat(table.ts[:, None], len(horizons), axis=1))
    forecast = apply_all(calibrators, forecaster.predict(View(table, empty, usable)))
    inputs = json.loads(features.document)["inputs"]
    document = {
        "ts": frame["ts"].to_list(),
        "segment": (frame["segment_id"] if "segment_id" in frame.columns else pl.repeat(0, len(frame), eager=True)).to_list(),
        "columns": [frame[name].cast(pl.Float64).to_list() for name in inputs],
        "until": int(frame["ts"][-1]),
        "rows": _expected(table.ts[usable], forecast),
        "tolerance": 1e-5 if model["network"] else 1e-9,
    }
    return document, int(table.step)


def _expected(ts: np.ndarray[Any, Any], forecast: Forecast) -> list[dict[str, Any]]:
    arrays = forecast.law.arrays()
    law = arrays["probabilities"] if forecast.kind == "buckets" else arrays["values"]
    outputs = forecast.outputs()
    figures = np.stack([outputs[name] for name in _OUTPUTS], axis=2)
    return [
        {"ts": int(ts[i]), "scale": forecast.scale[i].tolist(), "law": law[i].tolist(), "outputs": figures[i].tolist()}
        for i in range(len(ts))
    ]


def _described(stream: str, name: str) -> dict[str, str]:
    column = TABLES[stream].column(name)
    return {"name": name, "type": str(column.dtype), "unit": column.unit}


def _canonical(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise BundleError(f"cannot be written: {error}", hint="give plain finite numbers and text") from None


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    """Hash and length of every file of the folder, by name."""
    raw = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return {name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} for name, content in raw.items()}


def _put(path: Path, text: str) -> None:
    if path.exists():
        raise BundleError("the forecaster wrote a file of this name itself", file=path.name)
    path.write_text(text, encoding="utf-8", newline="\n")


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)
