"""The events that a command reads: a file of the user's, or what an experiment's data section names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from tickcast.cli.terminal import Terminal
from tickcast.clock import DAY
from tickcast.config import Experiment
from tickcast.errors import ConfigError, DataError, SourceError
from tickcast.schema import nanoseconds

__all__ = ["events_of", "moment", "read_events"]

_NANOSECONDS = "give ts as whole UTC nanoseconds, or as a time with its zone"


def read_events(path: Path) -> pl.DataFrame:
    """Events in a CSV or Parquet file whose columns are called as in the schema; ts as int64 UTC ns or as a time with a zone.

    Raises SourceError naming the file and the field.
    """
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=10_000)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"cannot be read: {str(error).splitlines()[0]}", file=path, hint="give a CSV or Parquet file") from None
    if "ts" not in frame.columns:
        raise SourceError("no such column", file=path, field="ts", hint=f"there are {', '.join(frame.columns)}; {_NANOSECONDS}")
    try:
        frame = frame.with_columns(nanoseconds(_zoned(frame["ts"])))
    except DataError as error:
        raise SourceError(error.message, file=path, field="ts", hint=_NANOSECONDS) from None
    if frame["ts"].null_count():
        row = int(frame["ts"].is_null().arg_max() or 0) + 1
        raise SourceError("no stamp", file=path, row=row, field="ts", hint=_NANOSECONDS)
    return frame


def _zoned(column: pl.Series) -> pl.Series:
    """Text that names a zone in every row as times; a time that cannot be read as none. Anything else as it is."""
    if column.dtype != pl.String or not column.drop_nulls().str.contains(r"(Z|[+-]\d\d:?\d\d)$").all():
        return column
    return column.str.to_datetime(time_unit="ns", time_zone="UTC", strict=False)


def moment(text: str, field: str = "until") -> int:
    """UTC ns of a day (its last nanosecond), an ISO time (UTC where it names no zone) or whole nanoseconds. Raises ConfigError."""
    try:
        if text.lstrip("-").isdigit() and len(text.lstrip("-")) > 8:
            return int(text)
        if len(text) == len("2022-12-31"):
            return (dt.date.fromisoformat(text).toordinal() - dt.date(1970, 1, 1).toordinal() + 1) * DAY - 1
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no moment", field=field, hint="write 2022-12-31, 2022-12-31T21:00Z or UTC nanoseconds") from None
    at = at.replace(tzinfo=at.tzinfo or dt.UTC)
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) * 1000


def events_of(data: Path | None, config: Path | None, changes: Sequence[str], store: str, terminal: Terminal) -> pl.DataFrame:
    """The events in `data`, or those of the experiment `config`, read once into the store. Raises ConfigError unless one is given."""
    if (data is None) == (config is None):
        found = "no events are named" if data is None else "--data and --config exclude each other"
        raise ConfigError(found, hint="give --data FILE or --config CONFIG")
    if data is not None:
        return read_events(data)
    experiment = Experiment.load(config or Path(), changes)
    from tickcast.lifecycle.ingest import ingest
    from tickcast.lifecycle.market import market
    from tickcast.lifecycle.progress import Progress
    from tickcast.lifecycle.receipts import receipts_of
    from tickcast.store import Store

    with terminal.progress() as listener, Store.open(store) as kept:
        arrived = ingest(experiment.data, kept, receipts_of(store), Progress(listener))
        return market(experiment, kept, arrived).rows
