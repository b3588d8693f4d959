"""Made chains whose rate, forwards and volatilities are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from tickcast.clock import DAY
from tickcast.options import black_scholes

NOW = 1_700_000_000 * 1_000_000_000
SPOT, RATE, YIELD = 4000.0, 0.03, 0.01


def flat(days: float, moneyness: np.ndarray) -> np.ndarray:
    """A term structure without a smile: 20 % at first, towards 30 %."""
    return np.full(len(moneyness), 0.2 + 0.1 * days / 365)


def chain(
    volatility: Callable[[float, np.ndarray], np.ndarray] = flat,
    *,
    days: Sequence[float] = (5, 20, 45, 70, 120),
    strikes: Sequence[float] | None = None,
    half_spread: float = 0.0,
    ts: int = NOW,
    name: str = "MADE",
) -> pl.DataFrame:
    """A chain of table `options` at `ts`, priced by Black-Scholes with `volatility(days, log(strike / forward))`."""
    grid = np.arange(3000.0, 5001.0, 25.0) if strikes is None else np.asarray(strikes, float)
    parts = []
    for ahead in days:
        years = ahead / 365
        sigma = volatility(ahead, np.log(grid / (SPOT * np.exp((RATE - YIELD) * years))))
        for side in (1, -1):
            price = black_scholes(SPOT, grid, years, sigma, side, rate=RATE, dividend=YIELD).price
            rows = {"strike": grid, "bid": np.maximum(price - half_spread, 0.0), "ask": price + half_spread, "iv": sigma}
            parts.append(pl.DataFrame(rows).with_columns(right=pl.lit(side, pl.Int8), expiry=pl.lit(ts + round(ahead * DAY))))
    made = pl.concat(parts).with_columns(underlying=pl.lit(name), ts=pl.lit(ts), underlying_price=pl.lit(SPOT))
    number = pl.int_range(pl.len())
    return made.with_columns(volume=(number % 7).cast(pl.Float64), open_interest=(number % 11 * 10).cast(pl.Float64))
