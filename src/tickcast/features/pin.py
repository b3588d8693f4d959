"""Probability of informed trading, from each day's counts of buys and sells.

On a day without news (probability 1 - alpha) buys and sells are Poisson with rates `buy` and `sell`; on bad news (alpha * delta) sells
gain the rate `informed`, on good news buys do. Easley, Kiefer, O'Hara and Paperman (1996). The likelihood is factored as in Lin and Ke
(2011), so counts of any size neither overflow nor underflow; the starts are the grid of Yan and Zhang (2012); the climb is expectation
maximisation, in which an informed day's count is a sum of two Poisson counts and every step has a closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from tickcast.errors import FeatureError
from tickcast.schema import SIGNALS, conform

__all__ = ["PinModel", "fit_pin", "pin_log_likelihood", "pin_signals"]

_GRID = (0.1, 0.3, 0.5, 0.7, 0.9)
_STEPS = 500
_LEAST = 1e-10
_Array = NDArray[np.float64]


@dataclass(frozen=True)
class PinModel:
    """`alpha`: probability of news on a day; `delta`: that it is bad; `informed`, `buy`, `sell`: trades a day.

    `log_likelihood` is without its constant, -sum(log(buys! sells!)).
    """

    alpha: float
    delta: float
    informed: float
    buy: float
    sell: float
    log_likelihood: float

    @property
    def pin(self) -> float:
        """Share of trades that are informed: alpha informed / (alpha informed + buy + sell)."""
        return self.alpha * self.informed / (self.alpha * self.informed + self.buy + self.sell)


def _terms(model: tuple[_Array, ...], buys: _Array, sells: _Array) -> tuple[_Array, _Array]:
    """Log-likelihood of each day, and the probabilities (3, …, days) that it had no news, bad news, good news."""
    alpha, delta, informed, buy, sell = (np.asarray(part)[..., None] for part in model)
    quiet = -buy - sell + buys * np.log(buy) + sells * np.log(sell)
    more_sold, more_bought = sells * np.log1p(informed / sell) - informed, buys * np.log1p(informed / buy) - informed
    with np.errstate(divide="ignore"):
        weighed = np.stack([np.log1p(-alpha) + 0 * buys, np.log(alpha * delta) + more_sold, np.log(alpha * (1 - delta)) + more_bought])
    top = weighed.max(axis=0)
    shares = np.exp(weighed - top)
    total = shares.sum(axis=0)
    return quiet + top + np.log(total), shares / total


def pin_log_likelihood(model: PinModel, buys: ArrayLike, sells: ArrayLike) -> float:
    """Log-likelihood of daily counts (days,) without the constant -sum(log(buys! sells!)); finite for counts of any size."""
    parts = (model.alpha, model.delta, model.informed, model.buy, model.sell)
    days, _ = _terms(tuple(np.asarray(part, float) for part in parts), np.asarray(buys, float), np.asarray(sells, float))
    return float(days.sum())


def fit_pin(buys: ArrayLike, sells: ArrayLike) -> PinModel:
    """The model of greatest likelihood for daily counts (days,), at least two of them. The same counts give the same model.

    Raises FeatureError for counts that are negative, not finite, of unequal number, or all zero on a side.
    """
    b, s = np.asarray(buys, float), np.asarray(sells, float)
    if b.ndim != 1 or b.shape != s.shape or len(b) < 2:
        raise FeatureError(
            f"{b.size} counts of buys and {s.size} of sells are no days", hint="give one count of each per day, two days at least"
        )
    if not (np.isfinite(b).all() and np.isfinite(s).all() and b.min() >= 0 and s.min() >= 0 and b.max() > 0 and s.max() > 0):
        raise FeatureError("counts of buys and sells must be numbers from 0 on, and not all 0", hint="look at the side of the trades")
    parts = _starts(float(b.mean()), float(s.mean()))
    best = np.full(len(parts[0]), -np.inf)
    for _ in range(_STEPS):
        days, shares = _terms(parts, b, s)
        reached = days.sum(axis=-1)
        if (reached - best <= 1e-9 * np.abs(reached)).all():
            break
        best = reached
        parts = _climbed(parts, shares, b, s)
    top = int(np.argmax(reached))
    alpha, delta, informed, buy, sell = (float(part[top]) for part in parts)
    found = PinModel(alpha, delta, informed, buy, sell, 0.0)
    return PinModel(alpha, delta, informed, buy, sell, pin_log_likelihood(found, b, s))


def _starts(buys: float, sells: float) -> tuple[_Array, ...]:
    """Yan and Zhang's grid: moments give the rates for each alpha, delta and share of uninformed buys; impossible ones are left out."""
    alpha, delta, share = (part.ravel() for part in np.meshgrid(_GRID, _GRID, _GRID, indexing="ij"))
    buy = np.maximum(share * buys, _LEAST)
    informed = np.maximum((buys - buy) / (alpha * (1 - delta)), _LEAST)
    sell = sells - alpha * delta * informed
    kept = sell > 0
    if not kept.any():  # far more buys than sells, on every day
        kept, sell = np.ones(len(sell), bool), np.full(len(sell), max(sells, _LEAST))
    return alpha[kept], delta[kept], informed[kept], buy[kept], sell[kept]


