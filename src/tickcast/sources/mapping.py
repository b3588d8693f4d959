"""A declared mapping: which column of a file or a query is which column of `schema`, and how it tells time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import polars as pl

from tickcast.cleaning import Cleaned, clean
from tickcast.clock import parse_duration
from tickcast.errors import ConfigError, DataError, SourceError
from tickcast.schema import CONTRACTS, SIGNALS, TABLES, Table
from tickcast.sources.end_of_day import EndOfDay
from tickcast.sources.layout import Layout
from tickcast.sources.stamps import Stamps

__all__ = ["DeclaredColumns"]


@dataclass(frozen=True)
class DeclaredColumns:
    """Columns of somebody else's table as columns of ours.

    Parameters
    ----------
    table: of `schema`.
    columns: schema column → column of the other table.
    symbol: the symbol of all rows where no column gives one.
    stamps, layout: how time is told, and what is not told at all.
    interval, bar_stamp: bars only; their length (ns) and whether they are stamped with their open or their close.
    end_of_day: the reader of tables that tell dates, None for others.

    Raises ConfigError naming a column that the schema lacks, a missing `ts`, or bars without interval and stamp.
    """

    table: Table
    columns: Mapping[str, str]
    symbol: str | None
    stamps: Stamps
    layout: Layout
    interval: int = 0
    bar_stamp: Literal["open", "close"] | None = None
    end_of_day: EndOfDay | None = None

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in self.table.names:
                near = get_close_matches(name, self.table.names, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"its columns: {', '.join(self.table.names)}"
                raise ConfigError(f"table {self.table.name} has no column {name!r}", field="columns", hint=hint)
        if "ts" not in self.columns and not ("ts_event" in self.columns and self.layout.wait):
            hint = "map ts to the column that tells the time"
            if self.table is SIGNALS:
                hint = "map ts to the moment of publication, or map ts_event and declare layout delay"
            raise ConfigError("no column is mapped to ts", field="columns", hint=hint)
        if self.table.name == "bars" and (not self.interval or self.bar_stamp not in ("open", "close")):
            hint = "declare interval: 1m and bar_stamp: open or close"
            raise ConfigError("bars need their interval and their stamp", field="bar_stamp", hint=hint)

    @property
    def time(self) -> str:
        """The column of the other table that tells the time: mapped to `ts`, or where only events are told to `ts_event`."""
        return self.columns.get("ts") or self.columns["ts_event"]

    @classmethod
    def declared(
        cls,
        table: str,
        columns: Mapping[str, str],
        symbol: str | None,
        stamps: Stamps,
        *,
        layout: Mapping[str, Any] | None,
        interval: str | None,
        bar_stamp: Literal["open", "close"] | None,
    ) -> DeclaredColumns:
        """The mapping that the words of a configuration declare, see `MappedTable`. Raises ConfigError."""
        if table not in TABLES:
            raise ConfigError(f"no table {table!r}", field="table", hint=f"choose one of {', '.join(TABLES)}")
        told = Layout.from_dict(layout)
        length = parse_duration(interval) if interval else 0
        return cls(TABLES[table], dict(columns), symbol, stamps, told, length, bar_stamp, told.end_of_day(stamps.format))

    def contracts(self, chunks: Iterator[Cleaned]) -> pl.DataFrame:
        """The rows themselves where they are mapped to table `contracts`, by symbol and ts; otherwise nothing is known."""
        if self.table is not CONTRACTS:
            return CONTRACTS.empty()
        told = pl.concat([CONTRACTS.empty(), *(chunk.frame for chunk in chunks)], how="diagonal").sort("symbol", "ts", maintain_order=True)
        return told.unique(["symbol", "ts"], keep="last", maintain_order=True)

    def cleaned(self, raw: pl.DataFrame, path: Path, *, first: int = 1) -> Cleaned:
        """The rows of `raw` in the schema, cleaned. `path` names where they come from in errors and provenance, `first` numbers the first.

        Raises SourceError naming a column that is absent, or when most rows say that the mapping is wrong.
        """
        for name, column in self.columns.items():
            if column not in raw.columns:
                near = get_close_matches(column, raw.columns, 1, 0.4)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(raw.columns[:12])}"
                raise SourceError(f"no such column, mapped to {name}", file=path, field=column, hint=hint)
            if f"{column}_duplicated_0" in raw.columns:
                raise SourceError("stands twice among the columns", file=path, field=column, hint="rename or remove one of the two")
        frame = self._mapped(raw, path).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64) + first)
        if self.table is SIGNALS:  # a file may list them by what they tell of; they were known in the order of publication
            order = ["ts", *(["ts_event"] if "ts_event" in frame.columns else [])]
            frame = frame.sort(order, maintain_order=True)
        try:
            cleaned = clean(frame, self.table, reasons=[pl.col("trouble"), *_publication_rules(frame, self)], origin=path.name)
        except pl.exceptions.PolarsError as error:
            raise SourceError(f"cannot be read: {str(error).splitlines()[0]}", file=path, hint="map every required column") from error
        except DataError as error:
            raise SourceError(error.message, file=path, field=None, hint="map or declare every required column") from error
        self._refuse_wrong_stamps(cleaned, len(frame), path)
        return cleaned

    def _mapped(self, raw: pl.DataFrame, path: Path) -> pl.DataFrame:
        times = self._times(raw, path)
        rest = {name: column for name, column in self.columns.items() if name not in times.columns}
        values = [self._value(name, column, raw) for name, column in rest.items()]
        since = [pl.col(name) + self.layout.midnight(path, self.stamps.zone) for name in ("ts", "ts_event") if name in times.columns]
        frame = pl.concat([self.layout.divided(raw.select(values), rest), times.with_columns(since)], how="horizontal")
        frame = self.layout.carried(frame)
        key = self.table.identity[0]
        if self.symbol is not None and key not in frame.columns:
            frame = frame.with_columns(pl.lit(self.symbol).alias(key))
        if self.table.name == "bars":
            other = pl.col("ts") + (self.interval if self.bar_stamp == "open" else -self.interval)
            opened, closed = (pl.col("ts"), other) if self.bar_stamp == "open" else (other, pl.col("ts"))
            frame = frame.with_columns(opened.alias("ts_open"), closed.alias("ts"), pl.lit(self.interval, dtype=pl.Int64).alias("interval"))
        return frame

    def _refuse_wrong_stamps(self, cleaned: Cleaned, rows: int, path: Path) -> None:
        """Most stamps implausible, most rows late or most bars overlapping: the declaration is wrong, not the rows."""
        stray = sum(cleaned.counts.get(reason, 0) for reason in ("ts_implausible", "ts_unreadable", "ts_wrong_unit"))
        if rows and stray > rows // 2:
            hint = "check unit, format and zone of the time column"
            raise SourceError(f"{stray} of {rows} stamps lie outside 1971 to 2100", file=path, field=self.time, hint=hint)
        late = cleaned.counts.get("out_of_order", 0) + cleaned.counts.get("ts_ahead", 0)
        if late > rows // 2:
            hint = "sort the rows by this column, oldest first"
            raise SourceError(f"{late} of {rows} rows are out of order", file=path, field=self.time, hint=hint)
        early = cleaned.counts.get("published_before_event", 0)
        if early > rows // 2:
            hint = "ts is the moment of publication and ts_event when it happened; are they swapped?"
            raise SourceError(f"{early} of {rows} rows are published before they happen", file=path, field=self.time, hint=hint)
        if self.table.name == "bars":
            _refuse_overlap(cleaned.frame, path)

    def _times(self, raw: pl.DataFrame, path: Path) -> pl.DataFrame:
        """`ts`, `trouble`, and where they are told `ts_event` and `expiry`."""
        column = self.time
        reader = self.stamps.nanoseconds if self.end_of_day is None else self.end_of_day.stamps
        times = reader(raw[column], file=path, field=column)
        if self.end_of_day is None and self.layout.wait:
            times = times.with_columns(pl.col("ts") + self.layout.wait)
        if {"ts", "ts_event"} <= set(self.columns):
            event = self.stamps.nanoseconds(raw[self.columns["ts_event"]], file=path, field=self.columns["ts_event"])
            times = times.with_columns(event["ts"].alias("ts_event"))
        elif self.layout.wait and "ts_event" in self.table.names:
            times = times.with_columns((pl.col("ts") - self.layout.wait).alias("ts_event"))
        if "expiry" not in self.columns:
            return times
        column = self.columns["expiry"]
        if self.end_of_day is not None:
            return times.with_columns(self.end_of_day.settlements(raw[column], file=path, field=column).alias("expiry"))
        return times.with_columns(self.stamps.nanoseconds(raw[column], file=path, field=column)["ts"].alias("expiry"))

    def _value(self, name: str, column: str, raw: pl.DataFrame) -> pl.Expr:
        """The file's column in the schema's type; null where it cannot be."""
        value = pl.col(column)
        if name == "right" and raw[column].dtype == pl.String:
            first = value.str.strip_chars().str.to_lowercase().str.head(1)
            value = pl.when(first == "c").then(1).when(first == "p").then(-1)
        return value.cast(self.table.column(name).dtype, strict=False).alias(name)


def _publication_rules(frame: pl.DataFrame, declared: DeclaredColumns) -> list[pl.Expr]:
    """Reasons to set rows of signals aside: published before it happened, or about an earlier event than one already published."""
    if declared.table is not SIGNALS or "ts_event" not in frame.columns:
        return []
    early = pl.when(pl.col("ts") < pl.col("ts_event")).then(pl.lit("published_before_event"))
    newest = pl.when(pl.col("ts") >= pl.col("ts_event")).then(pl.col("ts_event")).cum_max().forward_fill().over("name")
    past = pl.when(pl.col("ts_event") < newest).then(pl.lit("revises_the_past"))
    return [early, past] if declared.layout.revisions == "current" else [early]


def _refuse_overlap(bars: pl.DataFrame, path: Path) -> None:
    """Bars that begin before the one before has closed were declared too long: they would be known later than they were, or earlier."""
    before = bars.select(pl.col("ts_open") < pl.col("ts").shift(1).over("symbol")).to_series()
    overlapping = int(before.sum() or 0)
    if overlapping > len(bars) // 2:
        found = f"{overlapping} of {len(bars)} bars begin before the one before has closed"
        raise SourceError(found, file=path, field="interval", hint="declare the length that the file's bars have")
