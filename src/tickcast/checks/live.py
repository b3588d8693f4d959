"""Batch, stream and restarted stream give the same bits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tickcast.checks.differences import Break, differences
from tickcast.checks.events import Events, main
from tickcast.checks.subject import computed
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet, FeatureTable

__all__ = ["restart_breaks", "stream_breaks"]

_Row = tuple[int, int, int, float, list[float]]


def _streamed(features: FeatureSet, frame: pl.DataFrame, restarts: frozenset[int]) -> list[_Row]:
    """Rows as a live engine gives them, one event at a time; it is saved, dropped and restored before each row in `restarts`."""
    engine = features.stream()
    context = [frame[name].cast(pl.Int64).to_list() for name in ("ts", "session_id", "segment_id")]
    inputs = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_list() for name in features.columns]
    rows: list[_Row] = []
    for i, (ts, session, segment) in enumerate(zip(*context, strict=True)):
        if i in restarts:
            state = engine.save()
            engine = features.stream()
            engine.restore(state)
        rows += engine.push(ts, session, segment, [column[i] for column in inputs])
    return rows + engine.advance(int(frame["ts"][-1]))


def _compared(features: FeatureSet, events: Events, restarts: frozenset[int], law: str, what: str) -> Iterator[Break]:
    table, rows = computed(features, events), _streamed(features, main(events), restarts)
    ts, session, segment = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    price, values = np.array([row[3] for row in rows], np.float64), np.array([row[4] for row in rows], np.float64)
    try:
        live = FeatureTable(table.names, ts, session, segment, price, values.reshape(len(rows), len(table.names)), table.step)
    except FeatureError:  # stamps of a stream that run backwards
        live = FeatureTable(table.names, ts[:0], session[:0], segment[:0], price[:0], np.empty((0, len(table.names))), table.step)
    yield from differences(law, what, 0, table, live, slice(0, max(len(table), len(live))))


def stream_breaks(features: FeatureSet, events: Events) -> Iterator[Break]:
    """History in blocks and the same events one by one."""
    return _compared(features, events, frozenset(), "batch is stream", "the events come one by one")


def restart_breaks(features: FeatureSet, events: Events, rng: np.random.Generator) -> Iterator[Break]:
    """The events one by one, the engine saved and restored at seven places, after the first row and before the last."""
    n = len(main(events))
    places = frozenset(rng.integers(1, n, 5).tolist()) | {1, n - 1}
    return _compared(features, events, places, "restart changes nothing", "the stream is restarted")
