"""Laws of a feature set: it looks back only, forgets what it says it forgets, and batch, stream and restarted stream give the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import polars as pl

from tickcast.checks.causality import correction_breaks, future_breaks
from tickcast.checks.differences import Break, differences, refuse
from tickcast.checks.events import Events, each, main, numbers, ready
from tickcast.checks.history import fresh_start_breaks
from tickcast.checks.invariance import calendar_features, week_breaks, whole_weeks
from tickcast.checks.live import restart_breaks, stream_breaks
from tickcast.checks.regularity import unmeasured_warmups
from tickcast.checks.subject import Computes, computed
from tickcast.features import FeatureSet
from tickcast.features.reading import columns_behind

__all__ = [
    "batch_is_stream",
    "corrections_wait",
    "fresh_start_agrees",
    "learning_breaks",
    "learns_from_the_past",
    "looks_back_only",
    "restart_changes_nothing",
    "warmup_breaks",
    "warmup_is_as_declared",
    "weeks_change_nothing",
]


def _arranged(subject: Computes, events: Events) -> Events:
    """The events ready to be cut; the main stream of a feature set comes last."""
    return ready(events, str(subject.graph()["stream"]) if isinstance(subject, FeatureSet) else None)


def _name(subject: Computes) -> str:
    return str(getattr(subject, "name", type(subject).__name__))


def looks_back_only(features: Computes, events: Events, rng: np.random.Generator) -> None:
    """Nothing at or before t changes, to the bit, whatever happens to the events after t: eight futures at 25 cuts."""
    refuse(_name(features), future_breaks(features, _arranged(features, events), rng))


def corrections_wait(features: Computes, events: Events, rng: np.random.Generator) -> None:
    """A correction that comes after t changes nothing at or before t, whenever that which it corrects happened."""
    refuse(_name(features), correction_breaks(features, _arranged(features, events), rng))


def batch_is_stream(features: FeatureSet, events: Events, rng: np.random.Generator) -> None:
    """History in blocks and the same events one by one give the same bits."""
    refuse(features.name, stream_breaks(features, _arranged(features, events)))


def restart_changes_nothing(features: FeatureSet, events: Events, rng: np.random.Generator) -> None:
    """A live engine that is saved and restored anywhere gives the same bits as one that never stopped."""
    refuse(features.name, restart_breaks(features, _arranged(features, events), rng))


def fresh_start_agrees(features: FeatureSet, events: Events, rng: np.random.Generator) -> None:
    """Once its warm-up is over a fresh start gives what the whole history gives: windows to the bit, recursions within a bound."""
    refuse(features.name, fresh_start_breaks(features, _arranged(features, events)))


def weeks_change_nothing(features: FeatureSet, events: Events, rng: np.random.Generator) -> None:
    """All stamps moved by whole weeks, no feature changes that reads no calendar."""
    refuse(features.name, week_breaks(features, _arranged(features, events), calendar_features(features), whole_weeks(features)))


def warmup_is_as_declared(features: FeatureSet, events: Events, rng: np.random.Generator) -> None:
    """In one gapless session of one contract each feature is NaN exactly as long as declared. `events` must be such a series."""
    refuse(features.name, warmup_breaks(features, _arranged(features, events)))


def warmup_breaks(features: FeatureSet, events: Events) -> Iterator[Break]:
    """Every feature whose observed warm-up is not the declared one; one that is late because what it reads was unknown is not late."""
    table, depends = computed(features, events), {one["name"] for one in features.graph()["features"] if one.get("depends")}
    unmeasured = unmeasured_warmups(features, events)
    for name, declared in features.warmup.items():
        if name in depends or name in unmeasured:  # bars, other streams or time between rows: the data say when it is known
            continue
        finite = np.isfinite(table.column(name))
        observed = int(np.argmax(finite)) if finite.any() else len(table)
        late = observed > declared and _unknown(features, events, name, int(table.ts[min(observed, len(table) - 1)]))
        if observed != declared and not late:
            what = f"{declared} warm-up rows are declared and {observed} observed"
            row = min(declared, observed, len(table) - 1)
            was, became = table.column(name)[[row, min(max(declared, observed), len(table) - 1)]].tolist()
            ends = [value if np.isfinite(value) else None for value in (was, became)]
            yield Break("warm-up is as declared", name, what, 0, row + 1, int(table.ts[row]), ends[0], ends[1])


def _unknown(features: FeatureSet, events: Events, name: str, until: int) -> bool:
    """Whether a column of the main stream that the feature reads has no number in some row with ts <= `until`, as a cell nobody quotes."""
    graph = features.graph()
    wanted = next(feature["node"] for feature in graph["features"] if feature["name"] == name)
    columns = {graph["inputs"][column] for stream, column in columns_behind(graph, [wanted]) if stream == 0}
    rows = (events if isinstance(events, pl.DataFrame) else events[graph["stream"]]).filter(pl.col("ts") <= until)
    return any(not rows[column].is_finite().all() for column in columns if column in rows.columns)


def learns_from_the_past(features: FeatureSet, events: Events, rng: np.random.Generator) -> None:
    """What a set learns until t stays what it is when the events after t are others. `features` may be fitted or not."""
    refuse(features.name, learning_breaks(features, _arranged(features, events)))


def learning_breaks(features: FeatureSet, events: Events) -> Iterator[Break]:
    """Every feature that changes when what comes after the moment its set is fitted until (half of the events) is tenfold."""
    graph = features.graph()
    for table in graph["tables"]:
        table["values"] = None
    unfitted, known = type(features).from_graph(graph), cast(Any, events)
    if not unfitted.needs_fit:
        return
    rows = len(main(known)) // 2
    until = int(main(known)["ts"][rows])
    learned, again = unfitted.fit(known, until), unfitted.fit(_otherwise(known, until), until)
    if learned.document != again.document:
        tables = computed(learned, known), computed(again, known)
        what = "what comes after the training rows is tenfold"
        yield from differences("learns from the past", what, rows + 1, *tables, slice(0, max(map(len, tables))))


def _otherwise(events: Events, until: int) -> Any:
    """The same events until then, and ten times as much of everything after it."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            pl.when(pl.col("ts") <= until).then(pl.col(name)).otherwise(pl.col(name) * 10.0) for name in numbers(frame)
        )

    return each(events, change)
