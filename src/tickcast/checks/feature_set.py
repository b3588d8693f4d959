"""Laws of a feature set: it looks back only, and batch, stream and restarted stream give the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import polars as pl

from tickcast.errors import LawBroken
from tickcast.features import FeatureSet, FeatureTable

__all__ = ["FRAME_FUTURES", "batch_is_stream", "looks_back_only", "restart_changes_nothing", "warmup_is_as_declared"]

_NUMBERS = ("open", "high", "low", "close", "price", "size", "volume", "turnover")


def _numbers(frame: pl.DataFrame, change: Callable[[pl.Expr], pl.Expr]) -> pl.DataFrame:
    return frame.with_columns(change(pl.col(name)).alias(name) for name in _NUMBERS if name in frame.columns)


def _appended(future: pl.DataFrame) -> pl.DataFrame:
    shift = int(future["ts"][-1]) - int(future["ts"][0]) + 1_000_000_000
    later = future.with_columns(pl.col(name) + shift for name in ("ts", "session_id", "ts_open") if name in future.columns)
    return pl.concat([future, later])


FRAME_FUTURES: Mapping[str, Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]] = {
    "noise": lambda future, rng: _numbers(future, lambda x: x * pl.Series(np.exp(0.1 * rng.standard_normal(len(future))))),
    "tenfold": lambda future, rng: _numbers(future, lambda x: x * 10.0),
    "unknown": lambda future, rng: _numbers(future, lambda x: x * float("nan")),
    "reversed": lambda future, rng: _numbers(future, lambda x: x.reverse()),
    "deleted": lambda future, rng: future.clear(),
    "duplicated": lambda future, rng: future[np.repeat(np.arange(len(future)), 2).tolist()],
    "appended": lambda future, rng: _appended(future),
    "rolled": lambda future, rng: _numbers(future, lambda x: x * 1.01).with_columns(pl.col("segment_id") + 1),
}


def _cuts(frame: pl.DataFrame) -> Iterator[int]:
    """Rows that begin a new stamp, at three places."""
    ts = frame["ts"].to_numpy()
    for share in (0.35, 0.6, 0.9):
        cut = int(len(ts) * share)
        while cut < len(ts) - 1 and ts[cut] == ts[cut - 1]:
            cut += 1
        yield cut


def _until(table: FeatureTable, ts: int) -> tuple[bytes, ...]:
    """The bits of every row at or before `ts`."""
    rows = table.ts <= ts
    return tuple(getattr(table, name)[rows].tobytes() for name in ("ts", "session", "segment", "price", "values"))


def looks_back_only(features: FeatureSet, frame: pl.DataFrame, rng: np.random.Generator) -> None:
    """Nothing at or before t changes, to the bit, whatever happens to the events after t."""
    known = features.compute(frame, step=1)
    for cut in _cuts(frame):
        now = int(frame["ts"][cut - 1])
        for name, perturb in FRAME_FUTURES.items():
            again = features.compute(pl.concat([frame[:cut], perturb(frame[cut:], rng)]), step=1)
            if _until(again, now) != _until(known, now):
                raise LawBroken(f"{features.name} changes at or before t when the future is {name}", row=cut)


def _streamed(features: FeatureSet, frame: pl.DataFrame, restarts: frozenset[int]) -> list[tuple[int, int, int, float, list[float]]]:
    """Rows as a live engine gives them, one event at a time; it is saved, dropped and restored before each row in `restarts`."""
    engine = features.stream()
    context = [frame[name].cast(pl.Int64).to_list() for name in ("ts", "session_id", "segment_id")]
    inputs = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_list() for name in features.columns]
    rows = []
    for i, (ts, session, segment) in enumerate(zip(*context, strict=True)):
        if i in restarts:
            state = engine.save()
            engine = features.stream()
            engine.restore(state)
        rows += engine.push(ts, session, segment, [column[i] for column in inputs])
    return rows + engine.advance(int(frame["ts"][-1]))


def _compare(features: FeatureSet, frame: pl.DataFrame, restarts: frozenset[int], what: str) -> None:
    table, rows = features.compute(frame, step=1), _streamed(features, frame, restarts)
    if [row[0] for row in rows] != table.ts.tolist():
        raise LawBroken(f"{features.name}: batch has {len(table)} rows, {what} {len(rows)}, or their stamps differ")
    live = np.array([row[4] for row in rows], np.float64).reshape(table.values.shape)
    price = np.array([row[3] for row in rows], np.float64)
    if price.tobytes() != table.price.tobytes() or live.tobytes() != table.values.tobytes():
        differs = (live.view(np.int64) != table.values.view(np.int64)).any(axis=0)
        names = [name for name, bad in zip(features.names, differs, strict=True) if bad] or ["price"]
        raise LawBroken(f"{features.name}: batch and {what} differ", field=", ".join(names))


def batch_is_stream(features: FeatureSet, frame: pl.DataFrame, rng: np.random.Generator) -> None:
    """History in blocks and the same events one by one give the same bits."""
    _compare(features, frame, frozenset(), "stream")


def restart_changes_nothing(features: FeatureSet, frame: pl.DataFrame, rng: np.random.Generator) -> None:
    """A live engine that is saved and restored anywhere gives the same bits as one that never stopped."""
    places = frozenset(rng.integers(1, len(frame), 5).tolist()) | {1, len(frame) - 1}
    _compare(features, frame, places, "restarted stream")


def warmup_is_as_declared(features: FeatureSet, frame: pl.DataFrame, rng: np.random.Generator) -> None:
    """In one gapless session of one contract each feature is NaN exactly as long as declared. `frame` must be such a series."""
    table = features.compute(frame, step=1)
    for name, declared in features.warmup.items():
        finite = np.isfinite(table.column(name))
        observed = int(np.argmax(finite)) if finite.any() else len(table)
        if observed != declared:
            raise LawBroken(f"{features.name}: {declared} warm-up rows are declared, {observed} observed", field=name)
