"""A fresh start: after the warm-up it must not matter what came before the first event."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.checks.differences import Break, unlike
from tickcast.checks.events import Events, each, main
from tickcast.checks.regularity import unmeasured_warmups
from tickcast.checks.subject import computed
from tickcast.features import FeatureSet, FeatureTable
from tickcast.features.reading import in_order, memory_of, near

__all__ = ["BOUND", "Memory", "fresh_start_breaks", "memories"]

BOUND = 1e-9
"""How far a recursive operator may be from a fresh start, as a share of the feature's range, once it has forgotten."""
_LIVES = 30.0  # e-folding times after which a recursive operator has forgotten: e**-30 = 1e-13
_STARTS = (0.12, 0.3, 0.45)


@dataclass(frozen=True)
class Memory:
    """How a feature forgets: `kind` "window" (after its warm-up), "recursive" (within `BOUND` after `rows` and `time` ns more)
    or "anchored" (from an event on, however long ago that was: a session's open, a trade that filled a bucket)."""

    kind: str
    rows: int = 0
    time: int = 0


def memories(features: FeatureSet) -> Mapping[str, Memory]:
    """The memory of each feature, read off its graph."""
    graph = features.graph()
    found: dict[int, Memory] = {}
    for i in in_order(graph, (feature["node"] for feature in graph["features"])):
        args = [found[each] for each in near(graph, i)] + [_own(graph["nodes"][i])]
        kinds = {one.kind for one in args}
        kind = "anchored" if "anchored" in kinds else "recursive" if "recursive" in kinds else "window"
        before = args[:-1]
        rows, time = max((one.rows for one in before), default=0), max((one.time for one in before), default=0)
        found[i] = Memory(kind, rows + args[-1].rows, time + args[-1].time)
    # where bars or other streams are read, the data say how long it takes to know a feature
    return {f["name"]: Memory("anchored") if f.get("depends") else found[f["node"]] for f in graph["features"]}


def _own(node: Mapping[str, Any]) -> Memory:
    """What one operator adds to the memory of its arguments."""
    kind = memory_of(node["op"])
    if kind != "recursive":
        return Memory(kind)
    if "span" in node:
        return Memory(kind, time=math.ceil(_LIVES * node["span"] / math.log(2)))
    alpha = node["value"] if "value" in node else 1 / node["steps"]  # Wilder's average says its rows, not its weight
    return Memory(kind, rows=math.ceil(_LIVES / -math.log1p(-alpha)) if alpha < 1 else 1)


def _since(start: int, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("ts") >= start)


def fresh_start_breaks(features: FeatureSet, events: Events) -> Iterator[Break]:
    """Every feature that a fresh start, in the midst of the events, does not bring to the same values.

    Windowed features: the same bits once the declared warm-up is over. Recursive ones: within `BOUND` of the
    feature's range after 30 e-folding times. Anchored ones are not bound: nothing says how far back their anchor lies. A warm-up in rows
    counts as that much time too, which matters where rows come faster than the step.
    """
    known, declared, kinds = computed(features, events), features.warmup, memories(features)
    graph = features.graph()
    step, unmeasured = int(graph["step"] or 0), unmeasured_warmups(features, events)
    ts = main(events)["ts"].to_numpy()
    for share in _STARTS:
        first = int(np.searchsorted(ts, ts[int(share * len(ts))]))  # rows of one stamp stay together
        start = int(ts[first])
        again = computed(features, each(events, partial(_since, start)))
        skipped = len(known) - len(again)
        if skipped < 0 or not np.array_equal(known.ts[skipped:], again.ts):
            continue  # the grid's rows begin elsewhere: nothing to lay side by side
        for i, name in enumerate(known.names):
            memory = kinds[name]
            wait = declared[name] + memory.rows
            # rows that come when they like: the time begins after the rows, in whatever order the feature waits for them
            begins = int(again.ts[min(wait, len(again) - 1)]) if name in unmeasured and len(again) else start
            settled = (np.arange(len(again)) >= wait) & (again.ts >= begins + step * wait + memory.time)
            yield from _apart(name, memory, known, again, i, settled, first)


def _apart(
    name: str, memory: Memory, known: FeatureTable, again: FeatureTable, column: int, settled: NDArray[np.bool_], first: int
) -> Iterator[Break]:
    old, new = known.values[len(known) - len(again) :, column], again.values[:, column]
    if memory.kind == "anchored":
        return
    finite = old[np.isfinite(old)]
    bad = settled & unlike(old, new)  # a window gives the same bits
    if memory.kind == "recursive":  # it skips what is NaN, so a start among such rows waits longer than was declared
        reach = BOUND * (float(finite.max() - finite.min()) if len(finite) else 0.0)
        bad &= np.isfinite(old) & ~(np.abs(old - new) <= reach)
    if bad.any():
        at = int(np.argmax(bad))
        was, became = (float(value[at]) if np.isfinite(value[at]) else None for value in (old, new))
        row = len(known) - len(again) + at + 1
        yield Break("a fresh start agrees", name, "history begins", first, row, int(again.ts[at]), was, became)
