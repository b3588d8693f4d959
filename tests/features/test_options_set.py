"""The set `options`: each factor is its formula, on made-up rows and on the real chains; what is not quoted is not known."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.small_surface import surfaces
from house import checkout
from options.feeds import feed
from tickcast.checks import feature_set
from tickcast.errors import LawBroken
from tickcast.features import FeatureSet, FeatureTable
from tickcast.options import surface
from tickcast.schema import SURFACE

OPTIONS = FeatureSet.load("options")


@cache
def real(folder: Path, name: str) -> tuple[pl.DataFrame, FeatureTable]:
    rows = surface(feed(folder, name).frame)
    return rows, OPTIONS.compute(rows)


def twin(frame: pl.DataFrame) -> pl.DataFrame:
    """Polars' own answer to every line that is more than a column or a difference of two."""
    c, spot = pl.col, pl.col("underlying_price")
    back = (spot / spot.shift(1)).log()
    iv, realised = c("atm_iv_30d"), (252 * (back**2).rolling_mean(21)).sqrt()
    low, high = iv.rolling_min(252), iv.rolling_max(252)
    ratio = c("put_call_volume")
    return frame.with_columns(c("put25_iv_30d", "call25_iv_30d").cast(pl.Float64)).select(
        basis_bp=1e4 * (c("forward_front") / spot).log(),
        priced_share=c("priced") / c("quotes"),
        term_slope_7_30=(iv - c("atm_iv_7d")) / (23 / 365),
        forward_iv_30_90=((90 * c("atm_iv_90d") ** 2 - 30 * iv**2) / 60).sqrt(),
        skew_60d=c("iv_60d_95") - c("iv_60d_105"),
        smile_25_30d=(c("put25_iv_30d") + c("call25_iv_30d")) / 2 - iv,
        put_call_volume_z_20=(ratio - ratio.rolling_mean(20)) / ratio.rolling_std(20),
        vega_oi_bp=1e4 * (c("oi_vega") / 100) / spot,
        theta_oi_bp=1e4 * (c("oi_theta") / 365) / spot,
        gamma_oi_1pct=c("oi_gamma") * spot * 0.01,
        atm_iv_30d_change_5=iv - iv.shift(5),
        iv_range_252=(iv - low) / (high - low),
        iv_of_iv_20=(iv / iv.shift(1)).log().rolling_std(20) * np.sqrt(252),
        iv_rv_spread=iv - realised,
        variance_premium=iv**2 - realised**2,
        return_in_iv=back * np.sqrt(252) / iv.shift(1),
    )


def test_each_factor_is_its_formula() -> None:
    frame = surfaces(600)
    found, expected = OPTIONS.compute(frame), twin(frame)
    for name in expected.columns:
        theirs = expected[name].fill_null(float("nan")).to_numpy()
        np.testing.assert_allclose(found.column(name), theirs, rtol=1e-9, atol=1e-9, err_msg=name)
    rank = found.column("iv_rank_60")
    iv = frame["atm_iv_30d"].to_numpy()
    assert rank[300] == np.mean(iv[241:301] <= iv[300]) and np.isnan(rank[58]) and np.isfinite(rank[59])


def test_every_factor_is_told_and_every_kind_asked_for_is_there() -> None:
    page = (checkout.ROOT / "docs" / "features" / "options.md").read_text(encoding="utf-8")
    assert [name for name in OPTIONS.names if f"`{name}`" not in page] == []
    cells = [name for name in SURFACE.names if name.startswith("iv_")]
    assert len(cells) == 20 and set(cells) <= set(OPTIONS.names)
    assert {"days_to_expiry", "moneyness_oi", "put_call_volume", "put_call_oi", "term_slope_30_90", "delta_oi"} <= set(OPTIONS.names)
    assert {f"atm_iv_{days}d" for days in (7, 30, 60, 90)} <= set(OPTIONS.names)


def test_what_is_not_quoted_stays_unknown(market_data: Path) -> None:
    _, table = real(market_data, "spxw_2018-01_02")  # one expiry at a time brackets no tenor
    unknown = [name for name in table.names if "30d" in name or "iv_7d" in name or name.startswith(("term_", "skew_", "smile_"))]
    assert len(unknown) > 20 and np.isnan(table.select(unknown).values).all()
    known = ["atm_iv_front", "days_to_expiry", "put_call_volume", "put_call_oi", "delta_oi", "gamma_oi_1pct", "basis_bp"]
    assert np.isfinite(table.select(known).values).all()


