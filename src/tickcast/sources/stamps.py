"""How a file or a table tells time, turned into UTC nanoseconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from zoneinfo import available_timezones

import polars as pl

from tickcast.errors import ConfigError, SourceError

__all__ = ["UNITS", "Stamps"]

UNITS = (("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000))
"""Units of time and their nanoseconds."""


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
                f"{self.zone!r} is no time zone", field="zone", hint=f"did you mean {near[0]!r}?" if near else "use an IANA name"
            )
        if self.unit is not None and self.unit not in dict(UNITS):
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
            unit = dict(UNITS)[self.unit]
            number = column.cast(pl.Int64, strict=False) if unit == 1 or values.dtype.is_integer() else column
            held = pl.when(number.abs() <= (2**63 - 1) // unit).then(number)  # the product may not wrap around
            moments = frame.select("time", (held * unit).cast(pl.Int64, strict=False).alias("ts"))
            wrapped = pl.when(column.is_not_null() & pl.col("ts").is_null()).then(pl.lit("ts_implausible"))
            return moments.select("ts", wrapped.alias("trouble"))
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
