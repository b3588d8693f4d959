"""Operators written in the language itself: indicators, ranges and estimators made of the primitives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["MACROS", "PRICE_AND_SIZE", "Macro"]


@dataclass(frozen=True)
class Macro:
    """An operator written in the language itself; `parameters` with a default may be left out.

    `level`, a book's level as a whole number, becomes part of a column's name: {level} in the expression.
    """

    parameters: tuple[tuple[str, object], ...]
    expression: str


# which columns PRICE and SIZE of a macro stand for
PRICE_AND_SIZE: Mapping[str, tuple[str, str]] = MappingProxyType({"trades": ("price", "size"), "bars": ("close", "volume")})
_BEFORE = "lag(bid_price_{level}, 1)", "lag(bid_size_{level}, 1)", "lag(ask_price_{level}, 1)", "lag(ask_size_{level}, 1)"
_FLOWED = (  # Cont, Kukanov and Stoikov (2014), equation 2
    f"where(bid_price_{{level}} >= {_BEFORE[0]}, bid_size_{{level}}, 0) - where(bid_price_{{level}} <= {_BEFORE[0]}, {_BEFORE[1]}, 0)"
    f" - where(ask_price_{{level}} <= {_BEFORE[2]}, ask_size_{{level}}, 0) + where(ask_price_{{level}} >= {_BEFORE[2]}, {_BEFORE[3]}, 0)"
)
_UP = "rma(maximum(x - lag(x, 1), 0), n)"
_DOWN = "rma(maximum(lag(x, 1) - x, 0), n)"
_BAR = "high low close"
_TYPICAL = "((high + low + close) / 3)"
_FLOW = f"({_TYPICAL} * volume)"
_PLUS, _MINUS = "rma(plus_dm(high, low), n)", "rma(minus_dm(high, low), n)"


def _macro(parameters: str, expression: str, **defaults: object) -> Macro:
    """The macro with these parameters, in order; those with a default come last."""
    return Macro((*((name, None) for name in parameters.split()), *defaults.items()), " ".join(expression.split()))


# what every chart shows; where the market did not move, an oscillator stands in its middle
_INDICATORS: Mapping[str, Macro] = {
    "roc": _macro("x n", "(x - lag(x, n)) / lag(x, n)"),
    "rsi": _macro("x", f"where({_UP} + {_DOWN} > 0, 100 * {_UP} / ({_UP} + {_DOWN}), 50)", n=14),
    "macd": _macro("x", "ewm_mean(x, span=fast) - ewm_mean(x, span=slow)", fast=12, slow=26),
    "true_range": _macro(_BAR, "maximum(high, lag(close, 1)) - minimum(low, lag(close, 1))"),
    "atr": _macro(_BAR, "rma(true_range(high, low, close), n)", n=14),
    "donchian": _macro(_BAR, "where(max(high, n) > min(low, n), (close - min(low, n)) / (max(high, n) - min(low, n)), 0.5)", n=20),
    "stoch_k": _macro(_BAR, "mean(100 * donchian(high, low, close, n), smooth)", n=14, smooth=1),
    "stoch_d": _macro(_BAR, "mean(stoch_k(high, low, close, n, smooth), d)", n=14, smooth=1, d=3),
    "williams_r": _macro(_BAR, "100 * donchian(high, low, close, n) - 100", n=14),
    "plus_dm": _macro("high low", "where(high - lag(high, 1) > lag(low, 1) - low, maximum(high - lag(high, 1), 0), 0)"),
    "minus_dm": _macro("high low", "where(lag(low, 1) - low > high - lag(high, 1), maximum(lag(low, 1) - low, 0), 0)"),
    "plus_di": _macro(_BAR, "100 * rma(plus_dm(high, low), n) / rma(true_range(high, low, close), n)", n=14),
    "minus_di": _macro(_BAR, "100 * rma(minus_dm(high, low), n) / rma(true_range(high, low, close), n)", n=14),
    "dx": _macro(_BAR, f"where({_PLUS} + {_MINUS} > 0, 100 * abs({_PLUS} - {_MINUS}) / ({_PLUS} + {_MINUS}), 0)", n=14),
    "adx": _macro(_BAR, "rma(dx(high, low, close, n), n)", n=14),
    "aroon_up": _macro("high", "100 * (n - argmax(high, n + 1)) / n", n=25),
    "aroon_down": _macro("low", "100 * (n - argmin(low, n + 1)) / n", n=25),
    "aroon": _macro("high low", "aroon_up(high, n) - aroon_down(low, n)", n=25),
    "cci": _macro(
        _BAR,
        f"where(mad({_TYPICAL}, n) > 0, ({_TYPICAL} - mean({_TYPICAL}, n)) / (0.015 * mad({_TYPICAL}, n)), 0)",
        n=20,
    ),
    "bollinger_b": _macro("x", "where(pstd(x, n) > 0, 0.5 + (x - mean(x, n)) / (2 * k * pstd(x, n)), 0.5)", n=20, k=2),
    "obv": _macro("close volume", "cum_sum(sign(close - lag(close, 1)) * volume)"),
    "mfi": _macro(
        f"{_BAR} volume",
        f"""where(sum(abs(sign(diff({_TYPICAL}))) * {_FLOW}, n) > 0,
        100 * sum(where(diff({_TYPICAL}) > 0, {_FLOW}, 0), n) / sum(abs(sign(diff({_TYPICAL}))) * {_FLOW}, n), 50)""",
        n=14,
    ),
}
# variance of a bar, or of a window of returns
_VARIANCES: Mapping[str, Macro] = {
    "garman_klass": _macro(f"open {_BAR}", "0.5 * log(high / low) ** 2 - (2 * log(2) - 1) * log(close / open) ** 2"),
    "parkinson": _macro("high low", "log(high / low) ** 2 / (4 * log(2))"),
    "rogers_satchell": _macro(f"open {_BAR}", "log(high / close) * log(high / open) + log(low / close) * log(low / open)"),
    "yang_zhang": _macro(
        f"open {_BAR} n",
        """var(log(open / lag(close, 1)), n) + 0.34 / (1.34 + (n + 1) / (n - 1)) * var(log(close / open), n)
        + (1 - 0.34 / (1.34 + (n + 1) / (n - 1))) * mean(rogers_satchell(open, high, low, close), n)""",
    ),
    "realised_variance": _macro("r window", "sum(r * r, window)"),
    "bipower": _macro("r window", "1.5707963267948966 * sum(abs(r) * abs(lag(r, 1)), window)"),
}
_BOOK: Mapping[str, Macro] = {
    "mid": _macro("", "(bid_price_1 + ask_price_1) / 2"),
    "spread": _macro("", "ask_price_1 - bid_price_1"),
    # the mid weighted by the quantity on the other side
    "micro": _macro("", "(ask_price_1 * bid_size_1 + bid_price_1 * ask_size_1) / (bid_size_1 + ask_size_1)"),
    "imbalance": _macro("", "(bid_size_{level} - ask_size_{level}) / (bid_size_{level} + ask_size_{level})", level=1),
    # a level that is not occupied, or was not before, has no flow; the first row has no row before it
    "ofi": _macro("", f"where(count({_FLOWED}, 1), {_FLOWED}, 0 * elapsed())", level=1),
}
MACROS: Mapping[str, Macro] = MappingProxyType(
    {
        "diff": _macro("x", "x - lag(x, window)", window=1),
        "std": _macro("x window", "sqrt(var(x, window))"),
        "pstd": _macro("x window", "sqrt(var(x, window) * (count(x, window) - 1) / count(x, window))"),
        "median": _macro("x window", "quantile(x, window, 0.5)"),
        "decay_linear": _macro("x window", "wma(x, window)"),
        "cum_mean": _macro("x", "cum_sum(x) / cum_count(x)"),
        "clip": _macro("x low high", "minimum(maximum(x, low), high)"),
        # a number where a column has none; counting over one row tells which
        "fill": _macro("x", "where(count(x, 1), x, value)", value=0),
        "vwap": _macro("window", "sum(PRICE * SIZE, window) / sum(SIZE, window)"),
        "amihud": _macro("window", "mean(abs(log(PRICE / lag(PRICE, 1))) / (PRICE * SIZE), window)"),
        "kyle": _macro("window", "beta(PRICE - lag(PRICE, 1), tick_side(PRICE) * SIZE, window)"),
        **_INDICATORS,
        **_VARIANCES,
        **_BOOK,
    }
)
