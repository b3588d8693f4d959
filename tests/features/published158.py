"""Alpha158 from its published definitions (qlib's expressions), slow and plain: one numpy window per row, nothing of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["WINDOWS", "published"]

WINDOWS = (5, 10, 20, 30, 60)
Values = NDArray[np.float64]


def ref(x: Values, n: int) -> Values:
    """Ref(x, n): the value n rows ago."""
    return np.concatenate([np.full(n, np.nan), x[:-n]])


def rolled(x: Values, d: int, call: Callable[[Values], Values]) -> Values:
    """`call` of every full window of `d` rows, (m, d) -> (m,); NaN before."""
    out = np.full(len(x), np.nan)
    out[d - 1 :] = call(sliding_window_view(x, d))
    return out


def line(w: Values) -> tuple[Values, Values, Values]:
    """Slope by row, R squared and the last residual of the least-squares line through each window."""
    k = np.arange(w.shape[1]) - (w.shape[1] - 1) / 2
    away = w - w.mean(axis=1, keepdims=True)
    slope = away @ k / (k @ k)
    square = (away**2).sum(axis=1)
    return slope, slope**2 * (k @ k) / np.where(square > 0, square, np.nan), away[:, -1] - slope * k[-1]


def corr(x: Values, y: Values, d: int) -> Values:
    """Corr(x, y, d)."""
    out = np.full(len(x), np.nan)
    a, b = (sliding_window_view(v, d) for v in (x, y))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        out[d - 1 :] = (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return out


def still(frame: Mapping[str, Values]) -> dict[str, Values]:
    """The 13 factors of one bar."""
    o, h, low, c = (frame[name] for name in ("open", "high", "low", "close"))
    top, bottom, span = np.maximum(o, c), np.minimum(o, c), h - low + 1e-12
    bar = {"KMID": (c - o) / o, "KLEN": (h - low) / o, "KMID2": (c - o) / span, "KUP": (h - top) / o, "KUP2": (h - top) / span}
    bar |= {"KLOW": (bottom - low) / o, "KLOW2": (bottom - low) / span, "KSFT": (2 * c - h - low) / o, "KSFT2": (2 * c - h - low) / span}
    return bar | {"OPEN0": o / c, "HIGH0": h / c, "LOW0": low / c, "VWAP0": frame["turnover"] / frame["volume"] / c}


def gains(name: str, x: Values, d: int) -> dict[str, Values]:
    """Rises, falls and their difference as shares of all changes."""
    change = x - ref(x, 1)
    up, down, total = (rolled(v, d, lambda w: w.sum(axis=1)) for v in (np.maximum(change, 0), np.maximum(-change, 0), np.abs(change)))
    total = total + 1e-12
    return {f"{name}P{d}": up / total, f"{name}N{d}": down / total, f"{name}D{d}": (up - down) / total}


def rolling(frame: Mapping[str, Values], d: int) -> dict[str, Values]:
    """The 29 factors of one window."""
    h, low, c, v = (frame[name] for name in ("high", "low", "close", "volume"))
    before, moved = ref(c, 1), np.abs(c / ref(c, 1) - 1) * v
    high, low_ = rolled(h, d, lambda w: w.max(axis=1)), rolled(low, d, lambda w: w.min(axis=1))
    first_high, first_low = rolled(h, d, lambda w: w.argmax(axis=1) + 1.0), rolled(low, d, lambda w: w.argmin(axis=1) + 1.0)

    def mean(x: Values) -> Values:
        return rolled(x, d, lambda w: w.mean(axis=1))

    def std(x: Values) -> Values:
        return rolled(x, d, lambda w: w.std(axis=1, ddof=1))

    up, down = (mean(np.where(np.isnan(before), np.nan, sign)) for sign in (c > before, c < before))
    out = {"ROC": ref(c, d) / c, "MA": mean(c) / c, "STD": std(c) / c, "BETA": rolled(c, d, lambda w: line(w)[0]) / c}
    out |= {"RSQR": rolled(c, d, lambda w: line(w)[1]), "RESI": rolled(c, d, lambda w: line(w)[2]) / c, "MAX": high / c, "MIN": low_ / c}
    out |= {f"QTL{key}": rolled(c, d, lambda w, q=level: np.quantile(w, q, axis=1)) / c for key, level in (("U", 0.8), ("D", 0.2))}  # type: ignore[misc]
    out |= {"RANK": pd.Series(c).rolling(d).rank(pct=True).to_numpy(), "RSV": (c - low_) / (high - low_ + 1e-12)}
    out |= {"IMAX": first_high / d, "IMIN": first_low / d, "IMXD": (first_high - first_low) / d}
    out |= {"CORR": corr(c, np.log(v + 1), d), "CORD": corr(c / before, np.log(v / ref(v, 1) + 1), d)}
    out |= {"CNTP": up, "CNTN": down, "CNTD": up - down, "VMA": mean(v) / (v + 1e-12), "VSTD": std(v) / (v + 1e-12)}
    out |= {"WVMA": std(moved) / (mean(moved) + 1e-12)}
    return {f"{name}{d}": values for name, values in out.items()} | gains("SUM", c, d) | gains("VSUM", v, d)


def published(frame: Mapping[str, Values]) -> dict[str, Values]:
    """All 158 by name."""
    with np.errstate(invalid="ignore", divide="ignore"):
        out = still(frame)
        for d in WINDOWS:
            out |= rolling(frame, d)
    return out
