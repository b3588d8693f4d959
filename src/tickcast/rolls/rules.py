"""The rules by name, as a configuration chooses them."""

from __future__ import annotations

from typing import assert_never

import polars as pl

from tickcast.rolls.by_open_interest import schedule_by_open_interest
from tickcast.rolls.by_volume import schedule_by_instrument, schedule_by_volume
from tickcast.rolls.schedule import RollSchedule, Rule

__all__ = ["schedule_by"]


def schedule_by(
    rule: Rule,
    rows: pl.DataFrame,
    product: str,
    *,
    threshold: float | None = None,
    levels: int = 0,
    contracts: pl.DataFrame | None = None,
    interest: pl.DataFrame | None = None,
) -> RollSchedule:
    """The schedule of `product` by a named rule: see `schedule_by_volume`, `schedule_by_instrument`, `schedule_by_open_interest`.

    Parameters
    ----------
    threshold: by default 1.0, for open interest 1.1.
    contracts: table `contracts`, for the rule "instrument".
    levels, interest: for the rule "open_interest".
    """
    match rule:
        case "volume":
            return schedule_by_volume(rows, product, threshold=threshold or 1.0)
        case "instrument":
            known = contracts if contracts is not None else pl.DataFrame(schema={"symbol": pl.String, "instrument_id": pl.Int64})
            return schedule_by_instrument(rows, product, known, threshold=threshold or 1.0)
        case "open_interest":
            return schedule_by_open_interest(rows, product, interest=interest, threshold=threshold or 1.1, levels=levels)
        case _:
            assert_never(rule)
