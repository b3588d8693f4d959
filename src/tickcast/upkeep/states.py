"""What a day of a symbol may be: stored, missing, known to be empty; told from the ledger alone."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tickcast.schema import TABLES
from tickcast.store import Store
from tickcast.upkeep.expected import KEY, Family, days_over, trading_days_between

__all__ = ["STATES", "day_states", "ledger_states", "states_of", "with_quarantine"]

STATES: Mapping[str, str] = {
    "stored": "rows are stored",
    "gap": "rows are stored, and the live recorder noted open market that it did not see",
    "no data": "settled: the calendar, or a provider twice, says that there is nothing",
    "unsettled": "a provider answered once with nothing; a second answer an hour later settles it",
    "missing": "the market was open and nothing is known",
    "unexpected": "rows are stored for a day on which the calendar has no session, or the contract was not alive",
}
"""What a day of a symbol may be."""
_STATE = pl.Enum(list(STATES))


def day_states(stored: pl.DataFrame, empty: pl.DataFrame, expected: pl.DataFrame | None, gaps: pl.DataFrame | None = None) -> pl.DataFrame:
    """symbol, trading_day, state (see `STATES`), rows, by symbol and day.

    Parameters
    ----------
    stored: symbol, trading_day, rows. empty: symbol, trading_day, settled. gaps: symbol, trading_day of days with a gap.
    expected: symbol, trading_day; None where no calendar is known, so that nothing is missing and nothing unexpected.
    """
    key = list(KEY)
    found = stored.select(*key, "rows").join(empty.select(*key, "settled"), on=key, how="full", coalesce=True)
    due, torn = pl.lit(True), pl.lit(False)
    if expected is not None:
        found = found.join(expected.with_columns(pl.lit(True).alias("due")), on=key, how="full", coalesce=True)
        due = pl.col("due").fill_null(False)
    if gaps is not None and len(gaps):
        found = found.join(gaps.select(key).unique().with_columns(pl.lit(True).alias("torn")), on=key, how="left")
        torn = pl.col("torn").fill_null(False)
    held = pl.col("rows").is_not_null()
    state = (
        pl.when(held & ~due)
        .then(pl.lit("unexpected"))
        .when(held & torn)
        .then(pl.lit("gap"))
        .when(held)
        .then(pl.lit("stored"))
        .when(pl.col("settled"))
        .then(pl.lit("no data"))
        .when(pl.col("settled").is_not_null())
        .then(pl.lit("unsettled"))
        .otherwise(pl.lit("missing"))
    )
    return found.select(*key, state.cast(_STATE).alias("state"), pl.col("rows").fill_null(0)).sort(key)


def states_of(dataset: Family, store: Store, first: int, last: int, *, now: int) -> pl.DataFrame:
    """`day_states` of a dataset from `first` to `last` (trading days, inclusive); a day not over at `now` (UTC ns) is not missing yet."""
    inside = pl.col("trading_day").is_between(first, last)
    parts = dataset.coverage(store), dataset.empty(store), dataset.expected(first, last), dataset.gaps(store)
    states = day_states(*(part.filter(inside) for part in parts))
    open_still = states["trading_day"].is_in(days_over(dataset.calendar, first, last, now)).not_()
    return states.filter(~(open_still & pl.col("state").is_in(["missing", "unsettled"])))


def ledger_states(
    store: Store, table: str, symbol: str | None = None, *, calendar: str | None = None, first: int | None = None, last: int | None = None
) -> pl.DataFrame:
    """`day_states` of a table's symbols from the ledger alone.

    With a `calendar` each symbol is expected from its first to its last stored day; what it was not alive for is then no hole.
    """
    stored, empty = store.coverage(table, symbol), store.empty.days(table, symbol)
    due = None
    if calendar is not None and len(stored) and TABLES[table].in_sessions:
        ends = stored.group_by("symbol").agg(pl.col("trading_day").min().alias("first"), pl.col("trading_day").max().alias("last"))
        low, high = ends["first"].min(), ends["last"].max()
        days = trading_days_between(calendar, int(low), int(high))  # type: ignore[arg-type]
        every = ends.join(pl.DataFrame({"trading_day": days}, schema={"trading_day": pl.Int64}), how="cross")
        due = every.filter(pl.col("trading_day").is_between("first", "last")).select(list(KEY))
    states = day_states(stored, empty, due)
    low, high = (first if first is not None else -(2**31)), (last if last is not None else 2**31 - 1)
    return states.filter(pl.col("trading_day").is_between(low, high))


def with_quarantine(states: pl.DataFrame, store: Store) -> pl.DataFrame:
    """The states with `quarantined`: rows of the symbol set aside on that day (UTC), of whatever table, from the ledger only."""
    aside = store.coverage("quarantine").select(*KEY, pl.col("rows").alias("quarantined"))
    return states.join(aside, on=list(KEY), how="left", maintain_order="left").with_columns(pl.col("quarantined").fill_null(0))
