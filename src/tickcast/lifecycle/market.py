"""Market rows: what the store holds, rolled into one series, built into bars, or reduced from chains to surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tickcast.bars import Activity, Filled, Imbalance, build, sample
from tickcast.calendars import Calendar, Sessions, calendar
from tickcast.clock import DAY
from tickcast.config import BarsConfig, Experiment, RollsConfig
from tickcast.errors import DataError
from tickcast.lifecycle.own_rows import own_rows
from tickcast.lifecycle.receipts import Ingested
from tickcast.options import surface
from tickcast.rolls import RollSchedule, continuous, outright_pattern, schedule_by, spliced
from tickcast.schema import TABLES
from tickcast.store import Store
from tickcast.upkeep import known_contracts

__all__ = ["Market", "market", "planned"]

_AHEAD = 400 * DAY  # how far past the data the sessions reach that a bundle carries


@dataclass(frozen=True)
class Market:
    """Rows in time order with their context, and how they came to be.

    Parameters
    ----------
    rows: trades or bars of one series; of option chains their surface, row by snapshot.
    schedule: the rolls, None where none were asked for.
    sessions: sessions over the data and 400 days beyond.
    """

    rows: pl.DataFrame
    schedule: RollSchedule | None
    sessions: Sessions


def market(experiment: Experiment, store: Store, arrived: Ingested) -> Market:
    """The experiment's series, from the rows that its own inputs gave. Raises DataError when no row is left."""
    data = experiment.data
    spans = [span for span in arrived.spans if experiment.rolls or span.symbol == data.symbol]
    frames = [rows for _, rows in own_rows(store, data.table, spans, arrived.version)]
    if not frames:
        hint = "check data.symbol against `tickcast data list`"
        raise DataError(f"the store holds no {data.table} of {data.symbol}", hint=hint)
    shape = TABLES[data.table]
    rows = pl.concat(frames, how="diagonal").sort("ts", shape.identity[0], maintain_order=True)
    schedule = None
    if experiment.rolls is not None:
        schedule = planned(experiment.rolls, store, rows, arrived.version)
        rows = continuous(rows, schedule) if experiment.rolls.series == "continuous" else spliced(rows, schedule)
    if experiment.bars is not None:
        rows = _bars(rows, experiment.bars, calendar(data.calendar))
    if data.table == "options":
        rows = surface(rows)
    if not len(rows):
        raise DataError(f"the store holds no {data.table} of {data.symbol}", hint="check data.symbol against `tickcast data list`")
    first, last = int(rows["ts"][0]), int(rows["ts"][-1])
    return Market(rows, schedule, calendar(data.calendar).sessions(first, last + _AHEAD))


def _bars(rows: pl.DataFrame, bars: BarsConfig, market_hours: Calendar) -> pl.DataFrame:
    if bars.kind == "time":
        return build(rows, bars.interval, market_hours).rows
    activity: Activity
    if bars.kind == "imbalance":
        expected = bars.expected_ticks or 1.0
        activity = Imbalance(bars.of, expected, bars.bars, bars.window, bars.least, bars.most)
    else:
        activity = Filled(bars.kind, bars.size or 1.0)
    return sample(rows, activity, market_hours).rows


def planned(rolls: RollsConfig, store: Store, rows: pl.DataFrame, version: str | None = None) -> RollSchedule:
    """The schedule that `rolls` asks for, of rows with `trading_day`; where they tell no open interest the product's stored books do."""
    contracts = known_contracts(store, as_of=version) if rolls.by == "instrument" else None
    interest = None
    if rolls.by == "open_interest" and "open_interest" not in rows.columns:
        own = store.coverage("book", as_of=version).filter(pl.col("symbol").str.contains(outright_pattern(rolls.product)))
        interest = store.scan("book", own["symbol"].unique().to_list(), as_of=version)
        if not len(interest):
            hint = f"store books of {rolls.product} with open_interest, or roll by volume"
            raise DataError(f"neither the rows nor a stored book tell open interest of {rolls.product}", field="open_interest", hint=hint)
    return schedule_by(
        rolls.by, rows, rolls.product, threshold=rolls.threshold, levels=rolls.levels, contracts=contracts, interest=interest
    )
