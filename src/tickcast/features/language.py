"""The closed list of operators: what an expression may call, with how many series and which constants.

Elementwise minimum and maximum are called `minimum` and `maximum`; `min` and `max` are windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["MACROS", "OPERATORS", "PRICE_AND_SIZE", "Macro", "Operator"]


@dataclass(frozen=True)
class Operator:
    """One operator: number of `series` it reads, then its constants by name, each with its kind; `optional` ones may be left out.

    A window in rows has at least `least`: with fewer the answer would never be known.

    Kinds: window (rows as an integer, or event time as a string), rows, number, level (0…1), flag, zone (IANA name), text.
    """

    series: int
    constants: tuple[tuple[str, str], ...] = ()
    optional: frozenset[str] = frozenset()
    least: int = 1


@dataclass(frozen=True)
class Macro:
    """An operator written in the language itself; `parameters` with a default may be left out.

    `level`, a book's level as a whole number, becomes part of a column's name: {level} in the expression.
    """

    parameters: tuple[tuple[str, object], ...]
    expression: str


_WINDOW = (("window", "window"),)
_EWM = Operator(
    1,
    (("span", "number"), ("halflife", "window"), ("alpha", "number"), ("adjust", "flag"), ("warmup", "rows")),
    frozenset({"span", "halflife", "alpha", "adjust", "warmup"}),
)
_ZONED = Operator(0, (("zone", "zone"),), frozenset({"zone"}))
_FITTED = Operator(
    1,
    (("kind", "text"), ("slots", "rows"), ("smooth", "rows"), ("zone", "zone"), ("ahead", "text")),
    frozenset({"slots", "smooth", "zone", "ahead"}),
)
_WAVELET = Operator(1, (("kind", "text"), ("level", "rows")))
OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {name: Operator(1) for name in ("log", "exp", "sqrt", "abs", "sign", "sin", "cos", "floor")}
    | {
        "minimum": Operator(2),
        "maximum": Operator(2),
        "where": Operator(3),
        "lag": Operator(1, _WINDOW),
        "sum": Operator(1, _WINDOW),
        "var": Operator(1, _WINDOW),
        "min": Operator(1, _WINDOW),
        "max": Operator(1, _WINDOW),
        "mean": Operator(1, _WINDOW),
        "count": Operator(1, _WINDOW),
        "quantile": Operator(1, (*_WINDOW, ("level", "level"))),
        "skew": Operator(1, _WINDOW, least=3),
        "kurt": Operator(1, _WINDOW, least=4),
        "rank": Operator(1, _WINDOW),
        "argmin": Operator(1, _WINDOW),
        "argmax": Operator(1, _WINDOW),
        "slope": Operator(1, _WINDOW, least=2),
        "rsquare": Operator(1, _WINDOW, least=2),
        "resid": Operator(1, _WINDOW, least=2),
        "cov": Operator(2, _WINDOW, least=2),
        "corr": Operator(2, _WINDOW, least=2),
        "beta": Operator(2, _WINDOW, least=2),
        "ewm_mean": _EWM,
        "ewm_std": _EWM,
        "rma": Operator(1, (("rows", "rows"),)),
        "wma": Operator(1, _WINDOW),
        **{f"cum_{kept}": Operator(1) for kept in ("sum", "min", "max", "count", "first")},
        "since": Operator(1),
        "seconds_since": Operator(1),
        "streak": Operator(1),
        "frac_diff": Operator(1, (("d", "number"), ("rows", "rows"))),
        "wavelet": _WAVELET,
        "wavelet_smooth": _WAVELET,
        "tick_side": Operator(1),
        "sample": Operator(1),
        "elapsed": Operator(0),
        "minutes_since_open": Operator(0),
        "minutes_to_close": Operator(0),
        "time_of_day": _ZONED,
        "day_of_week": _ZONED,
        "day_of_month": _ZONED,
        "day_of_year": _ZONED,
        "fitted": _FITTED,
    }
)

_NEEDED = None
_UP = "rma(maximum(x - lag(x, 1), 0), n)"
_DOWN = "rma(maximum(lag(x, 1) - x, 0), n)"
_LEVEL = (("level", 1),)
_BEFORE = "lag(bid_price_{level}, 1)", "lag(bid_size_{level}, 1)", "lag(ask_price_{level}, 1)", "lag(ask_size_{level}, 1)"
_FLOW = (  # Cont, Kukanov and Stoikov (2014), equation 2
    f"where(bid_price_{{level}} >= {_BEFORE[0]}, bid_size_{{level}}, 0) - where(bid_price_{{level}} <= {_BEFORE[0]}, {_BEFORE[1]}, 0)"
    f" - where(ask_price_{{level}} <= {_BEFORE[2]}, ask_size_{{level}}, 0) + where(ask_price_{{level}} >= {_BEFORE[2]}, {_BEFORE[3]}, 0)"
)
_OHLC = (("open", _NEEDED), ("high", _NEEDED), ("low", _NEEDED), ("close", _NEEDED))
MACROS: Mapping[str, Macro] = MappingProxyType(
    {
        "diff": Macro((("x", _NEEDED), ("window", 1)), "x - lag(x, window)"),
        "std": Macro((("x", _NEEDED), ("window", _NEEDED)), "sqrt(var(x, window))"),
        "median": Macro((("x", _NEEDED), ("window", _NEEDED)), "quantile(x, window, 0.5)"),
        "decay_linear": Macro((("x", _NEEDED), ("window", _NEEDED)), "wma(x, window)"),
        "cum_mean": Macro((("x", _NEEDED),), "cum_sum(x) / cum_count(x)"),
        "clip": Macro((("x", _NEEDED), ("low", _NEEDED), ("high", _NEEDED)), "minimum(maximum(x, low), high)"),
        "roc": Macro((("x", _NEEDED), ("n", _NEEDED)), "(x - lag(x, n)) / lag(x, n)"),
        # a market that did not move is neither strong nor weak: 50 (TA-Lib says 0)
        "rsi": Macro((("x", _NEEDED), ("n", 14)), f"where({_UP} + {_DOWN} > 0, 100 * {_UP} / ({_UP} + {_DOWN}), 50)"),
        "macd": Macro((("x", _NEEDED), ("fast", 12), ("slow", 26)), "ewm_mean(x, span=fast) - ewm_mean(x, span=slow)"),
        "true_range": Macro(_OHLC[1:], "maximum(high, lag(close, 1)) - minimum(low, lag(close, 1))"),
        "atr": Macro((*_OHLC[1:], ("n", 14)), "rma(true_range(high, low, close), n)"),
        "garman_klass": Macro(_OHLC, "0.5 * log(high / low) ** 2 - (2 * log(2) - 1) * log(close / open) ** 2"),
        # a number where a column has none; counting over one row tells which
        "fill": Macro((("x", _NEEDED), ("value", 0)), "where(count(x, 1), x, value)"),
        "mid": Macro((), "(bid_price_1 + ask_price_1) / 2"),
        "spread": Macro((), "ask_price_1 - bid_price_1"),
        # the mid weighted by the quantity on the other side
        "micro": Macro((), "(ask_price_1 * bid_size_1 + bid_price_1 * ask_size_1) / (bid_size_1 + ask_size_1)"),
        "imbalance": Macro(_LEVEL, "(bid_size_{level} - ask_size_{level}) / (bid_size_{level} + ask_size_{level})"),
        # a level that is not occupied, or was not before, has no flow; the first row has no row before it
        "ofi": Macro(_LEVEL, f"where(count({_FLOW}, 1), {_FLOW}, 0 * elapsed())"),
        "vwap": Macro((("window", _NEEDED),), "sum(PRICE * SIZE, window) / sum(SIZE, window)"),
    }
)
# which columns PRICE and SIZE of a macro stand for
PRICE_AND_SIZE: Mapping[str, tuple[str, str]] = MappingProxyType({"trades": ("price", "size"), "bars": ("close", "volume")})
