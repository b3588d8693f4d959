"""Materialise: a registered set's rows for stored days, day by day, each going on from the state of the day before.

A day's rows are named by a chain of hashes: the release, the set, the symbol, and the content of every day up to it. So a day that was
made is never made again, a process killed between two commits loses nothing, and a changed day leads to new rows from that day on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tickcast import __version__, _engine
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet, FeatureTable, Registered
from tickcast.features.anatomy import inputs_of, stream_of
from tickcast.lifecycle.input_days import InputDay
from tickcast.store import DerivedDay, Store

__all__ = ["Materialised", "feature_rows", "materialise"]

_CONTEXT = ("row.ts", "row.session", "row.segment", "row.price")  # no feature can be called so


@dataclass(frozen=True)
class Materialised:
    """What a materialisation left.

    Parameters
    ----------
    days: days that are there now, `made` of them by this call.
    rows: rows in all of them.
    """

    days: int
    made: int
    rows: int


def materialise(
    entry: Registered,
    symbol: str,
    days: Sequence[InputDay],
    store: Store,
    *,
    clock: Callable[[], int],
    progress: Callable[[str, float], None] | None = None,
) -> Materialised:
    """Commit the rows of every day that is not there yet; run it again after an interruption or when days have come or changed.

    The rows of all days, one after the other, are to the bit those of one pass over all of them.

    Parameters
    ----------
    entry: a registered set; its tables must have been learned.
    days: of the symbol, in time order and from its first one, see `input_days`.
    clock: UTC ns for the manifests.

    Raises FeatureError for a set with tables not yet learned and for rows the engine refuses, StoreError when the disk does.
    """
    if entry.features.needs_fit:
        raise FeatureError(f"{entry.key} has tables that were not learned", hint="fit the set, then register what fit gave")
    known = {(day.trading_day, day.inputs): day for day in store.derived.days(entry.key, symbol)}
    made = rows = 0
    engine: _engine.Engine | None = None
    before: DerivedDay | None = None
    for at, (day, inputs, until) in enumerate(_chain(entry, symbol, days)):
        if progress is not None:
            progress(f"{symbol} {_date(day)}", at / len(days))
        there = known.get((day.day, inputs))
        if there is None or not store.derived.holds(there):
            if engine is None:
                engine = entry.features.stream()
                if before is not None:
                    engine.restore(store.derived.state(before))
            events = _numbers(entry.features, day.rows())
            some = len(events[stream_of(entry.features)])
            table = entry.features.compute(events, engine=engine, until=until if some else None)
            source = json.dumps({"tickcast": __version__, "step": table.step, "contents": list(day.contents)})
            there = store.derived.write((entry.key, symbol, day.day, inputs), _frame(table), engine.save(), made=clock(), source=source)
            made += 1
        else:
            engine = None  # its state lies behind this day
        before, rows = there, rows + there.rows
    if progress is not None:
        progress(symbol, 1.0)
    return Materialised(len(days), made, rows)


def feature_rows(entry: Registered, symbol: str, days: Sequence[InputDay], store: Store) -> FeatureTable:
    """The rows made of exactly these days (all from the first one on). Raises FeatureError naming the first day that is not there."""
    known = {(day.trading_day, day.inputs): day for day in store.derived.days(entry.key, symbol)}
    frames, step = [], 1
    for day, inputs, _ in _chain(entry, symbol, days):
        there = known.get((day.day, inputs))
        if there is None:
            found = f"{entry.key} was not materialised for {symbol} on {_date(day)} as the data is now"
            raise FeatureError(found, hint=f"tickcast features materialise {entry.key} --config CONFIG")
        frames.append(store.derived.read(there))
        step = int(json.loads(there.source)["step"])
    names = entry.features.names
    if not frames:
        raise FeatureError(f"there are no days of {symbol}", hint="check the symbol against `tickcast data list`")
    whole = pl.concat(frames)
    values = np.ascontiguousarray(whole.select(names).to_numpy()).reshape(len(whole), len(names))
    ts, session, segment, price = (whole[name].to_numpy() for name in _CONTEXT)
    return FeatureTable(names, ts, session, segment, price, values, step)


def _chain(entry: Registered, symbol: str, days: Sequence[InputDay]) -> Iterator[tuple[InputDay, str, int]]:
    """Each day with the hash of all it is made of, and the time (UTC ns) up to which its events answer rows."""
    state = entry.features.stream().save()[:16]  # version of the engine's state and fingerprint of the graph
    last = hashlib.sha256(b"\0".join([state, __version__.encode(), entry.features.document.encode(), symbol.encode()])).hexdigest()
    for day, after in zip(days, [*days[1:], None], strict=False):
        # where the next day begins at this day's last stamp, a row of that stamp is not complete before the next day
        shared = after is not None and after.first_ts == day.last_ts
        last = hashlib.sha256(f"{last} {day.day} {day.digest} {shared}".encode()).hexdigest()
        yield day, last, day.last_ts - shared


def _numbers(features: FeatureSet, events: pl.DataFrame | Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Rows by stream, what is null in a column that is read as NaN: one pass does not mind a column that is null for a day."""
    frames = {stream_of(features): events} if isinstance(events, pl.DataFrame) else events
    columns = inputs_of(features)

    def read(stream: str, frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(
            pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in columns[stream] if name in frame.columns
        )

    return {stream: read(stream, frames[stream]) for stream in columns if stream in frames}


def _frame(table: FeatureTable) -> pl.DataFrame:
    context = dict(zip(_CONTEXT, (table.ts, table.session, table.segment, table.price), strict=True))
    return pl.DataFrame(context | {name: table.values[:, i] for i, name in enumerate(table.names)})


def _date(day: InputDay) -> str:
    return str(np.datetime64(day.day, "D"))
