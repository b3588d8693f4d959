"""Laws of a bundle: it serves what research says, survives a restart, and refuses to open with a bit changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl

from tickcast.bundle import Bundle
from tickcast.errors import BundleError, LawBroken
from tickcast.lifecycle.replay import research
from tickcast.serve import Predictor

__all__ = ["refuses_a_flipped_bit", "restart_changes_nothing", "serves_what_research_says"]

_NETWORK, _FIXED = 1e-5, 1e-12  # how far float32 networks and float64 laws may be from research
_LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def serves_what_research_says(folder: Path, events: pl.DataFrame) -> None:
    """The Rust predictor, fed event by event, gives the forecasts of features, forecaster and calibrators in Python, row for row."""
    ts, wanted = research(folder, events)
    served_ts, served = Predictor.load(folder).replay(events, until=int(events["ts"][-1]))
    if not len(ts) or not np.array_equal(ts, served_ts):
        raise LawBroken(f"{len(served_ts)} rows served, {len(ts)} forecast by research", file=folder)
    allowed = _NETWORK if (folder / "model.onnx").is_file() else _FIXED
    for name, values in wanted.outputs().items():
        apart = float(np.abs(served.outputs()[name] - values).max())
        if not apart <= allowed:
            raise LawBroken(f"{name} served differs from research by {apart:.1e}, allowed are {allowed:.0e}", file=folder, field=name)


def restart_changes_nothing(folder: Path, events: pl.DataFrame) -> None:
    """A predictor saved midway and restored in another process's place goes on to the same bits."""
    whole_ts, whole = Predictor.load(folder).replay(events)
    cut = len(events) * 2 // 3
    first, second = Predictor.load(folder), Predictor.load(folder)
    early_ts, _ = first.replay(events[:cut])
    second.restore(first.save())
    late_ts, late = second.replay(events[cut:])
    same = whole.take(slice(len(early_ts), None))
    if not np.array_equal(np.concatenate([early_ts, late_ts]), whole_ts):
        raise LawBroken("a restart changes which rows are forecast", file=folder)
    if not np.array_equal(late.quantile(_LEVELS), same.quantile(_LEVELS)):
        raise LawBroken("a restart changes bits", file=folder)


def refuses_a_flipped_bit(folder: Path, scratch: Path, rng: np.random.Generator) -> None:
    """One bit changed in any file of the bundle: it does not open, and the message names a file."""
    for path in sorted(folder.iterdir()):
        copy = scratch / f"{folder.name}-{path.name}"
        shutil.copytree(folder, copy)
        raw = bytearray((copy / path.name).read_bytes())
        raw[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
        (copy / path.name).write_bytes(bytes(raw))
        try:
            Bundle.open(copy)
        except BundleError:
            shutil.rmtree(copy)
            continue
        raise LawBroken("a bundle with a flipped bit opens", file=path.name)
