"""The set `lob`: every factor is what numpy says, on made-up books of every kind and on a real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.slow_book import Column, book_factors, touch_factors
from features.slow_flow import flow_factors
from features.small_book import market
from house import checkout
from tickcast.checks import feature_set as laws
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet, FeatureTable
from tickcast.sources import Lobster

LOB, TOUCH = FeatureSet.load("lob"), FeatureSet.load("touch")
SLOW = ("rv_2h_bp", "vpin_50")  # longer than the part of the day that is tried


def unlike(given: dict[str, pl.DataFrame], *, known: float, slow: tuple[str, ...] = ()) -> list[str]:
    """Factors of the set, or of its slow twins, that do not agree."""
    expected = book_factors(given["book"])
    expected |= flow_factors(given["book"], given["trades"], given["orders"], expected)
    found = LOB.compute(given, step=1)
    return [*differing(found, expected, known, slow), *sorted(set(expected) - set(found.names))]


def differing(found: FeatureTable, expected: dict[str, Column], known: float, slow: tuple[str, ...]) -> list[str]:
    """Factors that differ by more than 1e-9, are not unknown alike, or but for the `slow` are not known in a share of rows."""
    bad = []
    for name in found.names:
        ours, theirs = found.column(name), expected[name]
        same = np.allclose(ours, theirs, rtol=1e-9, atol=1e-9, equal_nan=True)
        if not same or not (name in slow or np.isfinite(ours).mean() > known):
            bad.append(name)
    return bad


@pytest.mark.parametrize("odd", [False, True])
def test_made_up_books(odd: bool) -> None:
    assert unlike(market(5000, odd=odd), known=-1.0 if odd else 0.2) == []


def test_the_touch_alone_says_the_same(market_data: Path) -> None:
    path = market_data / "lobster" / "LOBSTER_SampleFile_AAPL_2012-06-21_1.zip"
    day = {table: next(iter(Lobster(path, table=table).history())).frame for table in ("orders", "trades", "book")}
    part = part_of(day, 40_000, 55_000)
    expected = book_factors(part["book"])
    expected |= flow_factors(part["book"], part["trades"], part["orders"], expected) | touch_factors(part["book"])
    found = TOUCH.compute({name: part[name] for name in ("trades", "book")}, step=1)
    assert len(found.names) >= 75
    assert differing(found, expected, 0.05, SLOW) == []


@pytest.fixture(scope="module")
def day(market_data: Path) -> dict[str, pl.DataFrame]:
    """The streams of a real day, the main one last."""
    path = market_data / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
    return {table: next(iter(Lobster(path, table=table).history())).frame for table in ("orders", "trades", "book")}


def part_of(day: dict[str, pl.DataFrame], first: int, last: int) -> dict[str, pl.DataFrame]:
    """Events from one book to another."""
    start, end = day["book"]["ts"][first], day["book"]["ts"][last]
    return {table: frame.filter(pl.col("ts").is_between(start, end, closed="left")) for table, frame in day.items()}


def test_a_real_day(day: dict[str, pl.DataFrame]) -> None:
    assert unlike(part_of(day, 60_000, 75_000), known=0.2, slow=SLOW) == []


@pytest.mark.parametrize("law", [laws.looks_back_only, laws.corrections_wait, laws.batch_is_stream, laws.restart_changes_nothing])
def test_the_laws_hold_on_a_real_day(law: Callable[..., object], day: dict[str, pl.DataFrame]) -> None:
    rows = 300 if law is laws.looks_back_only else 3000
    assert law(LOB, part_of(day, 60_000, 60_000 + rows), np.random.default_rng(1)) is None


def test_there_are_more_than_a_hundred_and_each_is_told() -> None:
    assert len(LOB.names) >= 100
    page = (checkout.ROOT / "docs" / "features" / "lob.md").read_text(encoding="utf-8")
    assert [name for name in (*LOB.names, *TOUCH.names) if f"`{name}`" not in page] == []


def test_books_that_are_crossed_locked_or_empty_do_no_harm() -> None:
    given = market(600)
    frame = given["book"]
    crossed = frame.with_columns(
        bid_price_1=pl.when(pl.int_range(pl.len()) == 300).then(pl.col("ask_price_1") + 1).otherwise("bid_price_1")
    )
    table = LOB.compute({**given, "book": crossed}, step=1)
    assert table.column("crossed").tolist() == [float(i == 300) for i in range(600)]
    assert table.column("spread_bp")[300] < 0
    names = [name for name in frame.columns if name.startswith(("bid_", "ask_"))]
    void = frame.with_columns(pl.when(pl.int_range(pl.len()) != 300).then(pl.col(name)).alias(name) for name in names)
    values = LOB.compute({**given, "book": void}, step=1)
    assert np.isnan(values.price[300]) and np.isfinite(values.price[299])
    flows = [name for name in LOB.names if name.startswith("ofi_1_100")]
    assert np.isfinite(values.select(flows).values[-1]).all(), "an empty book is no order flow"
    assert np.isfinite(values.select(["imbalance_1", "spread_bp", "pressure_5"]).values[301]).all()


def test_a_clock_that_goes_back_is_refused() -> None:
    given = market(50)
    frame = given["book"]
    back = frame.with_columns(ts=pl.when(pl.int_range(pl.len()) == 30).then(pl.col("ts") - 10**12).otherwise("ts"))
    with pytest.raises(FeatureError, match="31|30"):
        LOB.compute({**given, "book": back})


@pytest.mark.parametrize("expression", ["ofi(11)", "imbalance(0)", "ofi(1.5)", "ofi(mid())", "ofi(True)"])
def test_a_level_that_no_book_has_is_refused(expression: str) -> None:
    words = {"name": "t", "stream": "book", "clock": {"on": "book"}, "price": "mid()", "features": {"x": expression}}
    with pytest.raises(FeatureError, match="Levels of a book are 1 to 10"):
        FeatureSet.from_dict(words)