def _climbed(parts: tuple[_Array, ...], shares: _Array, buys: _Array, sells: _Array) -> tuple[_Array, ...]:
    """One step: days are split over the three kinds, counts of informed days over the informed and the others."""
    _, _, informed, buy, sell = parts
    days = len(buys)
    bad, good = shares[1].sum(axis=-1), shares[2].sum(axis=-1)
    bought = (shares[2] * buys).sum(axis=-1) * informed / (buy + informed)
    sold = (shares[1] * sells).sum(axis=-1) * informed / (sell + informed)
    news = np.maximum(bad + good, _LEAST)
    return (
        np.clip(news / days, _LEAST, 1 - _LEAST),
        np.clip(bad / news, _LEAST, 1 - _LEAST),
        np.maximum((bought + sold) / news, _LEAST),
        np.maximum((buys.sum() - bought) / days, _LEAST),
        np.maximum((sells.sum() - sold) / days, _LEAST),
    )


def pin_signals(trades: pl.DataFrame, *, days: int = 60, name: str = "pin") -> pl.DataFrame:
    """Rows of table `signals`: the PIN of the last `days` trading days of each symbol, known from the close of the last of them on.

    Parameters
    ----------
    trades: table `trades` with side, placed in sessions (`trading_day`, `session_id` the close). Trades of unknown side are not counted.
    days: trading days per estimate; the first estimate comes at the close of the `days`-th day.
    name: name of the signal; where there are several symbols it is `name_symbol`.

    Raises FeatureError where a column is missing or `days` is less than two.
    """
    for column in ("symbol", "side", "trading_day", "session_id"):
        if column not in trades.columns:
            raise FeatureError(
                f"trades have no {column}", field=column, hint="read them from a store, or assign a calendar's sessions first"
            )
    if days < 2:
        raise FeatureError(f"{days} days are too few", field="days", hint="60 is usual")
    side = pl.col("side")
    counted = trades.group_by("symbol", "trading_day").agg(
        (side == 1).sum().alias("buys"), (side == -1).sum().alias("sells"), pl.col("session_id").max().alias("ts")
    )
    several = counted["symbol"].n_unique() > 1
    rows: list[tuple[str, int, float]] = []
    for (symbol,), table in counted.sort("symbol", "trading_day").partition_by("symbol", as_dict=True, maintain_order=True).items():
        buys, sells, close = (table[column].to_numpy() for column in ("buys", "sells", "ts"))
        for end in range(days, len(table) + 1):
            b, s = buys[end - days : end], sells[end - days : end]
            if b.any() and s.any():
                rows.append((f"{name}_{symbol}" if several else name, int(close[end - 1]), fit_pin(b, s).pin))
    frame = pl.DataFrame(rows, schema={"name": pl.String, "ts": pl.Int64, "value": pl.Float64}, orient="row")
    return conform(frame.sort("ts", "name"), SIGNALS)
