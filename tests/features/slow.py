"""The language again, slowly: one value at a time in plain Python, with every window summed afresh. Only for tests."""

from __future__ import annotations

import math
from collections.abc import Callable

NAN = math.nan
Column = list[float]


def guarded(call: Callable[..., float], *values: float) -> float:
    if any(math.isnan(v) for v in values):
        return NAN
    try:
        result = call(*values)
    except (ArithmeticError, ValueError):
        return NAN
    return result if isinstance(result, float) and abs(result) < 1e150 else NAN


def pointwise(call: Callable[..., float], *columns: Column) -> Column:
    return [guarded(call, *values) for values in zip(*columns, strict=True)]


def over(x: Column, n: int, call: Callable[[list[float]], float]) -> Column:
    out = []
    for i in range(len(x)):
        window = x[max(0, i - n + 1) : i + 1]
        out.append(NAN if len(window) < n or any(map(math.isnan, window)) else guarded(lambda w=window: call(w)))
    return out


def over_time(ts: list[int], x: Column, span: int, call: Callable[[list[float]], float]) -> Column:
    out = []
    first = next((t for t, v in zip(ts, x, strict=True) if not math.isnan(v)), None)
    for i, now in enumerate(ts):
        window = [x[j] for j in range(i + 1) if ts[j] > now - span]
        ready = first is not None and first <= now - span
        out.append(NAN if not ready or any(map(math.isnan, window)) else guarded(lambda w=window: call(w)))
    return out


def lag(x: Column, n: int) -> Column:
    return [NAN] * min(n, len(x)) + x[: max(0, len(x) - n)]


def variance(window: list[float]) -> float:
    if len(window) < 2:
        return NAN
    mean = math.fsum(window) / len(window)
    return math.fsum((v - mean) ** 2 for v in window) / (len(window) - 1)


def ewm(x: Column, alpha: float, warmup: int) -> Column:
    mean, seen, out = 0.0, 0, []
    for value in x:
        if math.isnan(value):
            out.append(NAN)
            continue
        mean = value if not seen else (1 - alpha) * mean + alpha * value
        seen += 1
        out.append(mean if seen >= warmup else NAN)
    return out


def rma(x: Column, n: int) -> Column:
    seen: list[float] = []
    mean, out = 0.0, []
    for value in x:
        if math.isnan(value):
            out.append(NAN)
            continue
        seen.append(value)
        mean = math.fsum(seen) / n if len(seen) <= n else ((n - 1) * mean + value) / n
        out.append(mean if len(seen) >= n else NAN)
    return out
