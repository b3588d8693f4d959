"""Audit: every stored day read once and held against schema, order, sanity, ledger and calendar; bars over all days; derived days."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from tickcast.calendars import Calendar
from tickcast.clock import day_text
from tickcast.errors import StoreError
from tickcast.schema import TABLES
from tickcast.store import DerivedDay, Store
from tickcast.store.manifest import Day
from tickcast.upkeep.day_audit import Finding, day_findings
from tickcast.upkeep.series_audit import SeriesAudit

__all__ = ["STORE_FINDINGS", "Audited", "audit"]

STORE_FINDINGS: Mapping[str, str] = {
    "ledger": "restore the ledger from a backup",
    "overlap": "write all rows of a symbol under one rule for trading days",
    "derived_damaged": "compute it again: tickcast features materialise",
    "derived_gone": "the rows it was made of are not stored: ingest them again, or collect the derived days",
    "derived_differs": "it was made of other rows than are stored now: tickcast features materialise",
    "unnamed": "nothing: a killed writer left it, or one is at work; tickcast data collect removes it",
}
"""What a finding of the store as a whole is called, and what to do about it."""


@dataclass(frozen=True)
class Audited:
    """What an audit found.

    Parameters
    ----------
    version: of the dataset that was read.
    days, rows, derived: how much was read.
    findings: what is wrong. remarks: what is worth knowing and does no harm.
    quarantined: rows in quarantine by table, symbol and reason.
    """

    version: str
    days: int
    rows: int
    derived: int
    findings: tuple[Finding, ...]
    remarks: tuple[Finding, ...]
    quarantined: tuple[tuple[str, str, str, int], ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def audit(
    store: Store,
    *,
    table: str | None = None,
    symbols: Sequence[str] | None = None,
    calendar: Callable[[str, str], Calendar | None] = lambda table, symbol: None,
    progress: Callable[[str, float], None] | None = None,
) -> Audited:
    """Read what is stored and say what is wrong with it; memory is that of a day, and of the prices of one symbol's bars.

    Parameters
    ----------
    table, symbols: only these; by default everything, derived days and unnamed blocks too.
    calendar: of a table's symbol, None where it is not known.
    """
    version = store.version()
    whole = table is None and symbols is None
    manifests = [day for name in ((table,) if table is not None else TABLES) for day in _manifests(store, name, symbols, version)]
    derived = store.derived.days() if whole else []
    findings: list[Finding] = []
    remarks: list[Finding] = []
    done = 0
    for (name, symbol), days in groupby(sorted(manifests, key=_key), key=lambda day: (day.table, day.symbol)):
        hours = calendar(name, symbol)
        series = SeriesAudit(hours)
        for day in days:
            if progress is not None:
                progress(f"{day.table} {day.symbol} {day_text(day.trading_day)}", done / (len(manifests) + len(derived)))
            reading = _Reading(store)
            found = list(day_findings(day, reading, hours))
            findings += found
            series.take(day, reading.rows, found)
            done += 1
        wrong, odd = series.result()
        findings += wrong
        remarks += odd
    findings += _overlaps(manifests)
    if whole:
        findings += [_of_store("ledger", None, each.found) for each in store.ledger_damage()]
        findings += _derived(store, derived, manifests, progress)
        remarks += [_of_store("unnamed", name, "no version and no derived day names this block") for name in store.unnamed()]
    if progress is not None:
        progress("read", 1.0)
    rows = sum(day.rows for day in manifests)
    return Audited(version, len(manifests), rows, len(derived), tuple(findings), tuple(remarks), _quarantined(store, table, symbols))


class _Reading:
    """Reads a day and keeps its rows for whoever looks at several days together; None where it cannot be read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.rows: pl.DataFrame | None = None

    def __call__(self, content: str) -> pl.DataFrame:
        rows = self.rows = self._store.day(content)
        return rows


def _key(day: Day) -> tuple[str, str, int]:
    return day.table, day.symbol, day.trading_day


def _manifests(store: Store, table: str, symbols: Sequence[str] | None, version: str) -> list[Day]:
    names = ("symbol", "trading_day", "rows", "first_ts", "last_ts", "low", "high", "total", "levels", "parts", "source")
    held = store.coverage(table, as_of=version)
    held = held if symbols is None else held.filter(pl.col("symbol").is_in(list(symbols)))
    return [Day(table, *row) for row in held.select(names).iter_rows()]


def _overlaps(manifests: list[Day]) -> Iterator[Finding]:
    """Days of a symbol that lie across one another: rows of the same time under two trading days."""
    ordered = sorted(manifests, key=lambda day: (day.table, day.symbol, day.first_ts, day.last_ts))
    for left, right in zip(ordered, ordered[1:], strict=False):
        if (left.table, left.symbol) == (right.table, right.symbol) and left.last_ts > right.first_ts:
            found = f"its rows end after those of {day_text(right.trading_day)} begin"
            where = (left.table, left.symbol, left.trading_day, left.content, None)
            yield Finding("overlap", *where, found, STORE_FINDINGS["overlap"])


def _derived(
    store: Store, derived: list[DerivedDay], manifests: list[Day], progress: Callable[[str, float], None] | None
) -> Iterator[Finding]:
    """Derived days that cannot be read, or of which no other one of the same kind and day was made of the rows stored now.

    One that does not say what it was made of, as that of a rolled series, is only read.
    """
    stored = {day.content for day in manifests}
    days = {(day.symbol, day.trading_day) for day in manifests}
    fresh = {(each.kind, each.symbol, each.trading_day) for each in derived if set(_inputs(each)) <= stored}
    for done, each in enumerate(derived):
        if progress is not None:
            progress(f"{each.kind} {each.symbol}", (len(manifests) + done) / (len(manifests) + len(derived)))

        def found(kind: str, text: str, each: DerivedDay = each) -> Finding:
            return Finding(kind, each.kind, each.symbol, each.trading_day, each.part, None, text, STORE_FINDINGS[kind])

        try:
            store.derived.read(each)
            store.derived.state(each)
        except StoreError as error:
            yield found("derived_damaged", str(error))
            continue
        if (each.kind, each.symbol, each.trading_day) not in fresh:
            gone = (each.symbol, each.trading_day) not in days
            told = "are not stored any more" if gone else "were corrected since"
            yield found("derived_gone" if gone else "derived_differs", f"the rows it was made of {told}")


def _inputs(day: DerivedDay) -> list[str]:
    """The contents that a derived day says it was made of; nothing where it does not say."""
    try:
        told = json.loads(day.source).get("contents", [])
    except (ValueError, AttributeError):
        return []
    return [str(each) for each in told] if isinstance(told, list) else []


def _of_store(kind: str, file: str | None, found: str) -> Finding:
    return Finding(kind, None, None, None, file, None, found, STORE_FINDINGS[kind])


def _quarantined(store: Store, table: str | None, symbols: Sequence[str] | None) -> tuple[tuple[str, str, str, int], ...]:
    """Rows set aside by table, symbol and reason."""
    counts: dict[tuple[str, str, str], int] = {}
    for rows in store.chunks("quarantine", symbols):
        held = rows if table is None else rows.filter(pl.col("table") == table)
        for name, whose, reason, count in held.group_by("table", "symbol", "reason").len().iter_rows():
            counts[name, whose, reason] = counts.get((name, whose, reason), 0) + count
    return tuple((*key, count) for key, count in sorted(counts.items()))
