"""What only rows side by side tell: bars of a symbol over all their days (splices, other scales, holes), and rows that are odd but stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from tickcast.calendars import AlwaysOpen, Calendar, Sessions
from tickcast.cleaning import flags, series_faults
from tickcast.clock import DAY
from tickcast.errors import ConfigError
from tickcast.schema import BARS, TABLES, conform
from tickcast.store.manifest import Day
from tickcast.upkeep.day_audit import Finding

__all__ = ["SERIES_FINDINGS", "SERIES_REMARKS", "SeriesAudit"]

SERIES_FINDINGS: Mapping[str, str] = {
    "splice": "build the series again under one roll schedule: tickcast data rolls show; or ingest the provider's file again",
    "old_scale": "ingest these bars again on the scale of their neighbours",
    "hole": "ask for it again: tickcast data fill CONFIG --again; or ingest the file that has it",
}
"""What a finding of a series is called, and what to do about it."""
SERIES_REMARKS: Mapping[str, str] = {
    "spike": "nothing, or look at the largest: a move of more than 5 robust standard deviations",
    "silence": "nothing, or compare with another provider: more than 15 minutes without a row inside a session",
    "crossed": "nothing in an auction; else compare with another provider",
    "locked": "nothing; data.cleaning: {locked: quarantine} sets such books aside",
    "still": "nothing, or ask the provider whether the feed stood still: a book that says the same for a minute and more",
    "jump_after_silence": "look at it: a halt at a limit, or a splice",
    "jump_over_pause": "look at it: news over a pause, or a splice",
    "flat": "look at it: a price at its limit, or a feed that stood still",
    "quiet": "nothing: hours in which this symbol hardly ever trades, or pauses; --calendar tells which",
}
"""What a remark is called, and what may be done about it; remarks leave the exit code alone."""
_UNREADABLE = frozenset({"damaged", "schema", "order"})
_COLUMNS = ("symbol", "interval", "ts", "ts_open", "open", "high", "low", "close")
_SHIFTS = tuple(sign * days * DAY for days in (1, 2, 3, 4, 5, 7, 14) for sign in (-1, 1))
_TOLD: Mapping[str, str] = {
    "splice": "the price jumps by {size:+.2%} from one bar to the next",
    "old_scale": "{bars} {size:+.2%} off the bars around them",
    "hole": "no bar follows for {size:.1f} h of open market",
    "jump_after_silence": "the price jumps by {size:+.2%} after five minutes or more without a bar",
    "jump_over_pause": "the price jumps by {size:+.2%} over a pause, more than news usually does",
    "flat": "{bars} in a row stand at one price",
    "quiet": "no bar follows for {size:.1f} h",
}


@dataclass
class _Odd:
    """Rows under one flag: how many, on how many days, the first one, the largest value."""

    first: tuple[Day, int]
    rows: int = 0
    days: set[int] = field(default_factory=set)
    largest: float = 0.0


class SeriesAudit:
    """One symbol of one table: its days are taken in order, then `result` says what is wrong and what is odd.

    Memory is that of the prices of one symbol's bars (64 bytes a bar); of other tables nothing is kept.

    Parameters
    ----------
    calendar: its market's; without one the sessions that the rows name stand for it, and silences are not asked.
    """

    def __init__(self, calendar: Calendar | None) -> None:
        self._calendar = calendar
        self._days: list[Day] = []
        self._bars: list[pl.DataFrame] = []
        self._unread: list[tuple[int, int]] = []
        self._odd: dict[str, _Odd] = {}

    def take(self, day: Day, rows: pl.DataFrame | None, found: list[Finding]) -> None:
        """A day's rows, None where they could not be read, and what was found in them by themselves."""
        table = TABLES[day.table]
        if rows is None or not len(rows) or {each.kind for each in found} & _UNREADABLE:
            self._unread.append((day.first_ts, day.last_ts))
            return
        shaped = conform(rows, table)
        for flag, count, row, largest in (
            flags(shaped, table, calendar=self._calendar)
            .group_by("flag", maintain_order=True)
            .agg(pl.len(), pl.col("row").min(), pl.col("value").abs().max().fill_null(0.0).alias("largest"))
            .iter_rows()
        ):
            odd = self._odd.setdefault(flag, _Odd((day, int(row) + 1)))
            odd.rows += count
            odd.days.add(day.trading_day)
            odd.largest = max(odd.largest, float(largest))
        if table is BARS:
            names = [
                *_COLUMNS,
                *(name for name in ("session_id", "segment_id") if name in shaped.columns and not shaped[name].null_count()),
            ]
            place = pl.lit(len(self._days), dtype=pl.Int32).alias("__day"), pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("__row")
            self._bars.append(shaped.select(*names, *place))
            self._days.append(day)

    def result(self) -> tuple[list[Finding], list[Finding]]:
        """Findings, and remarks, in time order."""
        findings: list[Finding] = []
        remarks: list[Finding] = []
        quiet: list[tuple[float, Finding]] = []
        for size, each in self._faults():
            if each.kind == "quiet":
                quiet.append((size, each))
            else:
                (findings if each.kind in SERIES_FINDINGS else remarks).append(each)
        if quiet:  # told once: a thin contract has hundreds
            text = f"{_counted(len(quiet), 'stretch', 'stretches')} of an hour and more without a bar, the first one here, the longest "
            remarks.append(replace(quiet[0][1], found=f"{text}{max(size for size, _ in quiet):.1f} h"))
        for flag, odd in sorted(self._odd.items()):
            day, row = odd.first
            where = f"{_counted(odd.rows, 'row', 'rows')} on {_counted(len(odd.days), 'day', 'days')}"
            text = f"{where}, the first one here, the largest {odd.largest:.4g}"
            remarks.append(_finding(flag, day, row, text))
        return findings, remarks

    def _faults(self) -> Iterator[tuple[float, Finding]]:
        """Each with its size: hours, or the logarithm of a ratio of prices."""
        if not self._bars:
            return
        common = [name for name in self._bars[0].columns if all(name in each.columns for each in self._bars)]
        whole = pl.concat([each.select(common) for each in self._bars]).sort("ts", maintain_order=True)
        for bars in whole.partition_by("interval", maintain_order=True):
            calendar = self._calendar if self._calendar is not None else _AsStored.of(bars)
            unknown = calendar is None
            found = series_faults(bars, AlwaysOpen() if calendar is None else calendar)
            places = bars.select("ts", "__day", "__row").unique("ts", keep="first")
            for fault, ts, until, rows, size, at, row in (
                found.join(places, on="ts", how="left", maintain_order="left")
                .select("fault", "ts", "until", "rows", "size", "__day", "__row")
                .iter_rows()
            ):
                if fault == "off_calendar" or (fault == "hole" and (unknown or self._excused(ts, until))):
                    continue  # the first is told day by day; nobody knows of the second, or another finding tells it
                kind = "quiet" if fault == "hole" and not _usually(bars, ts, until) else fault
                many = _counted(rows, "bar lies", "bars lie") if kind == "old_scale" else _counted(rows, "bar", "bars")
                shown = size if kind in ("hole", "quiet") else np.expm1(size)
                yield size, _finding(kind, self._days[at], row, _TOLD[kind].format(bars=many, size=shown))

    def _excused(self, ts: int, until: int) -> bool:
        """Whether rows that cannot be read lie in between."""
        return any(first < until and last > ts for first, last in self._unread)


