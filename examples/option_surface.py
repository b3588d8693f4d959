"""From the quotes of an option chain to features: five made-up days on which volatility rises."""

import numpy as np
import polars as pl

from tickcast.features import FeatureSet
from tickcast.options import black_scholes, surface

DAY, START, SPOT, RATE = 86_400_000_000_000, 1_700_000_000_000_000_000, 4000.0, 0.03
strikes = np.arange(3200.0, 4801.0, 20.0)


def chain(day: int) -> pl.DataFrame:
    """Quotes of four expiries, a fifth of a point wide; the smile leans to the puts."""
    parts = []
    for ahead in (5, 20, 45, 100):
        years, moneyness = ahead / 365, np.log(strikes / SPOT)
        sigma = 0.15 + 0.02 * day - 0.2 * moneyness + 0.5 * moneyness**2
        for side in (1, -1):
            price = black_scholes(SPOT, strikes, years, sigma, side, rate=RATE).price
            quotes = {"strike": strikes, "bid": np.maximum(price - 0.1, 0.0), "ask": price + 0.1}
            parts.append(pl.DataFrame(quotes).with_columns(right=pl.lit(side), expiry=pl.lit(START + (day + ahead) * DAY)))
    made = pl.concat(parts).with_columns(underlying=pl.lit("MADE"), ts=pl.lit(START + day * DAY), underlying_price=pl.lit(SPOT))
    return made.with_columns(volume=pl.lit(10.0), open_interest=pl.lit(100.0))


rows = surface(pl.concat([chain(day) for day in range(5)]))  # one row per snapshot; no rate, no dividend is supplied
table = FeatureSet.load("options").compute(rows)
print("rate by put-call parity", rows["rate"].round(4).to_list())
for name in ("atm_iv_30d", "atm_iv_30d_change_1", "skew_25_30d", "term_slope_30_90", "put_call_oi", "delta_oi"):
    print(f"{name:>20}", " ".join(f"{value:+.4f}" for value in table.column(name)))
