"""Black-76 and Black-Scholes-Merton over arrays: values, greeks, implied volatility.

Volatilities and rates are per year, as fractions; `side` is +1 for a call, -1 for a put; every argument broadcasts. Impossible numbers
(a negative strike, a volatility below 0) give NaN, never an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tickcast import _engine
from tickcast.errors import DataError

__all__ = ["Greeks", "black_76", "black_scholes", "implied_volatility"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Greeks:
    """Values of options and their sensitivities, arrays of one shape, in natural units.

    Parameters
    ----------
    price: value in quote currency.
    delta, gamma: first and second derivative in the underlying (the forward for `black_76`, the spot for `black_scholes`).
    vega: derivative per 1.00 of volatility; a hundredth of it is the change per volatility point.
    theta: change per year that passes; 1/365 of it is the change per calendar day.
    """

    price: _Floats
    delta: _Floats
    gamma: _Floats
    vega: _Floats
    theta: _Floats


def black_76(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike, side: ArrayLike, *, rate: ArrayLike = 0.0
) -> Greeks:
    """European options on a forward, worth exp(-rT) side (F N(side d1) - K N(side d2)).

    F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976).

    >>> found = black_76(100.0, 100.0, 1.0, 0.2, 1)
    >>> round(float(found.price), 6), round(float(found.delta), 6)
    (7.965567, 0.539828)
    """
    return _priced(forward, strike, years, volatility, side, rate, None)


def black_scholes(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    side: ArrayLike,
    *,
    rate: ArrayLike = 0.0,
    dividend: ArrayLike = 0.0,
) -> Greeks:
    """European options on a spot that pays a continuous dividend yield. R. C. Merton, Bell J. Economics 4 (1973).

    >>> round(float(black_scholes(100.0, 100.0, 1.0, 0.2, 1, rate=0.05).price), 6)
    10.450584
    """
    growth = np.exp((np.asarray(rate, np.float64) - np.asarray(dividend, np.float64)) * np.asarray(years, np.float64))
    return _priced(np.asarray(spot, np.float64) * growth, strike, years, volatility, side, rate, spot)


def implied_volatility(
    price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, side: ArrayLike, *, rate: ArrayLike = 0.0
) -> Any:
    """The volatility at which `black_76` gives `price`; NaN where none does: below intrinsic value, or at the most an option is worth.

    For an option on a spot give the forward spot · exp((rate - dividend) · years). A price that equals the intrinsic value has
    volatility 0. Newton steps on functions that are nearly straight, inside a bracket, after P. Jäckel, "Let's be rational", Wilmott
    (2015): the price is inverted to its own rounding.

    >>> round(float(implied_volatility(7.965567455405804, 100.0, 100.0, 1.0, 1)), 12)
    0.2
    """
    shape, (price, forward, strike, years, side, rate) = _columns(price, forward, strike, years, side, rate)
    return _engine.implied_volatility(price, forward, strike, years, np.exp(-rate * years), side).reshape(shape)


def _priced(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike, side: ArrayLike, rate: ArrayLike, spot: ArrayLike | None
) -> Greeks:
    shape, columns = _columns(forward, strike, years, volatility, side, rate, forward if spot is None else spot)
    forward, strike, years, volatility, side, rate, base = columns
    found = _engine.option_greeks(forward, strike, years, np.exp(-rate * years), side, volatility, None if spot is None else base)
    return Greeks(*(found[:, i].reshape(shape) for i in range(5)))


def _columns(*values: ArrayLike) -> tuple[tuple[int, ...], list[_Floats]]:
    """The values as flat float64 columns of one length, and the shape they broadcast to. Raises DataError where they do not."""
    try:
        spread = np.broadcast_arrays(*(np.asarray(value, np.float64) for value in values))
    except ValueError as error:
        raise DataError(f"these numbers do not belong together: {error}", hint="give arrays that broadcast") from None
    return spread[0].shape, [np.ascontiguousarray(each).reshape(-1) for each in spread]
