"""What a ledger knows of stored rows: manifests of days, of parts and of derived days, and definitions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tickcast.errors import StoreError
from tickcast.schema import BOOK_LEVELS, TABLES
from tickcast.store.row_hash import row_hashes

__all__ = ["NO_VERSION", "Day", "DerivedDay", "Part", "StoredDefinition", "Summary", "refuse_overlaps", "summary", "summed"]

NO_VERSION = "0" * 64
"""The version of a store that holds nothing."""


@dataclass(frozen=True)
class Summary:
    """What rows look like from outside, whatever their order and however they are kept.

    Parameters
    ----------
    rows: their number; `first_ts`, `last_ts` in UTC ns.
    low, high, total: minimum, maximum and sum modulo 2^64 of their 64-bit hashes.
    levels: deepest level of a book that is present, 0 where none is.
    """

    rows: int
    first_ts: int
    last_ts: int
    low: int
    high: int
    total: int
    levels: int


@dataclass(frozen=True)
class Day:
    """Manifest of one stored day.

    Parameters
    ----------
    table, symbol, trading_day: its key.
    summary fields: see `Summary`.
    parts: blocks its rows lie in.
    source: where the last rows came from.
    """

    table: str
    symbol: str
    trading_day: int
    rows: int
    first_ts: int
    last_ts: int
    low: int
    high: int
    total: int
    levels: int
    parts: int
    source: str

    @property
    def content(self) -> str:
        """SHA-256 that names the day's rows: equal rows give an equal name in every store. Versions are sums of these, see `versioned`."""
        key = (self.table, self.symbol, self.trading_day)
        facts = (self.rows, self.first_ts, self.last_ts, self.low, self.high, self.total, self.levels)
        return hashlib.sha256("\0".join(map(str, (*key, *facts))).encode()).hexdigest()

    @property
    def versioned(self) -> bool:
        """Whether the day has a part in the store's version."""
        return self.table not in TABLES or TABLES[self.table].versioned


@dataclass(frozen=True)
class Part:
    """One block of a day: its name, whose it is, and the time its rows span (UTC ns)."""

    name: str
    table: str
    symbol: str
    trading_day: int
    rows: int
    first_ts: int
    last_ts: int


@dataclass(frozen=True)
class DerivedDay:
    """Manifest of one derived day.

    Parameters
    ----------
    kind: what was computed, as nq24@1.
    symbol, trading_day: for which rows.
    inputs: hash of everything it was computed from.
    part: the block its rows lie in; `rows` in it.
    content: names the rows, wherever they lie.
    made: UTC ns.
    source: JSON of the caller's.
    """

    kind: str
    symbol: str
    trading_day: int
    inputs: str
    part: str
    rows: int
    content: str
    made: int
    source: str


@dataclass(frozen=True)
class StoredDefinition:
    """One version of a definition.

    Parameters
    ----------
    name, version: its key; versions count from 1.
    hash: of the definition.
    document, facts: JSON texts: the definition itself, and what is told about it.
    registered, retired: UTC ns; `retired` is None while it is in use.
    """

    name: str
    version: int
    hash: str
    document: str
    facts: str
    registered: int
    retired: int | None = None


def summary(rows: pl.DataFrame) -> Summary:
    """The summary of rows in time order; there must be one."""
    hashes = row_hashes(rows)
    present = [k for k in range(1, BOOK_LEVELS + 1) for side in ("bid", "ask") if _any(rows, f"{side}_price_{k}")]
    edges = int(rows["ts"][0]), int(rows["ts"][-1])
    return Summary(len(rows), *edges, int(hashes.min()), int(hashes.max()), int(hashes.sum()), max(present, default=0))


def summed(one: Day | Summary, other: Summary) -> Summary:
    """The summary of both together."""
    return Summary(
        one.rows + other.rows,
        min(one.first_ts, other.first_ts),
        max(one.last_ts, other.last_ts),
        min(one.low, other.low),
        max(one.high, other.high),
        (one.total + other.total) % 2**64,
        max(one.levels, other.levels),
    )


def refuse_overlaps(fresh: Mapping[tuple[str, int], tuple[int, int]], stored: Sequence[Day]) -> None:
    """Days of a symbol may not overlap in time: the same row under two trading days would count twice.

    `fresh` maps (symbol, trading day) to the first and last stamp (UTC ns) of rows to be written. Raises StoreError naming two days.
    """
    final = {(day.symbol, day.trading_day): (day.first_ts, day.last_ts) for day in stored}
    for key, (first, last) in fresh.items():
        before = final.get(key, (first, last))
        final[key] = min(first, before[0]), max(last, before[1])
    ordered = sorted((symbol, *edges, day) for (symbol, day), edges in final.items())
    for (symbol, _, last, day), (other, first, _, following) in zip(ordered, ordered[1:], strict=False):
        involved = (symbol, day) in fresh or (symbol, following) in fresh
        if symbol == other and last > first and involved:
            found = f"{symbol}: trading days {day} and {following} overlap in time"
            raise StoreError(found, field="trading_day", hint="write all rows of a symbol under one rule for trading days")


def _any(rows: pl.DataFrame, name: str) -> bool:
    return name in rows.columns and rows[name].null_count() < len(rows)
