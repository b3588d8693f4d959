"""Chains of quotes priced contract by contract, and reduced to one surface row per moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast import _engine
from tickcast.clock import parse_duration
from tickcast.errors import ConfigError, DataError
from tickcast.schema import CONTEXT, OPTIONS, SURFACE, conform

__all__ = ["TROUBLES", "UsableQuotes", "price_chains", "surface"]

TROUBLES: Mapping[int, str] = MappingProxyType(dict(_engine.option_troubles()))
"""Why a quote has no volatility, by the number the engine gives: no_bid, no_offer, crossed, no_forward, no_volatility, wide, expired."""
_VALUES = ("strike", "right", "bid", "ask", "iv", "volume", "open_interest", "underlying_price")


@dataclass(frozen=True)
class UsableQuotes:
    """What counts as a quote with a volatility.

    Parameters
    ----------
    iv: `own` inverts the middle of bid and offer for every quote; `feed` takes the feed's volatility where it has one and inverts the rest.
        Own is the default because feeds disagree with themselves: see docs/options.md.
    spread: a quote is refused when half its spread moves its volatility by more than this share of it.
    gap: neighbouring strikes further apart than this in log(strike / forward) are not interpolated between.
    """

    iv: Literal["own", "feed"] = "own"
    spread: float = 0.25
    gap: float = 0.1

    def __post_init__(self) -> None:
        if self.iv not in ("own", "feed"):
            raise ConfigError(f"{self.iv!r} is no source of volatility", field="iv", hint="write own or feed")
        for name in ("spread", "gap"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{getattr(self, name)!r} lets no quote pass", field=name, hint="give a positive number")

    def rules(self) -> tuple[float, float, bool]:
        """As the engine takes them."""
        return self.spread, self.gap, self.iv == "feed"


def price_chains(quotes: pl.DataFrame, usable: UsableQuotes | None = None) -> pl.DataFrame:
    """Volatility and greeks of every quote; the quotes of one underlying at one `ts` are its chain.

    Parameters
    ----------
    quotes: rows of table `options`.
    usable: which quotes have a volatility.

    Returns the rows, ordered by underlying and ts, and beside them `days` to expiry, `forward` (median of K + (C - P) exp(rT) over the
    21 strikes nearest to it), `rate` (flat, from boxes of far strikes), `moneyness` = log(strike / forward), `own_iv`, `own_delta`,
    `own_gamma`, `own_vega`, `own_theta` (Black-Scholes on the underlying's price, on the forward where the feed has none; units as the
    table's) and `trouble`, the reason of a missing volatility, null where there is one.

    Raises DataError naming a column that is missing.
    """
    rules = (usable or UsableQuotes()).rules()
    ready = conform(quotes, OPTIONS).sort("underlying", "ts", maintain_order=True)
    if not len(ready):
        found = np.empty((0, 9))
    else:
        parts = ready.partition_by("underlying", maintain_order=True)
        found = np.concatenate([_engine.option_chain(*_columns(part), rules) for part in parts])
    names = ("days", "forward", "rate", "own_iv", "own_delta", "own_gamma", "own_vega", "own_theta")
    priced = pl.DataFrame({name: found[:, i] * (365.0 if name == "days" else 1.0) for i, name in enumerate(names)})
    trouble = pl.Series("trouble", found[:, 8]).cast(pl.Int64).replace_strict(TROUBLES, default=None, return_dtype=pl.String)
    moneyness = (ready["strike"] / priced["forward"]).log().alias("moneyness")
    return ready.hstack(priced[:, :3].with_columns(moneyness)).hstack(priced[:, 3:].with_columns(trouble))


def surface(
    quotes: pl.DataFrame, *, at: Sequence[int] | NDArray[np.int64] | None = None, max_age: str = "1h", usable: UsableQuotes | None = None
) -> pl.DataFrame:
    """Rows of table `surface`, one per underlying and moment, from the latest quote of each contract known then, none older than `max_age`.

    Parameters
    ----------
    quotes: rows of table `options`, any order.
    at: moments in UTC ns, rising; by default each stamp at which the underlying has a quote.
    max_age: duration; a quote older than this is not looked at.
    usable: which quotes have a volatility.

    Volatility at a tenor and moneyness (strike / forward): lines in total variance, first between neighbouring strikes in log-moneyness,
    then between neighbouring expiries in time. A cell that no two quotes bracket is NaN: nothing is extrapolated. A strike's volatility
    is that of its out-of-the-money option. Context columns of the quotes are carried along.

    Raises DataError naming a column that is missing.
    """
    rules, age = (usable or UsableQuotes()).rules(), parse_duration(max_age)
    ready = conform(quotes, OPTIONS).sort("underlying", "ts", maintain_order=True)
    numbers = [column.name for column in SURFACE.columns if column.name not in SURFACE.identity]
    rows = []
    for part in ready.partition_by("underlying", maintain_order=True):
        moments = part["ts"].unique(maintain_order=True).to_numpy() if at is None else np.asarray(at, np.int64)
        if (np.diff(moments) < 0).any():
            raise DataError("the moments are not in time order", field="at")
        ts, expiry, values = _columns(part)
        found = _engine.option_surface(ts, expiry, values, np.ascontiguousarray(moments), age, rules)
        row = pl.DataFrame({"ts": moments} | {name: found[:, i] for i, name in enumerate(numbers)})
        context = [column.name for column in CONTEXT if column.name in part.columns]
        if context:
            row = row.join_asof(part.select("ts", *context), on="ts", strategy="backward")
        rows.append(row.with_columns(pl.lit(part["underlying"][0]).alias("underlying")))
    if not rows:
        return pl.DataFrame(schema={column.name: column.dtype for column in SURFACE.columns})
    return conform(pl.concat(rows).sort("ts", "underlying", maintain_order=True), SURFACE)


def _columns(part: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[np.float64]]]:
    """Stamps, expiries and values of quotes of one underlying, NaN for what is null."""
    values = [np.ascontiguousarray(part[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()) for name in _VALUES]
    return np.ascontiguousarray(part["ts"].to_numpy()), np.ascontiguousarray(part["expiry"].to_numpy()), values
