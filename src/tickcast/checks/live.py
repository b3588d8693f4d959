"""Batch, stream and restarted stream give the same bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from tickcast.checks.differences import Break, differences
from tickcast.checks.events import Events
from tickcast.checks.subject import computed
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet, FeatureTable

__all__ = ["restart_breaks", "stream_breaks"]

_Row = tuple[int, int, int, float, list[float]]


_Event = tuple[int, int, int, list[float], int]


def _events(features: FeatureSet, events: Events) -> list[_Event]:
    """(ts, session, segment, values, stream) of all streams as they come: by stamp, at equal ones the sides first, in their order."""
    graph = features.graph()
    frames: Mapping[str, pl.DataFrame] = {graph["stream"]: events} if isinstance(events, pl.DataFrame) else events
    found = [(len(graph["sides"]), 0, frames[graph["stream"]], graph["inputs"])]
    for i, side in enumerate(graph["sides"]):
        name, source = side["name"], side["source"]
        frame = frames[name] if name in frames else frames[source["table"]]
        key = next((key for key in ("name", "symbol", "underlying") if key in frame.columns), None)
        if source["symbol"] is not None and key is not None:
            frame = frame.filter(pl.col(key) == source["symbol"])
        found.append((i, i + 1, frame, side["inputs"]))
    merged: list[tuple[int, int, _Event]] = []
    for rank, stream, frame, inputs in found:
        context = [frame[name].to_list() if name in frame.columns else [0] * len(frame) for name in ("ts", "session_id", "segment_id")]
        columns = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_list() for name in inputs]
        values = list(zip(*columns, strict=True)) if columns else [()] * len(frame)
        merged += [(ts, rank, (ts, day, part, list(x), stream)) for ts, day, part, x in zip(*context, values, strict=True)]
    return [event for _, _, event in sorted(merged, key=lambda each: each[:2])]


def _streamed(features: FeatureSet, events: list[_Event], restarts: frozenset[int]) -> list[_Row]:
    """Rows as a live engine gives them, one event at a time; it is saved, dropped and restored before each event in `restarts`."""
    engine = features.stream()
    rows: list[_Row] = []
    for i, event in enumerate(events):
        if i in restarts:
            state = engine.save()
            engine = features.stream()
            engine.restore(state)
        rows += engine.push(*event)
    return rows + engine.advance(events[-1][0])


def _compared(features: FeatureSet, events: Events, places: list[float], law: str, what: str) -> Iterator[Break]:
    table, merged = computed(features, events), _events(features, events)
    restarts = frozenset(1 + int(place * (len(merged) - 2)) for place in places)
    rows = _streamed(features, merged, restarts)
    ts, session, segment = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    price, values = np.array([row[3] for row in rows], np.float64), np.array([row[4] for row in rows], np.float64)
    try:
        live = FeatureTable(table.names, ts, session, segment, price, values.reshape(len(rows), len(table.names)), table.step)
    except FeatureError:  # stamps of a stream that run backwards
        live = FeatureTable(table.names, ts[:0], session[:0], segment[:0], price[:0], np.empty((0, len(table.names))), table.step)
    yield from differences(law, what, 0, table, live, slice(0, max(len(table), len(live))))


def stream_breaks(features: FeatureSet, events: Events) -> Iterator[Break]:
    """History in blocks and the same events one by one."""
    return _compared(features, events, [], "batch is stream", "the events come one by one")


def restart_breaks(features: FeatureSet, events: Events, rng: np.random.Generator) -> Iterator[Break]:
    """The events one by one, the engine saved and restored at seven places, after the first row and before the last."""
    return _compared(features, events, [0.0, *rng.random(5).tolist(), 1.0], "restart changes nothing", "the stream is restarted")
