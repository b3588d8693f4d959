"""Made-up rows of table `surface`: a walking underlying, volatilities that wander, everything known."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.clock import DAY
from tickcast.schema import SURFACE

START = 1_700_000_000_000_000_000 // DAY * DAY


def surfaces(n: int, *, per_session: int = 1, seed: int = 6, log_price: NDArray[np.float64] | None = None) -> pl.DataFrame:
    """`n` daily rows with `per_session` rows in a session; a new segment at the third session of several rows."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(0.01 * rng.standard_normal(n)) if log_price is None else log_price
    price = 4000 * np.exp(walk)
    session = np.arange(n) // per_session
    ts = START + DAY * np.arange(n)
    made: dict[str, object] = {"underlying": ["M"] * n, "ts": ts, "underlying_price": price}
    for column in SURFACE.columns[3:]:
        name = column.name
        level = 0.2 + 0.03 * rng.random(n) + (0.02 if name.startswith("put25") else 0.0)
        if name.startswith(("put_", "call_")):
            level = np.round(1e4 * (1 + rng.random(n)))
        elif name in ("oi_delta", "oi_moneyness", "oi_net_gamma"):
            level = 0.1 * rng.standard_normal(n)
        elif name == "forward_front":
            level = price * (1 + 0.002 * rng.standard_normal(n))
        elif name in ("days_front", "oi_days"):
            level = rng.integers(1, 60, n).astype(float)
        made[name] = level
    made["quotes"], made["priced"] = rng.integers(900, 1000, n), rng.integers(500, 900, n)
    made["session_id"], made["segment_id"] = START + DAY * ((session + 1) * per_session), session // 2 if per_session > 1 else 0 * session
    return pl.DataFrame(made)
