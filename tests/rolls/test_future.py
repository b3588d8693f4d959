"""The attack on rolls: what lies after a moment is changed in every way; schedules and series before it stay, under every rule."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from tickcast.clock import DAY, HOUR, SECOND
from tickcast.errors import DataError
from tickcast.rolls import RollSchedule, Rule, continuous, schedule_by, spliced

CONTRACTS = ("cu2401", "cu2402", "cu2403", "cu2404")
FIRST, DAYS = 19_640, 8
RULES: tuple[tuple[str, Rule, int], ...] = (
    *((kind, rule, 0) for kind in ("bars", "trades", "book") for rule in ("volume", "instrument", "open_interest")),
    ("book", "open_interest", 2),
)


def market(seed: int, kind: str) -> pl.DataFrame:
    """Four contracts with random volumes, open interest and depth; contracts are silent on some days, figures absent in some rows."""
    rng, rows = np.random.default_rng(seed), []
    for day in range(FIRST, FIRST + DAYS):
        for i, symbol in enumerate(CONTRACTS):
            if rng.random() < 0.1:
                continue
            volume, held = 0.0, float(rng.integers(0, 60))
            for k in range(4):
                price, size = round(100 + i + rng.normal(), 2), float(rng.integers(0, 30))
                volume, held = volume + size, max(held + float(rng.integers(-9, 10)), 0.0)
                ts = day * DAY + (2 + 3 * k) * HOUR + (0 if kind == "bars" else i * SECOND)
                rows.append((symbol, ts, day, price, size, volume, held if rng.random() < 0.8 else None, rng.random() < 0.3))
    names = ["symbol", "ts", "trading_day", "price", "size", "volume", "open_interest", "deep"]
    frame = pl.DataFrame(rows, schema=names, orient="row", schema_overrides={"open_interest": pl.Float64}).sort("ts", "symbol")
    if kind == "bars":
        closes = (pl.col("price").alias(name) for name in ("open", "high", "low", "close"))
        return frame.with_columns(*closes, volume=pl.col("size")).drop("price", "size", "deep")
    if kind == "trades":
        return frame.drop("volume", "deep")
    second = {f"{side}_price_2": pl.when(pl.col("deep")).then(pl.col("price") + 2 * sign) for side, sign in (("bid", -1), ("ask", 1))}
    return frame.with_columns(bid_price_1=pl.col("price") - 1, ask_price_1=pl.col("price") + 1, **second).drop("price", "size", "deep")


def told(*later: tuple[str, int, int, int | None]) -> pl.DataFrame:
    known = [(symbol, (FIRST - 1) * DAY, i, None) for i, symbol in enumerate((*CONTRACTS, "cu2405"))]
    schema = {"symbol": pl.String, "ts": pl.Int64, "instrument_id": pl.Int64, "expiry": pl.Int64}
    return pl.DataFrame([*known, *later], schema=schema, orient="row")


def attacks(rows: pl.DataFrame, moment: int, rng: np.random.Generator) -> Iterator[tuple[str, pl.DataFrame]]:
    past, future = rows.filter(pl.col("ts") <= moment), rows.filter(pl.col("ts") > moment)
    counted = [name for name in ("size", "volume", "open_interest") if name in rows.columns]
    prices = [name for name in rows.columns if name in ("open", "high", "low", "close") or "price" in name]
    led = pl.col("symbol") == CONTRACTS[2]
    listed = future.filter(pl.col("symbol") == CONTRACTS[3]).with_columns(pl.lit("cu2405").alias("symbol"))
    changes = {
        "deleted": past,
        "a contract's tail deleted": pl.concat([past, future.filter(pl.col("symbol") != CONTRACTS[1])]),
        "a roll inserted": pl.concat([past, future.with_columns(pl.when(led).then(1e5).otherwise(1.0).alias(name) for name in counted)]),
        "noise": pl.concat([past, future.with_columns(pl.Series(name, rng.uniform(0, 500, len(future))) for name in counted)]),
        "prices": pl.concat([past, future.with_columns(pl.col(name) * 2 for name in prices)]),
        "a contract listed": pl.concat([past, future, listed]).sort("ts", "symbol"),
    }
    if "bid_price_2" in rows.columns:
        changes["deep"] = pl.concat([past, future.with_columns(bid_price_2=pl.lit(98.0), ask_price_2=pl.lit(102.0))])
    yield from changes.items()


def answer(rows: pl.DataFrame, rule: Rule, levels: int, contracts: pl.DataFrame) -> tuple[RollSchedule, list[pl.DataFrame]] | None:
    """None where a roll cannot be priced or nothing leads yet: an error changes no earlier row."""
    try:
        schedule = schedule_by(rule, rows, "cu", levels=levels, contracts=contracts)
        return schedule, [continuous(rows, schedule), spliced(rows, schedule)]
    except DataError:
        return None


@pytest.mark.parametrize(("kind", "rule", "levels"), RULES)
def test_nothing_after_a_moment_changes_a_schedule_or_a_series_before_it(kind: str, rule: Rule, levels: int) -> None:
    asked = 0
    for seed in range(3):
        rows, rng = market(seed, kind), np.random.default_rng(seed)
        base = answer(rows, rule, levels, told())
        if base is None:
            continue
        for moment in (int(rng.integers(1, DAYS - 1)) * DAY + hour * HOUR + FIRST * DAY for hour in (6, 20)):
            day = moment // DAY - (moment % DAY < 12 * HOUR)  # the last day that was over
            for name, changed in attacks(rows, moment, rng):
                other = answer(changed, rule, levels, told(("cu2403", moment + 1, 77, 1), ("cu2402", moment + 1, 78, None)))
                if other is None:
                    continue
                asked += 1
                before, after = ([roll for roll in each[0].rolls if roll.decided <= day] for each in (base, other))
                assert before == after, f"{name} after {moment}: another schedule"
                for one, two in zip(base[1], other[1], strict=True):
                    assert one.filter(pl.col("ts") <= moment).equals(two.filter(pl.col("ts") <= moment)), f"{name} after {moment}"
    assert asked > 10


def test_of_a_day_counts_what_was_told_of_contracts_by_its_last_row_in_whatever_order_it_is_listed() -> None:
    """The session of the next day begins an hour before midnight: what is told then was not known when the day before was decided."""
    rows = market(3, "bars")
    midday, evening = (FIRST + 1) * DAY + 11 * HOUR, (FIRST + 1) * DAY + 23 * HOUR
    shown = [schedule_by("instrument", rows, "cu", contracts=told(*late)).rolls for late in ((), (("cu2404", evening, 9, 1),))]
    assert [roll for roll in shown[0] if roll.decided <= FIRST + 1] == [roll for roll in shown[1] if roll.decided <= FIRST + 1]
    assert (shown[0][1].contract, shown[0][1].decided) == ("cu2404", FIRST + 1)
    several = told(*((symbol, midday - k * HOUR, 10 * k, None) for symbol in CONTRACTS for k in range(1, 6)))
    first = schedule_by("instrument", rows, "cu", contracts=several)
    assert all(schedule_by("instrument", rows, "cu", contracts=several.sample(fraction=1, shuffle=True, seed=k)) == first for k in range(8))
