"""The closed list of operators: what an expression may call, with how many series and which constants.

Elementwise minimum and maximum are called `minimum` and `maximum`; `min` and `max` are windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tickcast.features.macros import MACROS, PRICE_AND_SIZE, Macro

__all__ = ["ELSEWHERE", "MACROS", "OPERATORS", "PRICE_AND_SIZE", "Macro", "Memory", "Operator"]

Memory = Literal["window", "recursive", "anchored"]
"""How an operator forgets: all before its window, ever more of all the past, or nothing since an event, as a session's open."""


@dataclass(frozen=True)
class Operator:
    """One operator: number of `series` it reads, then its constants by name, each with its kind; `optional` ones may be left out.

    A window in rows has at least `least`: with fewer the answer would never be known.

    `memory`: how it forgets; whoever remembers more than a window must say so, for warm-ups, lookbacks and checks go by it.

    Kinds: window (rows as an integer, or event time as a string), rows, number, level (0…1), flag, zone (IANA name), text.
    """

    series: int
    constants: tuple[tuple[str, str], ...] = ()
    optional: frozenset[str] = frozenset()
    least: int = 1
    memory: Memory = "window"


_WINDOW = (("window", "window"),)
_EWM = Operator(
    1,
    (("span", "number"), ("halflife", "window"), ("alpha", "number"), ("adjust", "flag"), ("warmup", "rows")),
    frozenset({"span", "halflife", "alpha", "adjust", "warmup"}),
    memory="recursive",
)
_ZONED = Operator(0, (("zone", "zone"),), frozenset({"zone"}))
_FITTED = Operator(
    1,
    (("kind", "text"), ("slots", "rows"), ("smooth", "rows"), ("zone", "zone"), ("ahead", "text")),
    frozenset({"slots", "smooth", "zone", "ahead"}),
)
_ANCHORED = Operator(1, memory="anchored")
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
        "argmin_first": Operator(1, _WINDOW),
        "argmax_first": Operator(1, _WINDOW),
        "slope": Operator(1, _WINDOW, least=2),
        "rsquare": Operator(1, _WINDOW, least=2),
        "resid": Operator(1, _WINDOW, least=2),
        "cov": Operator(2, _WINDOW, least=2),
        "corr": Operator(2, _WINDOW, least=2),
        "beta": Operator(2, _WINDOW, least=2),
        "ewm_mean": _EWM,
        "ewm_std": _EWM,
        "rma": Operator(1, (("rows", "rows"),), memory="recursive"),
        "wma": Operator(1, _WINDOW),
        "mad": Operator(1, _WINDOW),
        **{f"cum_{kept}": _ANCHORED for kept in ("sum", "min", "max", "count", "first")},
        "since": _ANCHORED,
        "seconds_since": _ANCHORED,
        "streak": _ANCHORED,
        "frac_diff": Operator(1, (("d", "number"), ("rows", "rows"))),
        "wavelet": _WAVELET,
        "wavelet_smooth": _WAVELET,
        "tick_side": _ANCHORED,
        "sample": Operator(1),
        "age": Operator(1),
        "elapsed": Operator(0),
        "minutes_since_open": Operator(0, memory="anchored"),
        "minutes_to_close": Operator(0),
        "time_of_day": _ZONED,
        "day_of_week": _ZONED,
        "day_of_month": _ZONED,
        "day_of_year": _ZONED,
        "fitted": _FITTED,
    }
)
# what users of pandas, polars, qlib and TA-Lib write first
ELSEWHERE: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("shift", "Ref", "delay"), "lag")
    | dict.fromkeys(("ema", "EMA", "ewm"), "ewm_mean")
    | dict.fromkeys(("sma", "SMA", "ma", "rolling_mean", "ts_mean", "Mean"), "mean")
    | dict.fromkeys(("stddev", "rolling_std", "ts_std", "Std"), "std")
    | dict.fromkeys(("rolling_sum", "ts_sum", "Sum"), "sum")
    | {"ln": "log", "if": "where", "pct_change": "roc", "delta": "diff", "Corr": "corr", "ts_rank": "rank", "Rank": "rank"}
    | {"zscore": "(x - mean(x, n)) / std(x, n)", "nanmax": "maximum", "cumsum": "cum_sum"}
)