def test_february_2018(market_data: Path) -> None:
    _, table = real(market_data, "spxw_2018-01_02")
    days = [datetime.fromtimestamp(ts / 1e9, UTC).date() for ts in table.ts]
    crash = days.index(date(2018, 2, 5))
    assert np.nanargmax(table.column("atm_iv_front_change_1")) == crash
    assert table.column("atm_iv_front_change_1")[crash] > 0.15
    assert table.column("log_return")[crash] < -0.04
    assert np.argmin(table.column("basis_bp")) == crash and table.column("basis_bp")[crash] < -70
    assert np.argmin(table.column("delta_oi")) == crash


@pytest.mark.parametrize(("name", "skew", "slope"), [("spx_2011-01", 1, 1), ("vxx_2016-12", -1, 1)])
def test_shapes_that_markets_have(market_data: Path, name: str, skew: int, slope: int) -> None:
    """An index pays for falls, a volatility product for rises; in calm times the far future is the less certain."""
    _, table = real(market_data, name)
    assert (skew * table.column("skew_30d") > 0).all() and (skew * table.column("skew_25_30d") > 0).all()
    assert (slope * table.column("term_slope_30_90") > 0).all()
    assert ((table.column("forward_iv_30_90") > table.column("atm_iv_30d")) == (slope > 0)).all()
    assert (table.column("put_call_oi") > 1).all()
    assert ((table.column("atm_iv_30d") > 0.1) & (table.column("atm_iv_30d") < 0.9)).all()


def test_a_chain_from_end_to_end_looks_back_only(market_data: Path) -> None:
    """From quotes to features: whatever later snapshots say, a row stays what it was."""
    quotes = feed(market_data, "vxx_2016-12").frame
    _, known = real(market_data, "vxx_2016-12")
    cut = int(known.ts[11])
    for change in (pl.col("bid") * 0.7, pl.col("bid") * 0.0):
        later = quotes.with_columns(pl.when(pl.col("ts") > cut).then(change).otherwise(pl.col("bid")).alias("bid"))
        again = OPTIONS.compute(surface(later))
        assert again.values[:12].tobytes() == known.values[:12].tobytes()
        assert again.values[12:].tobytes() != known.values[12:].tobytes()


def test_the_spread_of_ash_takes_the_last_chain_known() -> None:
    """Merged with ash: implied volatility as of each second, over sessions, until it is four days old; less what ash realises."""
    rng = np.random.default_rng(8)
    n, second, day = 3000, 1_000_000_000, 86_400_000_000_000
    start = 1_700_000_000 * second
    session = np.repeat([0, 1, 2], n // 3)  # the third is a week later
    ts = start + np.array([0, day, 8 * day])[session] + np.tile(np.arange(n // 3), 3) * second
    close = start + np.array([0, day, 8 * day])[session] + 2000 * second
    price = 100 * np.exp(np.cumsum(1e-4 * rng.standard_normal(n)))
    trades = pl.DataFrame({"symbol": "X", "ts": ts, "price": price, "size": 1.0, "session_id": close, "segment_id": 0})
    known = [start + 500 * second, start + day - 3600 * second, start + day + 700 * second]
    chain = surfaces(3).with_columns(ts=pl.Series(known))
    sets = FeatureSet.merge([FeatureSet.load("ash"), FeatureSet.load("ash_options")])
    table = sets.compute({"trades": trades, "surface": chain})
    seen = pl.DataFrame({"ts": table.ts}).join_asof(chain.select("ts", "atm_iv_30d", at="ts"), on="ts", strategy="backward")
    fresh = (seen["ts"] - seen["at"] <= 4 * day).fill_null(False)
    expected = seen["atm_iv_30d"].to_numpy().copy()
    expected[~fresh.to_numpy()] = np.nan
    np.testing.assert_array_equal(table.column("iv_30d"), expected)
    assert np.isfinite(expected).any() and np.isnan(expected[table.ts > start + 7 * day]).all()
    spread = expected - table.column("rv_600s")
    np.testing.assert_array_equal(table.column("iv_rv_spread_600s"), spread)
    assert np.isfinite(spread[(table.ts > start + day) & (table.ts < start + 2 * day)]).sum() > 300


def test_a_cell_nobody_quotes_at_first_is_no_broken_law() -> None:
    frame = surfaces(400, per_session=400).with_columns(iv_7d_95=pl.when(pl.int_range(pl.len()) >= 3).then("iv_7d_95"))
    assert feature_set.warmup_is_as_declared(OPTIONS, frame, np.random.default_rng(0)) is None
    graph = OPTIONS.graph()
    late = next(feature for feature in graph["features"] if feature["name"] == "skew_30d")
    late["warmup"] = 1  # declared late, known at once
    with pytest.raises(LawBroken, match="skew_30d"):
        feature_set.warmup_is_as_declared(FeatureSet.from_graph(graph), frame, np.random.default_rng(0))
