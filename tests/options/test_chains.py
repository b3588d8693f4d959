"""Chains: what was put in comes out, nothing looks ahead, what is not quoted is not known."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from options.chain_rows import NOW, RATE, SPOT, YIELD, chain, flat
from tickcast import _engine
from tickcast.clock import DAY, MINUTE
from tickcast.errors import ConfigError, DataError, FeatureError
from tickcast.options import TROUBLES, UsableQuotes, black_76, price_chains, surface
from tickcast.schema import SURFACE

NUMBERS = [name for name in SURFACE.names if name not in ("underlying", "ts")]


def smile(days: float, moneyness: np.ndarray) -> np.ndarray:
    return flat(days, moneyness) - 0.15 * moneyness + 0.3 * moneyness**2


def bits(frame: pl.DataFrame) -> bytes:
    return frame.select(NUMBERS).cast(pl.Float64).to_numpy().tobytes()


def test_rate_forward_and_volatility_come_back() -> None:
    priced = price_chains(chain(smile))
    forward = SPOT * np.exp((RATE - YIELD) * priced["days"] / 365)
    assert np.abs(priced["rate"] - RATE).max() < 1e-9
    assert np.abs(priced["forward"] / forward - 1).max() < 1e-9
    known = priced.filter(pl.col("trouble").is_null())
    assert len(known) > 0.8 * len(priced)
    # deep in the money the intrinsic value leaves few digits of time value
    sharp = known.filter(pl.col("own_vega") > 10)
    assert np.abs(sharp["own_iv"] - sharp["iv"]).max() < 1e-7
    assert set(priced["trouble"].drop_nulls().unique()) <= {"no_volatility"}


def test_cells_are_lines_in_total_variance() -> None:
    row = surface(chain()).row(0, named=True)
    for days in (7, 30, 60, 90):
        low = max(d for d in (5, 20, 45, 70, 120) if d <= days)
        high = min(d for d in (5, 20, 45, 70, 120) if d >= days)
        below, above = ((0.2 + 0.1 * d / 365) ** 2 * d for d in (low, high))
        expected = math.sqrt((below + (above - below) * (days - low) / (high - low)) / days)
        for level in ("95", "97_5", "100", "102_5", "105"):
            assert row[f"iv_{days}d_{level}"] == pytest.approx(expected, abs=1e-8)
        assert row[f"atm_iv_{days}d"] == row[f"iv_{days}d_100"]
        assert row[f"put25_iv_{days}d"] == pytest.approx(expected, abs=1e-8)
        assert row[f"call25_iv_{days}d"] == pytest.approx(expected, abs=1e-8)
    assert row["atm_iv_front"] == pytest.approx(0.2 + 0.1 * 5 / 365, abs=1e-8)
    assert row["days_front"] == 5 and row["underlying_price"] == SPOT


def test_agrees_with_a_slow_evaluation_in_plain_python() -> None:
    """One tenor, one expiry on either side: scipy inverts the prices, numpy interpolates."""
    quotes = chain(smile, days=(20, 45), half_spread=0.2)
    row = surface(quotes).row(0, named=True)
    priced = price_chains(quotes)
    rate, variance = row["rate"], {}
    for days in (20, 45):
        part = priced.filter(pl.col("days") == days)
        forward, points = part["forward"][0], []
        for quote in part.filter(pl.col("right") * (pl.col("strike") - pl.col("forward")) >= 0).iter_rows(named=True):
            mid = (quote["bid"] + quote["ask"]) / 2

            def miss(sigma: float, quote: dict[str, float] = quote, mid: float = mid, days: int = days, forward: float = forward) -> float:
                return float(black_76(forward, quote["strike"], days / 365, sigma, quote["right"], rate=rate).price) - mid

            if quote["bid"] > 0:
                sigma = brentq(miss, 1e-4, 5, xtol=1e-14)
                vega = float(black_76(forward, quote["strike"], days / 365, sigma, quote["right"], rate=rate).vega)
                if (quote["ask"] - quote["bid"]) / 2 <= 0.25 * sigma * vega:
                    points.append((math.log(quote["strike"] / forward), sigma**2 * days / 365))
        points.sort()
        variance[days] = [np.interp(math.log(m), *zip(*points, strict=True)) for m in (0.95, 0.975, 1.0, 1.025, 1.05)]
    for i, level in enumerate(("95", "97_5", "100", "102_5", "105")):
        at_30 = variance[20][i] + (variance[45][i] - variance[20][i]) * 10 / 25
        assert row[f"iv_30d_{level}"] == pytest.approx(math.sqrt(at_30 / (30 / 365)), rel=1e-9)
    assert math.isnan(row["atm_iv_7d"]) and math.isnan(row["iv_60d_95"])  # no expiry before, none after


def test_quarter_delta_options_have_a_delta_of_a_quarter() -> None:
    quotes = chain(smile, days=(30,), strikes=np.arange(3000.0, 5001.0, 5.0))
    row = surface(quotes).row(0, named=True)
    forward = SPOT * math.exp((RATE - YIELD) * 30 / 365)
    for side, name in ((-1, "put25_iv_30d"), (1, "call25_iv_30d")):

        def miss(strike: float, side: int = side) -> float:
            sigma = smile(30, np.array([math.log(strike / forward)]))[0]
            return abs(float(black_76(forward, strike, 30 / 365, sigma, side).delta)) - 0.25

        strike = brentq(miss, forward, forward * 1.2) if side > 0 else brentq(miss, forward * 0.8, forward)
        assert row[name] == pytest.approx(smile(30, np.array([math.log(strike / forward)]))[0], abs=2e-5)
    assert row["put25_iv_30d"] > row["atm_iv_30d"] > row["call25_iv_30d"]


def test_sums_and_means() -> None:
    quotes = chain(smile)
    row = surface(quotes).row(0, named=True)
    puts, calls = (quotes.filter(pl.col("right") == side) for side in (-1, 1))
    assert row["put_volume"] == puts["volume"].sum() and row["call_open_interest"] == calls["open_interest"].sum()
    assert row["put_call_volume"] == pytest.approx(puts["volume"].sum() / calls["volume"].sum())
    assert row["quotes"] == len(quotes)
    # a strike's volatility is that of its out-of-the-money option, so the made one serves for both
    priced = price_chains(quotes)
    forward = black_76(
        priced["forward"], priced["strike"], priced["days"] / 365, priced["iv"], priced["right"].cast(pl.Float64), rate=priced["rate"]
    )
    outside = priced.with_columns(pl.Series("value", forward.vega)).filter(pl.col("right") * (pl.col("strike") - pl.col("forward")) >= 0)
    strikes = outside.filter(pl.col("trouble").is_null()).select("expiry", "strike")
    used = priced.with_columns(pl.Series("value", forward.vega)).join(strikes, on=["expiry", "strike"])
    assert row["priced"] == len(used)
    weight = used["open_interest"]
    assert row["oi_vega"] == pytest.approx((used["value"] * weight).sum() / weight.sum(), rel=1e-6)
    assert row["oi_days"] == pytest.approx((used["days"] * weight).sum() / weight.sum(), rel=1e-9)
    assert row["oi_moneyness"] == pytest.approx((used["moneyness"] * weight).sum() / weight.sum(), rel=1e-9)


def test_what_is_not_quoted_is_not_known() -> None:
    quotes = chain(days=(30,))
    assert all(surface(quotes).row(0, named=True)[f"iv_30d_{level}"] > 0 for level in ("95", "100", "105"))

    def without(condition: pl.Expr) -> dict[str, float]:
        return surface(quotes.with_columns(pl.when(~condition).then(pl.col("bid")).otherwise(0.0).alias("bid"))).row(0, named=True)

    row = without(pl.col("strike") < 3900)  # zero bids on the left
    assert math.isnan(row["iv_30d_95"]) and row["iv_30d_105"] > 0 and row["put_open_interest"] > 0
    row = without(pl.col("strike").is_between(3500, 3990))  # a hole wider than the gap
    assert math.isnan(row["iv_30d_95"]) and row["iv_30d_105"] > 0
    row = without(pl.lit(True))
    assert all(math.isnan(row[name]) for name in NUMBERS if "iv_" in name or name.startswith("oi_"))
    assert row["put_call_volume"] > 0 and row["priced"] == 0


@pytest.mark.parametrize(
    ("change", "trouble"),
    [
        ({"bid": 0.0}, "no_bid"),
        ({"bid": None}, "no_bid"),
        ({"ask": 0.0}, "no_offer"),
        ({"bid": 9e3, "ask": 8e3}, "crossed"),
        ({"bid": 3e3, "ask": 9e3}, "no_volatility"),
        ({"bid": 1.0, "ask": 250.0}, "wide"),
        ({"expiry": NOW - 1}, "expired"),
    ],
)
def test_a_quote_that_tells_nothing_says_why(change: dict[str, float | None], trouble: str) -> None:
    quotes = chain(smile, days=(30,))
    at = quotes.with_row_index().filter((pl.col("strike") == 4000) & (pl.col("right") == 1))["index"][0]
    quotes = quotes.with_columns(
        pl.when(pl.int_range(pl.len()) == at).then(pl.lit(value)).otherwise(pl.col(name)).cast(quotes[name].dtype).alias(name)
        for name, value in change.items()
    )
    priced = price_chains(quotes)
    found = priced.filter((pl.col("strike") == 4000) & (pl.col("right") == 1)).row(0, named=True)
    assert found["trouble"] == trouble and math.isnan(found["own_iv"]) and math.isnan(found["own_delta"])
    row = surface(quotes).row(0, named=True)
    assert row["atm_iv_30d"] == pytest.approx(0.2 + 0.1 * 30 / 365, abs=2e-3), "the neighbours carry on"
    assert trouble in TROUBLES.values()


def test_one_side_only_has_no_forward() -> None:
    calls = chain(smile, days=(30,)).filter(pl.col("right") == 1)
    assert price_chains(calls)["trouble"].unique().to_list() == ["no_forward"]
    assert math.isnan(surface(calls).row(0, named=True)["atm_iv_30d"])
    feed = surface(calls, usable=UsableQuotes(iv="feed")).row(0, named=True)
    assert feed["atm_iv_30d"] == pytest.approx(0.2082, abs=1e-3)  # the feed's volatility, on the feed's underlying


def test_the_feed_is_asked_only_on_request() -> None:
    quotes = chain(days=(30,)).with_columns(iv=pl.lit(0.9))
    assert surface(quotes)["atm_iv_30d"][0] == pytest.approx(0.2082, abs=1e-4)
    assert surface(quotes, usable=UsableQuotes(iv="feed"))["atm_iv_30d"][0] == pytest.approx(0.9)
    bare = quotes.drop("bid", "ask")
    assert math.isnan(surface(bare)["atm_iv_30d"][0])
    assert surface(bare, usable=UsableQuotes(iv="feed"))["atm_iv_30d"][0] == pytest.approx(0.9)
    lacking = quotes.with_columns(iv=pl.when(pl.col("strike") != 4000).then(0.9))
    own = price_chains(lacking, UsableQuotes(iv="feed")).filter(pl.col("strike") == 4000)
    assert np.abs(own["own_iv"] - 0.2082).max() < 1e-3


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_no_row_knows_what_comes_later(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = pl.concat([chain(smile, days=(10, 40, 100), ts=NOW + i * DAY, half_spread=0.3) for i in range(3)])
    stamps = NOW + np.sort(rng.integers(0, 3 * DAY, len(days)))
    quotes = days.with_columns(ts=pl.Series(stamps)).with_columns(bid=pl.col("bid") * pl.Series(rng.uniform(0.9, 1, len(days))))
    at = np.sort(rng.integers(NOW, NOW + 3 * DAY, 6))
    known = surface(quotes, at=at, max_age="1d")
    for cut in (1, 3, 5):
        later = pl.col("ts") > int(at[cut - 1])
        for changed in (
            quotes.filter(~later),
            quotes.with_columns(bid=pl.when(later).then(pl.col("bid") * 0.5).otherwise(pl.col("bid"))),
            quotes.with_columns(open_interest=pl.when(later).then(1e6).otherwise(pl.col("open_interest"))),
        ):
            again = surface(changed, at=at[:cut], max_age="1d")
            assert bits(again) == bits(known.filter(pl.col("ts") <= int(at[cut - 1]))[: len(again)])


def test_the_latest_quote_counts_until_it_is_old() -> None:
    early, late = chain(days=(30,)), chain(lambda d, m: flat(d, m) + 0.1, days=(30,))
    late = late.with_columns(ts=pl.col("ts") + 10 * MINUTE)
    both = pl.concat([early, late])
    rows = surface(both, at=[NOW - 1, NOW, NOW + 5 * MINUTE, NOW + 10 * MINUTE, NOW + 71 * MINUTE])
    values = rows["atm_iv_front"].to_list()
    assert math.isnan(values[0]) and math.isnan(values[4])
    assert values[1] == pytest.approx(0.2082, abs=1e-4)
    assert rows["quotes"].to_list() == [0, len(early), len(early), len(late), 0]
    assert values[3] == pytest.approx(0.3082, abs=2e-3)
    only = surface(late, at=[NOW + 10 * MINUTE])
    assert bits(only) == bits(rows[3:4]), "the older quotes are forgotten"
    settled = surface(early, at=[NOW + 30 * DAY], max_age="60d")
    assert settled["quotes"][0] == 0


def test_order_within_a_stamp_and_other_underlyings_change_nothing() -> None:
    quotes = chain(smile, half_spread=0.3)
    known = surface(quotes)
    shuffled = quotes.sample(fraction=1.0, shuffle=True, seed=4)
    assert bits(surface(shuffled)) == bits(known)
    other = chain(days=(15, 50), name="OTHER")
    together = surface(pl.concat([quotes, other]))
    assert together["underlying"].to_list() == ["MADE", "OTHER"]
    assert bits(together.filter(pl.col("underlying") == "MADE")) == bits(known)
    priced = price_chains(quotes)
    back = price_chains(shuffled).sort("expiry", "strike", "right")
    assert back.select("own_iv", "trouble").equals(priced.sort("expiry", "strike", "right").select("own_iv", "trouble"))


def test_context_is_carried_and_nothing_gives_nothing() -> None:
    quotes = chain(days=(30,)).with_columns(session_id=pl.lit(NOW + 1), trading_day=pl.lit(7, pl.Int32))
    found = surface(quotes)
    assert found["session_id"].to_list() == [NOW + 1] and found["trading_day"].to_list() == [7]
    empty = surface(quotes.clear())
    assert empty.columns == list(SURFACE.names) and len(empty) == 0
    assert len(price_chains(quotes.clear())) == 0


def test_what_cannot_be_meant_is_told() -> None:
    quotes = chain(days=(30,))
    with pytest.raises(DataError, match="not in time order"):
        surface(quotes, at=[NOW + 1, NOW])
    with pytest.raises(ConfigError, match="max_age|duration"):
        surface(quotes, max_age="soon")
    with pytest.raises(ConfigError, match="own or feed"):
        UsableQuotes(iv="vendor")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="spread"):
        UsableQuotes(spread=math.nan)
    with pytest.raises(DataError, match="strike"):
        surface(quotes.drop("strike"))
    one, two = np.zeros(1, np.int64), np.zeros(2, np.int64)
    with pytest.raises(FeatureError, match="8 are needed"):
        _engine.option_surface(one, one, [np.ones(1)], one, 1, (1.0, 1.0, False))
    with pytest.raises(FeatureError, match="differ in length"):
        _engine.option_chain(one, two, [np.ones(1)] * 8, (1.0, 1.0, False))
    with pytest.raises(FeatureError, match="not in time order"):
        _engine.option_chain(np.array([2, 1]), two, [np.ones(2)] * 8, (1.0, 1.0, False))


def test_the_engine_fills_every_column_of_the_table() -> None:
    quotes = chain(smile)
    values = [
        quotes[name].cast(pl.Float64).to_numpy().copy() for name in ("strike", "right", "bid", "ask", "iv", "volume", "open_interest")
    ]
    ts, expiry, nothing = quotes["ts"].to_numpy().copy(), quotes["expiry"].to_numpy().copy(), np.ones(len(quotes))
    found = _engine.option_surface(ts, expiry, [*values, nothing], ts[:1], 1, (0.25, 0.1, False))
    assert found.shape == (1, len(NUMBERS)) and np.isfinite(found).all()
