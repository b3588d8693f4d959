"""The embedded store: immutable day files named by their content, made visible by one ledger transaction."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

from tickcast.clock import DAY
from tickcast.errors import StoreError
from tickcast.schema import TABLES, Table, conform
from tickcast.store.day_file import canonical, decode, encode, merge
from tickcast.store.definitions import Definitions
from tickcast.store.derived import Derived
from tickcast.store.durable import exclusive, place
from tickcast.store.ledger import Day, Ledger

__all__ = ["Store", "Written"]


@dataclass(frozen=True)
class Written:
    """What a write did: the version it left, rows given, rows added, day files changed."""

    version: str
    rows: int
    added: int
    days: int


class Store:
    """Tables of events in a folder. Open it with `Store.open(folder)`; `clock` tells commit times in UTC ns.

    `definitions` are what was registered here, `derived` the days that were computed from stored ones.
    """

    def __init__(self, folder: Path, clock: Callable[[], int]) -> None:
        self.folder, self._clock, self._ledger = folder, clock, Ledger(folder / "ledger.sqlite")
        self.definitions, self.derived = Definitions(self._ledger), Derived(folder, self._ledger, self._path)

    @classmethod
    def open(cls, folder: str | Path, *, clock: Callable[[], int] = time.time_ns) -> Self:
        """The store in `folder`, made if absent. StoreError where the folder or its ledger cannot be used."""
        path = Path(folder)
        try:
            (path / "scratch").mkdir(parents=True, exist_ok=True)
            with exclusive(path / "open.lock"):
                return cls(path, clock)
        except OSError as error:
            raise StoreError(f"cannot be opened: {error.strerror}", file=path, hint="choose a folder you may write") from error

    def write(self, table: str, frame: pl.DataFrame, *, source: str, progress: Callable[[str, float], None] | None = None) -> Written:
        """Store rows; returns only after they are on disk. Writing rows already stored changes nothing.

        Rows go to the day `trading_day` where the frame has it, else to their UTC day (a bar's by its start). Raises DataError for rows
        that are no rows of the table, StoreError where a row's day contradicts stored days or the disk refuses.
        """
        shape = _table(table)
        ready = _ready(frame, shape)
        with exclusive(self.folder / "write.lock"):
            fence = self._ledger.take_fence()
            for left in (self.folder / "scratch").iterdir():
                left.unlink(missing_ok=True)
            number, version = self._ledger.version()
            key = shape.identity[0]
            stored = {(day.symbol, day.trading_day): day for day in self._ledger.days(table, ready[key].unique().to_list(), number)}
            contents: dict[Path, bytes] = {}
            days: list[Day] = []
            parts = ready.partition_by([key, "day"], as_dict=True, maintain_order=True)
            total, added = int(version, 16), 0
            for done, ((symbol, day), part) in enumerate(parts.items()):
                if progress is not None and done % 256 == 0:
                    progress(f"writing {symbol}", done / len(parts))
                old = stored.get((symbol, day))
                rows = part.drop("day")
                if old is not None:
                    rows = merge(decode(self._path(old.file), old.file), rows, shape)
                digest, content = encode(rows)
                if old is not None and old.file == digest:
                    continue
                fresh = Day(table, symbol, day, digest, len(rows), _edge(rows, 0), _edge(rows, -1), source)
                contents[self._path(digest)] = content
                days.append(fresh)
                total += _weight(fresh) - (_weight(old) if old else 0)
                added += len(rows) - (old.rows if old else 0)
            _agree(days, stored)
            if days:
                place(contents, self.folder / "scratch")
                version = f"{total % 2**256:064x}"
                self._ledger.commit(days, version=version, committed=self._clock(), source=source, fence=fence)
        if progress is not None:
            progress("written", 1.0)
        return Written(version, len(frame), added, len(days))

    def scan(
        self,
        table: str,
        symbols: Sequence[str] | None = None,
        start: int | None = None,
        end: int | None = None,
        *,
        as_of: int | str | None = None,
    ) -> pl.DataFrame:
        """Rows with start <= ts < end (UTC ns) in time order, as known at `as_of` (a version or a commit time in UTC ns).

        Every file is hashed before it is parsed; StoreError names one that is missing or altered. No data gives an empty frame.
        """
        frames = list(self.chunks(table, symbols, start, end, as_of=as_of))
        shape = _table(table)
        if not frames:
            return pl.DataFrame(schema={column.name: column.dtype for column in shape.columns})
        return pl.concat(frames, how="diagonal").sort("ts", shape.identity[0], maintain_order=True)

    def chunks(
        self,
        table: str,
        symbols: Sequence[str] | None = None,
        start: int | None = None,
        end: int | None = None,
        *,
        as_of: int | str | None = None,
    ) -> Iterator[pl.DataFrame]:
        """The rows of `scan`, one frame per symbol and day (by symbol, then day): memory stays that of a day."""
        _table(table)
        low, high = start if start is not None else -(2**63), end if end is not None else 2**63 - 1
        for day in self._ledger.days(table, symbols, self._ledger.version(as_of)[0]):
            if day.last_ts >= low and day.first_ts < high:
                rows = decode(self._path(day.file), day.file)
                inside = day.first_ts >= low and day.last_ts < high
                yield rows if inside else rows.filter((pl.col("ts") >= low) & (pl.col("ts") < high))

    def coverage(self, table: str, symbol: str | None = None, *, as_of: int | str | None = None) -> pl.DataFrame:
        """symbol, trading_day, rows, first_ts, last_ts, file, source of every stored day; read from the ledger only."""
        days = self._ledger.days(_table(table).name, None if symbol is None else [symbol], self._ledger.version(as_of)[0])
        fields = {"symbol": pl.String, "trading_day": pl.Int64, "rows": pl.Int64, "first_ts": pl.Int64, "last_ts": pl.Int64}
        texts = {"file": pl.String, "source": pl.String}
        return pl.DataFrame([{name: getattr(day, name) for name in (*fields, *texts)} for day in days], schema={**fields, **texts})

    def day(self, file: str) -> pl.DataFrame:
        """The rows of one day, by the `file` that `coverage` names. StoreError when it is missing or altered."""
        return decode(self._path(file), file)

    def version(self, as_of: int | str | None = None) -> str:
        """A hash that names the stored rows: equal rows give an equal name, in whatever order they were written."""
        return self._ledger.version(as_of)[1]

    def verify(self, full: bool = False) -> int:
        """Number of sound day files of the present version (`full`: of every version). StoreError names the first damaged one."""
        number, version = self._ledger.version()
        days = self._ledger.days(None, None, number)
        if f"{sum(map(_weight, days)) % 2**256:064x}" != version:
            raise StoreError("manifests do not add up to the version", file=self._ledger.path, hint="restore the ledger from a backup")
        files = self._ledger.files() if full else {day.file for day in days}
        for file in sorted(files):
            decode(self._path(file), file)
        return len(files)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()

    def _path(self, digest: str) -> Path:
        return self.folder / "days" / digest[:2] / f"{digest}.parquet"


def _table(name: str) -> Table:
    if name not in TABLES:
        raise StoreError(f"no table {name!r}", field="table", hint=f"choose one of {', '.join(TABLES)}")
    return TABLES[name]


def _ready(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Conforming, finite rows in canonical order with their `day`; equal rows collapse where the table has no genuine repeats."""
    ready = conform(frame, table)
    for column in table.columns:
        values = ready[column.name]
        bad = values.is_null() if column.required else pl.Series([False] * len(values), dtype=pl.Boolean)
        if column.dtype == pl.Float64:
            bad = bad | values.is_finite().not_().fill_null(False)
        if bad.any():
            raise StoreError(
                "value is missing or not finite", row=int(bad.arg_max() or 0) + 1, field=column.name, hint="clean the rows first"
            )
    if "sequence" in table.names and ready["sequence"].null_count():
        order = pl.int_range(pl.len(), dtype=pl.Int64).over("symbol", "ts")
        ready = ready.with_columns(pl.coalesce("sequence", order).alias("sequence"))
    utc = (pl.col("ts_open" if "ts_open" in table.names else "ts") // DAY).cast(pl.Int32)
    dated = "trading_day" in ready.columns
    ready = ready.with_columns(pl.coalesce("trading_day", utc).alias("day") if dated else utc.alias("day"))
    if not table.repeats:
        ready = ready.unique(maintain_order=True)
        twice = ready.select(table.identity).is_duplicated()
        if twice.any():
            row = ready.filter(twice).row(0, named=True)
            found = ", ".join(f"{name} {row[name]}" for name in table.identity)
            raise StoreError(f"two different rows for {found}", field="ts", hint="clean the rows first")
    return canonical(ready, table)


def _edge(rows: pl.DataFrame, at: int) -> int:
    return int(rows["ts"][at])


def _weight(day: Day) -> int:
    """A day's share of the version: SHA-256 of its manifest as a number; a version is the sum over its days, so order does not matter."""
    text = f"{day.table}\0{day.symbol}\0{day.trading_day}\0{day.file}\0{day.rows}\0{day.first_ts}\0{day.last_ts}"
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def _agree(fresh: Sequence[Day], stored: dict[tuple[str, int], Day]) -> None:
    """Days of a symbol may not overlap in time: the same row under two trading days would count twice."""
    final = {**stored, **{(day.symbol, day.trading_day): day for day in fresh}}
    ordered = sorted(final.values(), key=lambda day: (day.symbol, day.first_ts, day.last_ts))
    changed = {(day.symbol, day.trading_day) for day in fresh}
    for left, right in zip(ordered, ordered[1:], strict=False):
        involved = (left.symbol, left.trading_day) in changed or (right.symbol, right.trading_day) in changed
        if left.symbol == right.symbol and left.last_ts > right.first_ts and involved:
            found = f"{left.symbol}: trading days {left.trading_day} and {right.trading_day} overlap in time"
            raise StoreError(found, field="trading_day", hint="write all rows of a symbol under one rule for trading days")
