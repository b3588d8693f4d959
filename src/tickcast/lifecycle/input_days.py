"""Input days: the rows of one symbol cut by trading day, each named by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from tickcast.clock import DAY
from tickcast.config import Experiment
from tickcast.errors import DataError
from tickcast.features import FeatureSet
from tickcast.features.anatomy import stream_of
from tickcast.lifecycle.market import market
from tickcast.lifecycle.own_rows import Span, within
from tickcast.lifecycle.receipts import Ingested
from tickcast.schema import TABLES
from tickcast.store import Store

__all__ = ["InputDay", "experiment_days", "series_days", "side_rows", "stored_days", "with_sides"]


@dataclass(frozen=True)
class InputDay:
    """One day of a symbol's rows.

    Parameters
    ----------
    day: trading day, days since 1970-01-01.
    digest: equal for equal rows.
    first_ts, last_ts: UTC ns.
    rows: reads them, in time order: the rows of the main stream, or a mapping of stream to rows.
    contents: the stored days they were read from, by the names that `Store.coverage` gives; nothing where that is not known.
    """

    day: int
    digest: str
    first_ts: int
    last_ts: int
    rows: Callable[[], pl.DataFrame | Mapping[str, pl.DataFrame]]
    contents: tuple[str, ...] = ()


def experiment_days(experiment: Experiment, store: Store, arrived: Ingested, features: FeatureSet) -> tuple[InputDay, ...]:
    """The days of an experiment's series, of the rows its own inputs gave, as stored or after its rolls and bars, with the other streams.

    Raises DataError when there is none.
    """
    data = experiment.data
    if experiment.rolls is not None or experiment.bars is not None:
        days = series_days(market(experiment, store, arrived).rows, features.columns)
    else:
        days = _own_days(store, data.table, [span for span in arrived.spans if span.symbol == data.symbol], arrived.version)
    return with_sides(days, features, store, data.symbol, as_of=arrived.version)


def with_sides(
    days: Sequence[InputDay], features: FeatureSet, store: Store, symbol: str, *, as_of: int | str | None = None
) -> tuple[InputDay, ...]:
    """The days with the stored rows of the set's other streams: those after the day before and up to the day's last row.

    A stream that names no symbol is `symbol`'s. Raises DataError for a stream of which the store holds nothing.
    """
    sides = _sides(features, symbol)
    if not sides:
        return tuple(days)
    kept = {name: store.coverage(table, whose, as_of=as_of) for name, (table, whose) in sides.items()}
    for name, (table, whose) in sides.items():
        if not len(kept[name]):
            found = f"the store holds no {table} of {whose}"
            raise DataError(found, field=name, hint="ingest them, or name the stream's symbol in the set")

    def read(day: InputDay, files: Mapping[str, Sequence[str]], after: int) -> Mapping[str, pl.DataFrame]:
        beside = {name: _between(store, sides[name][0], files[name], after, day.last_ts) for name in sides}
        held = day.rows()
        return beside | {stream_of(features): held} if isinstance(held, pl.DataFrame) else {**beside, **held}

    out, after = [], -(2**63)
    for day in days:
        meets = (pl.col("first_ts") <= day.last_ts) & (pl.col("last_ts") > after)
        files = {name: manifest.filter(meets).sort("first_ts", "last_ts")["content"].to_list() for name, manifest in kept.items()}
        named = hashlib.sha256(json.dumps([day.digest, files], sort_keys=True).encode()).hexdigest()
        out.append(replace(day, digest=named, rows=partial(read, day, files, after)))
        after = day.last_ts
    return tuple(out)


def side_rows(features: FeatureSet, store: Store, symbol: str, *, as_of: int | str | None = None) -> Mapping[str, pl.DataFrame]:
    """All stored rows of the set's other streams."""
    return {name: store.scan(table, [whose], as_of=as_of) for name, (table, whose) in _sides(features, symbol).items()}


def _sides(features: FeatureSet, symbol: str) -> dict[str, tuple[str, str]]:
    """Table and symbol of every stream but the main one."""
    found = features.graph().get("sides", ())
    return {side["name"]: (str(side["source"]["table"]), str(side["source"]["symbol"] or symbol)) for side in found}


