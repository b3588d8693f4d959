from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tickcast._engine import Predictor
from tickcast.bundle import Bundle, bundle_hash, onnxruntime_library, write_bundle
from tickcast.errors import BundleError

from .conftest import FEATURES, HORIZONS, SESSIONS, bars


def _check_both_refuse(folder: Path, name: str) -> None:
    """Python and Rust each refuse the bundle by themselves and name the file."""
    with pytest.raises(BundleError, match=name):
        Bundle.open(folder)
    with pytest.raises(BundleError, match=name):
        Predictor(folder, onnxruntime_library())


def test_any_flipped_bit_is_found(make) -> None:
    folder = make("step")[0].folder
    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        raw = path.read_bytes()
        for bit in rng.integers(0, 8 * len(raw), 12):
            broken = bytearray(raw)
            broken[bit // 8] ^= 1 << (bit % 8)
            path.write_bytes(broken)
            _check_both_refuse(folder, "manifest.json" if path.name.startswith("manifest") else path.name)
        path.write_bytes(raw)
    assert Bundle.open(folder).folder == folder, "mended, it opens again"


def test_missing_extra_cut_linked(make, tmp_path: Path) -> None:
    folder = make("log_linear")[0].folder
    model = folder / "model.json"
    raw = model.read_bytes()
    model.unlink()
    _check_both_refuse(folder, "model.json")
    model.write_bytes(raw[:-1])
    _check_both_refuse(folder, "model.json")
    (tmp_path / "elsewhere").write_bytes(raw)
    model.unlink()
    model.symlink_to(tmp_path / "elsewhere")
    _check_both_refuse(folder, "model.json")
    model.unlink()
    model.write_bytes(raw)
    (folder / "model.pkl").write_bytes(b"x")
    _check_both_refuse(folder, "model.pkl")
    with pytest.raises(BundleError, match=r"manifest.json"):
        Bundle.open(tmp_path / "nowhere")


def _resealed(folder: Path, change) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    change(manifest)
    for name, entry in manifest["files"].items():
        if (folder / name).is_file():
            raw = (folder / name).read_bytes()
            entry |= {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    (folder / "manifest.json").write_text(text)
    (folder / "manifest.sha256").write_text(hashlib.sha256(text.encode()).hexdigest() + "\n")


def test_paths_that_leave_the_folder_are_refused(make) -> None:
    folder = make("log_linear")[0].folder
    _resealed(folder, lambda manifest: manifest["files"].update({"../model.json": {"sha256": "0", "bytes": 1}}))
    _check_both_refuse(folder, r"\.\./model.json")


def test_golden_events_prove_the_answer(make) -> None:
    folder = make("log_linear")[0].folder
    model = json.loads((folder / "model.json").read_bytes())
    model["fixed"]["values"][0][1] += 1e-3
    (folder / "model.json").write_text(json.dumps(model))
    _resealed(folder, lambda manifest: None)
    with pytest.raises(BundleError, match=r"golden.json.*is not the one expected"):
        Bundle.open(folder)


def test_same_content_same_hash(make, tmp_path: Path) -> None:
    bundle, forecaster, calibrators = make("step")
    arguments = {"forecaster": forecaster, "features": FEATURES, "calibrators": calibrators, "sessions": SESSIONS, "metrics": {}}
    arguments |= {"target": {"horizons": HORIZONS}, "data_version": "v1", "commit": "abc", "golden": bars()}
    again = write_bundle(tmp_path / "again", **arguments)
    assert again.hash == bundle.hash == bundle_hash(again.folder)
    with pytest.raises(BundleError, match="already there"):
        write_bundle(tmp_path / "again", **arguments)
    with pytest.raises(BundleError, match="do not end the warm-up"):
        write_bundle(tmp_path / "short", **(arguments | {"golden": bars(5)}))
    assert not (tmp_path / "short").exists() and not list(tmp_path.glob(".*"))
