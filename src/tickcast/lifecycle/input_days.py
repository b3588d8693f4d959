"""Input days: the rows of one symbol cut by trading day, each named by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from tickcast.clock import DAY
from tickcast.config import Experiment
from tickcast.errors import DataError
from tickcast.lifecycle.market import market
from tickcast.store import Store

__all__ = ["InputDay", "experiment_days", "series_days", "stored_days"]


@dataclass(frozen=True)
class InputDay:
    """One day of a symbol's rows.

    Parameters
    ----------
    day: trading day, days since 1970-01-01.
    digest: equal for equal rows.
    first_ts, last_ts: UTC ns.
    rows: reads them, in time order.
    """

    day: int
    digest: str
    first_ts: int
    last_ts: int
    rows: Callable[[], pl.DataFrame]


def experiment_days(experiment: Experiment, store: Store, version: str, columns: Sequence[str]) -> tuple[InputDay, ...]:
    """The days of an experiment's series in dataset `version`: as stored, or after its rolls and bars. `columns` are what is read of them.

    Raises DataError when there is none.
    """
    data = experiment.data
    if experiment.rolls is not None or experiment.bars is not None:
        return series_days(market(experiment, store, version).rows, columns)
    return stored_days(store, data.table, data.symbol, as_of=version)


def stored_days(
    store: Store, table: str, symbol: str, *, interval: int | None = None, as_of: int | str | None = None
) -> tuple[InputDay, ...]:
    """The stored days of a symbol as known at `as_of`; of bars those of one interval (ns). Nothing is read before `rows` is called.

    Raises DataError when there is none.
    """
    kept = store.coverage(table, symbol, as_of=as_of).sort("first_ts", "last_ts")
    if not len(kept):
        raise DataError(f"the store holds no {table} of {symbol}", hint="check the symbol against `tickcast ingest --json`")

    def read(file: str) -> pl.DataFrame:
        rows = store.day(file)
        return rows if interval is None else rows.filter(pl.col("interval") == interval)

    named = kept.select("trading_day", "file", "first_ts", "last_ts").iter_rows()
    return tuple(InputDay(day, f"{file} {interval}", first, last, partial(read, file)) for day, file, first, last in named)


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