def _between(store: Store, table: str, files: Sequence[str], after: int, until: int) -> pl.DataFrame:
    """Stored rows with after < ts <= until."""
    shape = {column.name: column.dtype for column in TABLES[table].columns}
    frames = [pl.DataFrame(schema=shape), *(store.day(file).filter((pl.col("ts") > after) & (pl.col("ts") <= until)) for file in files)]
    return pl.concat(frames, how="diagonal").sort("ts", maintain_order=True)


def stored_days(
    store: Store, table: str, symbol: str, *, interval: int | None = None, as_of: int | str | None = None
) -> tuple[InputDay, ...]:
    """The stored days of a symbol as known at `as_of`; of bars those of one interval (ns). Nothing is read before `rows` is called.

    Raises DataError when there is none.
    """
    kept = store.coverage(table, symbol, as_of=as_of).sort("first_ts", "last_ts")
    if not len(kept):
        raise DataError(f"the store holds no {table} of {symbol}", hint="check the symbol against `tickcast data list`")

    def read(content: str) -> pl.DataFrame:
        rows = store.day(content)
        return rows if interval is None else rows.filter(pl.col("interval") == interval)

    named = kept.select("trading_day", "content", "first_ts", "last_ts").iter_rows()
    return tuple(
        InputDay(day, f"{content} {interval}", first, last, partial(read, content), (content,)) for day, content, first, last in named
    )


def _own_days(store: Store, table: str, spans: Sequence[Span], version: str) -> tuple[InputDay, ...]:
    """The stored days of a symbol that these spans lie in, each with the rows inside its span."""
    if not spans:
        raise DataError(f"the inputs gave no {table} of this symbol", hint="check data.symbol against `tickcast data list`")
    contents = dict(store.coverage(table, spans[0].symbol, as_of=version).select("trading_day", "content").iter_rows())

    def read(span: Span) -> pl.DataFrame:
        return within(store.day(contents[span.day]), span, table)

    def name(span: Span) -> str:
        return f"{contents[span.day]} {span.interval} {span.first_ts} {span.last_ts}"

    ordered = sorted(spans, key=lambda span: span.first_ts)
    return tuple(
        InputDay(span.day, name(span), span.first_ts, span.last_ts, partial(read, span), (contents[span.day],)) for span in ordered
    )


def series_days(rows: pl.DataFrame, columns: Sequence[str]) -> tuple[InputDay, ...]:
    """The days of rows in memory, as after rolls or bar building; a day is named by these columns and its context.

    `trading_day` parts the rows where they have it, else their UTC day (a bar's by its start). Raises DataError when days overlap in time.
    """
    named = ["ts", *(name for name in ("session_id", "segment_id", *columns) if name in rows.columns)]
    utc = (pl.col("ts_open" if "ts_open" in rows.columns else "ts") // DAY).cast(pl.Int64)
    day = pl.coalesce(pl.col("trading_day").cast(pl.Int64), utc) if "trading_day" in rows.columns else utc
    days: list[InputDay] = []
    for part in rows.with_columns(day.alias("__day")).partition_by("__day", maintain_order=True):
        held = part.drop("__day")
        first, last = int(part["ts"][0]), int(part["ts"][-1])
        if days and (days[-1].day >= part["__day"][0] or days[-1].last_ts > first):
            raise DataError(f"trading days {days[-1].day} and {part['__day'][0]} overlap in time", field="trading_day")
        days.append(InputDay(int(part["__day"][0]), _digest(part.select(named)), first, last, partial(pl.DataFrame.clone, held)))
    return tuple(days)


def _digest(rows: pl.DataFrame) -> str:
    """SHA-256 of names, types, values and what is null."""
    digest = hashlib.sha256()
    for column in rows.iter_columns():
        values = column.to_physical()
        absent = values.is_null()
        content = values.fill_null("" if values.dtype == pl.String else 0)
        digest.update(f"{column.name} {column.dtype} {len(column)}".encode())
        digest.update(absent.to_numpy().tobytes())
        digest.update("\0".join(content).encode() if values.dtype == pl.String else content.to_numpy().tobytes())
    return digest.hexdigest()
