"""CSV and Parquet files read through a declared mapping of columns, with the zone in which they tell time."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tickcast.calendars import calendar as calendar_named
from tickcast.clock import DAY, parse_duration
from tickcast.errors import ConfigError, DataError, SourceError
from tickcast.schema import TABLES
from tickcast.sources.base import FileSource
from tickcast.sources.cleaning import Cleaned, clean
from tickcast.sources.end_of_day import EndOfDay
from tickcast.sources.files import Paths, list_files, read_bytes

__all__ = ["Layout", "MappedTable", "Stamps"]

_UNITS = (("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000))
_FIRST_YEAR = 365 * DAY


@dataclass(frozen=True)
class Stamps:
    """How a file tells time: IANA `zone` of naive times, `unit` of numbers (ns, us, ms, s since 1970), `format` of text (strptime)."""

    zone: str | None = None
    unit: str | None = None
    format: str | None = None

    def __post_init__(self) -> None:
        if self.zone is not None and self.zone not in available_timezones():
            near = get_close_matches(self.zone, sorted(available_timezones()), 1, 0.4)
            raise ConfigError(
                f"{self.zone!r} is no time zone", field="zone", hint=f"did you mean {near[0]}" if near else "use an IANA name"
            )
        if self.unit is not None and self.unit not in dict(_UNITS):
            raise ConfigError(f"{self.unit!r} is no unit of time", field="unit", hint="choose ns, us, ms or s")

    def nanoseconds(self, values: pl.Series, *, file: object, field: str) -> pl.DataFrame:
        """`ts` (UTC ns, null where unreadable) and `trouble` (the reason, or null) of a file's time column."""
        column = pl.col("time")
        if values.dtype == pl.String and self.unit is not None:
            whole = values.cast(pl.Int64, strict=False)
            values = whole if whole.null_count() == values.null_count() else values.cast(pl.Float64, strict=False)
        frame = pl.DataFrame({"time": values})
        if values.dtype.is_numeric():
            if self.unit is None:
                raise SourceError("times are numbers and no unit is declared", file=file, field=field, hint="declare unit: ns, us, ms or s")
            ts = (column.cast(pl.Int64, strict=False) if self.unit == "ns" or values.dtype.is_integer() else column) * dict(_UNITS)[
                self.unit
            ]
            return frame.select(ts.cast(pl.Int64, strict=False).alias("ts"), pl.lit(None, dtype=pl.String).alias("trouble"))
        if values.dtype == pl.String:
            frame = frame.select(self._parse(values, file, field).alias("time"))
        dtype = frame["time"].dtype
        if dtype == pl.Date:
            frame = frame.select(pl.col("time").cast(pl.Datetime("ns")))
        if not isinstance(frame["time"].dtype, pl.Datetime):
            raise SourceError(f"holds {dtype}, not times", file=file, field=field, hint="map ts to the column that tells the time")
        if frame["time"].dtype.time_zone is not None:
            return frame.select(column.dt.epoch("ns").alias("ts"), pl.lit(None, dtype=pl.String).alias("trouble"))
        if self.zone is None:
            raise SourceError(
                "times are naive and no zone is declared", file=file, field=field, hint="declare zone, as America/Chicago or UTC"
            )
        placed = column.dt.replace_time_zone(self.zone, ambiguous="null", non_existent="null")
        early = column.dt.replace_time_zone(self.zone, ambiguous="earliest", non_existent="null")
        trouble = pl.when(column.is_null()).then(pl.lit("ts_unreadable")).when(early.is_null()).then(pl.lit("nonexistent_local_time"))
        return frame.select(
            placed.dt.epoch("ns").alias("ts"), trouble.when(placed.is_null()).then(pl.lit("ambiguous_local_time")).alias("trouble")
        )

    def _parse(self, values: pl.Series, file: object, field: str) -> pl.Series:
        first = next((text for text in values.head(100).to_list() if text), "")
        offset = self.format is None and re.search(r"(Z|[+-]\d\d:?\d\d)$", first) is not None
        try:
            if offset:
                return values.str.to_datetime(time_unit="ns", time_zone="UTC", strict=False)
            return values.str.to_datetime(self.format, time_unit="ns", strict=False)
        except pl.exceptions.PolarsError as error:
            raise SourceError(
                f"cannot read {first!r} as a time", file=file, row=1, field=field, hint="declare format, as %Y-%m-%d %H:%M:%S"
            ) from error