@dataclass(frozen=True, eq=False)
class _AsStored(Calendar):
    """Sessions as bars name them: each from its first bar to its close. What was never stored is no session."""

    known: Sessions
    name = "as stored"
    zone = "UTC"

    @classmethod
    def of(cls, bars: pl.DataFrame) -> _AsStored | None:
        """None where the bars name no sessions, or name them wrongly."""
        if "session_id" not in bars.columns:
            return None
        each = bars.group_by("session_id").agg(pl.col("ts_open").min()).sort("session_id")
        opened, closed = each["ts_open"].to_numpy(), each["session_id"].to_numpy()
        try:
            return cls(Sessions(opened, closed, (closed // DAY).astype(np.int32)))
        except ConfigError:
            return None

    def sessions(self, start_ns: int, end_ns: int) -> Sessions:
        """All of them; the bars reach no further."""
        return self.known


def _usually(bars: pl.DataFrame, ts: int, until: int) -> bool:
    """Whether bars come in the same hours of other days around: at least half as many as there could be, on half of the days.

    Otherwise the symbol hardly trades then, as a contract far from its expiry, or the hours are a pause that no calendar was given for.
    """
    stamps, interval = bars["ts"].to_numpy(), max(1, int(bars["interval"][0]))
    windows = [(ts + shift, until + shift) for shift in _SHIFTS]
    apart = [(low, high) for low, high in windows if (high <= ts or low >= until) and low >= stamps[0] and high <= stamps[-1]]
    counts = [int(np.searchsorted(stamps, high, "right") - np.searchsorted(stamps, low, "right")) for low, high in apart]
    return not counts or float(np.median(counts)) * interval >= 0.5 * (until - ts)


def _counted(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"


def _finding(kind: str, day: Day, row: int, text: str) -> Finding:
    do = SERIES_FINDINGS[kind] if kind in SERIES_FINDINGS else SERIES_REMARKS[kind]
    return Finding(kind, day.table, day.symbol, day.trading_day, day.content, row, text, do)
