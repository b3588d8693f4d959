"""Real chains: own volatilities and greeks against the feeds' own, each difference with its cause."""

from __future__ import annotations

import lzma
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from options.feeds import feed
from tickcast.clock import DAY
from tickcast.options import black_scholes, implied_volatility, price_chains, surface
from tickcast.sources import Cleaned


@cache
def _read(folder: Path, name: str) -> Cleaned:
    return feed(folder, name)


def outside(folder: Path, name: str) -> pl.DataFrame:
    """Out-of-the-money quotes with a bid and a volatility of the feed's, days counted from date to date as the feeds do."""
    rows = _read(folder, name).frame.filter((pl.col("bid") > 0) & pl.col("iv").is_not_null())
    days = (pl.col("expiry") + DAY // 2) // DAY - (pl.col("ts") + DAY // 2) // DAY
    return rows.with_columns(days=days).filter(
        (pl.col("days") > 1) & (pl.col("right") * (pl.col("strike") - pl.col("underlying_price")) > 0)
    )


def quantiles(found: np.ndarray, expected: pl.Series) -> tuple[float, float]:
    """Median and 90 % quantile of the absolute difference; a volatility that is missing counts as a large one."""
    apart = np.nan_to_num(np.abs(found - expected.to_numpy()), nan=9.0)
    return float(np.quantile(apart, 0.5)), float(np.quantile(apart, 0.9))


def test_every_row_is_read_or_counted(market_data: Path) -> None:
    for name, rows, settled in (("spx_2011-01", 9832, 62), ("spxw_2018-01_02", 14438, 750), ("vxx_2016-12", 27940, 484)):
        chunk = _read(market_data, name)
        assert len(chunk.frame) + len(chunk.quarantined) == rows
        # contracts that settled at 16:00 are still in a file taken at 16:15
        assert dict(chunk.counts) == {"expired": settled}
    first = _read(market_data, "spxw_2018-01_02").frame.row(0, named=True)
    assert datetime.fromtimestamp(first["ts"] / 1e9, UTC) == datetime(2018, 1, 2, 21, 15, tzinfo=UTC)
    assert datetime.fromtimestamp(first["expiry"] / 1e9, UTC) == datetime(2018, 1, 31, 21, 0, tzinfo=UTC)
    vxx = {datetime.fromtimestamp(ts / 1e9, UTC).date() for ts in _read(market_data, "vxx_2016-12").frame["expiry"].unique()}
    assert date(2017, 1, 20) in vxx and date(2017, 1, 21) not in vxx, "a contract listed under a Saturday ends on Friday"


def test_vxx_inverts_the_offer(market_data: Path) -> None:
    """Its volatilities are those of the ask: under that convention all but one in ten agree to 0.1 points. No early exercise is seen."""
    rows = outside(market_data, "vxx_2016-12")
    spot, years, rate = rows["underlying_price"], rows["days"] / 365, 0.002

    def against(price: pl.Series) -> tuple[float, float]:
        found = implied_volatility(price, spot * np.exp(rate * years), rows["strike"], years, rows["right"], rate=rate)
        return quantiles(found, rows["iv"])

    median, most = against(rows["ask"])
    assert median < 3e-4 and most < 1e-3
    assert against((rows["bid"] + rows["ask"]) / 2)[0] > 20 * median
    near = rows.filter((pl.col("strike") / pl.col("underlying_price")).log().abs() < 0.1)
    own = black_scholes(near["underlying_price"], near["strike"], near["days"] / 365, near["iv"], near["right"], rate=rate)
    for name, within in (("delta", 1e-3), ("gamma", 1e-3), ("vega", 1e-3), ("theta", 2.5e-3)):
        relative = np.abs(near[name].to_numpy() / getattr(own, name) - 1)
        assert np.quantile(relative, 0.9) < within, name


def test_spx_agrees_on_its_own_terms(market_data: Path) -> None:
    """The middle of bid and offer, a forward per expiry: ours by parity, the feed's from a dividend forecast."""
    rows = price_chains(_read(market_data, "spx_2011-01").frame)
    kept = rows.filter(
        pl.col("trouble").is_null() & pl.col("iv").is_not_null() & (pl.col("moneyness").abs() < 0.1) & (pl.col("days") > 10)
    ).filter(pl.col("right") * pl.col("moneyness") > 0)
    median, most = quantiles(kept["own_iv"].to_numpy(), kept["iv"])
    assert len(kept) > 1000 and median < 2e-3 and most < 8e-3
    for name, within in (("delta", 0.04), ("gamma", 0.06), ("vega", 0.03), ("theta", 0.07)):
        relative = (kept[name] / kept[f"own_{name}"] - 1).abs()
        assert relative.quantile(0.5) < within / 4 and relative.quantile(0.9) < within, name  # type: ignore[operator]


def test_spx_agrees_on_the_feeds_forward(market_data: Path) -> None:
    """What is left when the feed's own forward is taken: its rates."""
    raw = pl.read_csv(lzma.decompress((market_data / "options" / "spx_2011-01.csv.xz").read_bytes()), infer_schema_length=None)
    raw = raw.filter(pl.col("isinterpolated").is_null() & (pl.col("iv") > 0) & (pl.col("bid") > 0) & pl.col("forward_price").is_not_null())
    side = pl.when(pl.col("call/put") == "C").then(1.0).otherwise(-1.0)
    day, last = (pl.col(name).str.to_date("%m/%d/%Y") for name in ("date", "option_expiration"))
    raw = raw.with_columns(side=side, years=(last - day).dt.total_days() / 365)
    raw = raw.filter(pl.col("side") * (pl.col("strike") - pl.col("stock_price_close")) > 0)
    middle = (raw["bid"] + raw["ask"]) / 2
    found = implied_volatility(middle, raw["forward_price"], raw["strike"], raw["years"], raw["side"], rate=0.01)
    median, most = quantiles(found, raw["iv"])
    assert len(raw) > 2500 and median < 5e-4 and most < 2e-3


def test_spxw_differs_by_its_stale_index(market_data: Path) -> None:
    """The feed sets options of 16:15 against the index of 16:00. Where the two agree so do the volatilities, outside its flat wings."""
    rows = price_chains(_read(market_data, "spxw_2018-01_02").frame)
    wing = pl.col("iv").diff().over("ts", "right") == 0  # it repeats the last volatility it found
    kept = rows.sort("ts", "right", "strike").with_columns(wing=wing).filter(~pl.col("wing").fill_null(False))
    kept = kept.filter(pl.col("trouble").is_null() & pl.col("iv").is_not_null() & (pl.col("days") > 5))
    kept = kept.filter((pl.col("right") * pl.col("moneyness") > 0) & (pl.col("moneyness").abs() < 0.1))
    stale = (pl.col("forward") / pl.col("underlying_price") - 1).abs() > 0.002
    median, most = quantiles(kept.filter(~stale)["own_iv"].to_numpy(), kept.filter(~stale)["iv"])
    assert median < 4e-3 and most < 1.2e-2
    assert quantiles(kept.filter(stale)["own_iv"].to_numpy(), kept.filter(stale)["iv"])[0] > 2 * median


@pytest.mark.parametrize(("name", "better"), [("spx_2011-01", 5), ("spxw_2018-01_02", 20), ("vxx_2016-12", 8)])
def test_call_and_put_of_a_strike_agree(market_data: Path, name: str, better: int) -> None:
    """Parity says that a strike has one volatility. Ours has, to a tenth of a point; the feeds' calls and puts differ many times more."""
    rows = price_chains(_read(market_data, name).frame)
    kept = rows.filter(pl.col("trouble").is_null() & pl.col("iv").is_not_null() & (pl.col("moneyness").abs() < 0.05))
    pairs = kept.pivot(on="right", index=["ts", "expiry", "strike"], values=["own_iv", "iv"]).drop_nulls()
    own, theirs = ((pairs[f"{column}_1"] - pairs[f"{column}_-1"]).abs().median() for column in ("own_iv", "iv"))
    assert len(pairs) > 500 and own < 0.003 and theirs > better * own  # type: ignore[operator]


def test_the_fifth_of_february_2018_is_seen(market_data: Path) -> None:
    rows = surface(_read(market_data, "spxw_2018-01_02").frame)
    by_day = {datetime.fromtimestamp(row["ts"] / 1e9, UTC).date(): row for row in rows.iter_rows(named=True)}
    before, crash = by_day[date(2018, 2, 2)], by_day[date(2018, 2, 5)]
    assert crash["atm_iv_front"] > 0.3 > 2 * before["atm_iv_front"] > 0.2
    assert max(by_day, key=lambda day: by_day[day]["atm_iv_front"]) == date(2018, 2, 5)
    assert crash["put_call_volume"] > before["put_call_volume"] > 4
    assert crash["forward_front"] < crash["underlying_price"] - 15, "options at 16:15 knew more than the index at 16:00"
    assert np.isnan(crash["atm_iv_30d"]), "one expiry brackets nothing"


def test_a_surface_of_real_quotes_is_whole_where_expiries_bracket_it(market_data: Path) -> None:
    for name in ("spx_2011-01", "vxx_2016-12"):
        rows = surface(_read(market_data, name).frame)
        names = [f"iv_{days}d_{level}" for days in (30, 60, 90) for level in ("95", "97_5", "100", "102_5", "105")]
        assert np.isfinite(rows.select(names).to_numpy()).all()
        for days in (30, 60, 90):
            low, high = (rows[f"iv_{days}d_{level}"] for level in ("95", "105"))
            assert ((low > high) if name.startswith("spx") else (low < high)).all(), "puts of an index, calls of a volatility"
        assert (rows["put25_iv_30d"] > rows["call25_iv_30d"]).all() == name.startswith("spx")