@dataclass(frozen=True)
class Layout:
    """What bare files do not tell of themselves.

    Parameters
    ----------
    header: names of the columns of files whose first row is data.
    day: where the date stands in the file's name, as %Y%m%d; numbers of the time column then count from that day's midnight in the zone.
    divisor: column → what its numbers are divided by, as 10000 for prices in units of 0.0001.
    carry: a book of which each row tells one side only, 0 on the other: the other side stays as it was. Quotes of equities come so.
    calendar, delay: files that tell dates; rows are known `delay` after the close of the date's session, and options settle at the last
        close on or before their date. See `EndOfDay`.
    """

    header: tuple[str, ...] = ()
    day: str | None = None
    divisor: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    carry: bool = False
    calendar: str | None = None
    delay: str | None = None

    @classmethod
    def from_dict(cls, words: Mapping[str, Any] | None) -> Layout:
        """The layout with these words. Raises ConfigError naming one that is not known."""
        known = [one.name for one in fields(cls)]
        for name in words or {}:
            if name not in known:
                raise ConfigError(f"a layout has no {name!r}", field="layout", hint=f"it has {', '.join(known)}")
        told = dict(words or {})
        header, divisor = tuple(told.get("header", ())), told.get("divisor", {})
        made = cls(header, told.get("day"), divisor, bool(told.get("carry", False)), told.get("calendar"), told.get("delay"))
        if any(not isinstance(number, int | float) or number == 0 for number in made.divisor.values()):
            raise ConfigError("a divisor must be a number other than 0", field="layout")
        return made

    def end_of_day(self, format: str | None) -> EndOfDay | None:
        """The reader of files that tell dates, None for others. Raises ConfigError where its calendar or delay is not known."""
        if self.calendar is None:
            return None
        return EndOfDay(calendar_named(self.calendar), 0 if self.delay is None else parse_duration(self.delay), format)

    def midnight(self, path: Path, zone: str | None) -> int:
        """UTC ns of the midnight from which the file's times count, 0 where that is 1970. SourceError where its name has no date."""
        if self.day is None:
            return 0
        pattern = re.sub(r"%[Ymd]", lambda found: r"\d{4}" if found[0] == "%Y" else r"\d\d", re.escape(self.day).replace(r"\%", "%"))
        named = re.search(pattern, path.name)
        try:
            date = datetime.strptime(named[0] if named else "", self.day).replace(tzinfo=ZoneInfo(zone) if zone else UTC)
        except ValueError:
            raise SourceError(
                f"has no date {self.day} in its name", file=path, hint="name files with their day, or declare layout day"
            ) from None
        return int(date.timestamp()) * dict(_UNITS)["s"]

    def divided(self, frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
        """Mapped columns in their own units. Divided by numpy: polars multiplies by the inverse, one bit off."""
        made = [pl.Series(name, frame[name].to_numpy() / self.divisor[file]) for name, file in columns.items() if file in self.divisor]
        return frame.with_columns(made).with_columns(pl.col(one.name).fill_nan(None) for one in made) if made else frame

    def carried(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Both sides of a book at every row."""
        sides = [
            name
            for name in frame.columns
            if self.carry and name.replace("price", "size") in frame.columns and name.startswith(("bid_", "ask_"))
        ]
        told = [pl.when(pl.col(name.replace("price", "size")) > 0).then(pl.col(name)).forward_fill().alias(name) for name in sides]
        return frame.with_columns(told)


class MappedTable(FileSource):
    """Files with a declared mapping, one chunk per file.

    Parameters
    ----------
    files: .csv (also .csv.xz, .csv.gz, .csv.zst, or inside .zip and .whl with `member`) or .parquet; a file, folder, glob or list.
    table: any table of `schema`, as trades, bars or book.
    columns: schema column → column of the file. `symbol`: the symbol (of options: the underlying) of all rows where no column gives one.
    zone, unit, format: how the file tells time, see `Stamps`.
    interval, bar_stamp: bars only; their length, and whether the file stamps a bar with its `open` or its `close`. There is no default:
    a bar stamped with its start and taken for its close would be known before it happened.
    layout: what bare files do not tell of themselves, see `Layout`: {header, day, divisor, carry, calendar, delay}.
    """

    name: ClassVar[str] = "table"

    def __init__(
        self,
        files: Paths,
        *,
        table: str,
        columns: Mapping[str, str],
        symbol: str | None = None,
        zone: str | None = None,
        unit: str | None = None,
        format: str | None = None,
        interval: str | None = None,
        bar_stamp: Literal["open", "close"] | None = None,
        member: str | None = None,
        layout: Mapping[str, Any] | None = None,
    ) -> None:
        if table not in TABLES:
            raise ConfigError(f"no table {table!r}", field="table", hint=f"choose one of {', '.join(TABLES)}")
        self.table, self.columns, self.symbol, self.member = TABLES[table], dict(columns), symbol, member
        for name in self.columns:
            if name not in self.table.names:
                near = get_close_matches(name, self.table.names, 1)
                raise ConfigError(
                    f"table {table} has no column {name!r}", field="columns", hint=f"did you mean {near[0]}" if near else None
                )
        if "ts" not in self.columns:
            raise ConfigError("no column is mapped to ts", field="columns", hint="map ts to the column that tells the time")
        if table == "bars" and (interval is None or bar_stamp not in ("open", "close")):
            raise ConfigError(
                "bars need their interval and their stamp", field="bar_stamp", hint="declare interval: 1m and bar_stamp: open or close"
            )
        self.interval, self.bar_stamp = parse_duration(interval) if interval else 0, bar_stamp
        self.stamps, self.layout = Stamps(zone, unit, format), Layout.from_dict(layout)
        self.end_of_day = self.layout.end_of_day(format)
        self.files = list_files(files, "*")

    def _read(self, path: Path) -> Cleaned:
        content = read_bytes(path, self.member)
        raw = _parquet(content, path) if content[:4] == b"PAR1" else _csv(content, path, self.layout.header)
        for name, column in self.columns.items():
            if column not in raw.columns:
                near = get_close_matches(column, raw.columns, 1, 0.4)
                hint = f"did you mean {near[0]}" if near else f"the file has {', '.join(raw.columns[:12])}"
                raise SourceError(f"no such column, mapped to {name}", file=path, field=column, hint=hint)
        times = self._times(raw, path)
        rest = {name: column for name, column in self.columns.items() if name not in times.columns}
        values = [self._value(name, column, raw) for name, column in rest.items()]
        since = pl.col("ts") + self.layout.midnight(path, self.stamps.zone)
        frame = pl.concat([self.layout.divided(raw.select(values), rest), times.with_columns(since)], how="horizontal")
        frame = self.layout.carried(frame)
        key = self.table.identity[0]
        if self.symbol is not None and key not in frame.columns:
            frame = frame.with_columns(pl.lit(self.symbol).alias(key))
        if self.table.name == "bars":
            other = pl.col("ts") + (self.interval if self.bar_stamp == "open" else -self.interval)
            opened, closed = (pl.col("ts"), other) if self.bar_stamp == "open" else (other, pl.col("ts"))
            frame = frame.with_columns(opened.alias("ts_open"), closed.alias("ts"), pl.lit(self.interval, dtype=pl.Int64).alias("interval"))
        try:
            cleaned = clean(frame, self.table, reasons=[pl.col("trouble")], origin=path.name)
        except pl.exceptions.PolarsError as error:
            raise SourceError(f"cannot be read: {str(error).splitlines()[0]}", file=path, hint="map every required column") from error
        except DataError as error:
            raise SourceError(error.message, file=path, field=None, hint="map or declare every required column") from error
        stray = sum(cleaned.counts.get(reason, 0) for reason in ("ts_implausible", "ts_unreadable"))
        stray += int((cleaned.frame["ts"] < _FIRST_YEAR).sum())  # seconds, ms or us taken for ns all land in January 1970
        if len(frame) and stray > len(frame) // 2:
            hint = "check unit, format and zone of the time column"
            raise SourceError(f"{stray} of {len(frame)} stamps lie outside 1971 to 2100", file=path, field=self.columns["ts"], hint=hint)
        late = cleaned.counts.get("out_of_order", 0)
        if late > len(frame) // 2:
            hint = "sort the file by this column, oldest first"
            raise SourceError(f"{late} of {len(frame)} rows are out of order", file=path, field=self.columns["ts"], hint=hint)
        if self.table.name == "bars":
            self._refuse_overlap(cleaned.frame, path)
        return cleaned

    def _times(self, raw: pl.DataFrame, path: Path) -> pl.DataFrame:
        """`ts`, `trouble` and, for options, `expiry`."""
        column = self.columns["ts"]
        reader = self.stamps.nanoseconds if self.end_of_day is None else self.end_of_day.stamps
        times = reader(raw[column], file=path, field=column)
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

    def _refuse_overlap(self, bars: pl.DataFrame, path: Path) -> None:
        """Bars that begin before the one before has closed were declared too long: they would be known later than they were, or earlier."""
        before = bars.select(pl.col("ts_open") < pl.col("ts").shift(1).over("symbol")).to_series()
        overlapping = int(before.sum() or 0)
        if overlapping > len(bars) // 2:
            raise SourceError(
                f"{overlapping} of {len(bars)} bars begin before the one before has closed",
                file=path,
                field="interval",
                hint="declare the length that the file's bars have",
            )


def _parquet(content: bytes, path: Path) -> pl.DataFrame:
    try:
        frame = pl.from_arrow(pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read())
    except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise SourceError(
            f"is no readable Parquet: {str(error).splitlines()[0]}", file=path, hint="fetch the file again, it is damaged"
        ) from error
    if not isinstance(frame, pl.DataFrame):
        raise SourceError("holds no table", file=path, hint="name a Parquet file with columns")
    return frame


def _csv(content: bytes, path: Path, header: tuple[str, ...]) -> pl.DataFrame:
    """All columns as text. A ragged row, a NUL or another encoding is an error of the file: shifted fields would be read as prices."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SourceError("is UTF-16 text", file=path, hint="convert it to UTF-8")
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.strip():
        raise SourceError("is empty", file=path, hint="fetch the file again")
    data = np.frombuffer(content if content.endswith(b"\n") else content + b"\n", dtype=np.uint8)
    lines = np.flatnonzero(data == 10)
    nul = np.flatnonzero(data == 0)
    if nul.size:
        raise SourceError(
            "holds a NUL byte", file=path, row=int(np.searchsorted(lines, nul[0])), hint="fetch the file again, it is damaged"
        )
    if not (data == 34).any():
        fields = np.diff(np.searchsorted(np.flatnonzero(data == 44), lines), prepend=0) + 1
        blank = np.diff(lines, prepend=-1) <= 1
        ragged = np.flatnonzero((fields != fields[0]) & ~blank)
        if ragged.size:
            row, first = int(ragged[0]), "row 1" if header else "the header"
            message = f"has {fields[row]} fields where {first} has {fields[0]}"
            raise SourceError(message, file=path, row=row + bool(header), hint="mend or remove the row")
    try:
        if not header:
            return pl.read_csv(io.BytesIO(content), infer_schema=False)
        bare = pl.read_csv(io.BytesIO(content), infer_schema=False, has_header=False)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise SourceError(f"is no readable CSV: {str(error).splitlines()[0]}", file=path, hint="mend the file") from error
    if len(bare.columns) != len(header):
        raise SourceError(f"has {len(bare.columns)} columns, not {len(header)}", file=path, row=1, hint="name all of them in layout header")
    return bare.rename(dict(zip(bare.columns, header, strict=True)))
