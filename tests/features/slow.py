"""The language again, slowly: one value at a time in plain Python, with every window summed afresh. Only for tests."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

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


def over_both(x: Column, y: Column, n: int, call: Callable[[list[float], list[float]], float]) -> Column:
    out = []
    for i in range(len(x)):
        a, b = (column[max(0, i - n + 1) : i + 1] for column in (x, y))
        out.append(NAN if len(a) < n or any(map(math.isnan, a + b)) else guarded(lambda a=a, b=b: call(a, b)))
    return out


def over_both_in_time(ts: list[int], x: Column, y: Column, span: int, call: Callable[[list[float], list[float]], float]) -> Column:
    out = []
    first = next((t for t, a, b in zip(ts, x, y, strict=True) if not math.isnan(a + b)), None)
    for i, now in enumerate(ts):
        inside = [j for j in range(i + 1) if ts[j] > now - span]
        a, b = [x[j] for j in inside], [y[j] for j in inside]
        ready = first is not None and first <= now - span
        out.append(NAN if not ready or any(map(math.isnan, a + b)) else guarded(lambda a=a, b=b: call(a, b)))
    return out


def median(window: list[float]) -> float:
    ordered = sorted(window)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def rank(window: list[float]) -> float:
    below, equal = sum(v < window[-1] for v in window), sum(v == window[-1] for v in window)
    return (below + (equal + 1) / 2) / len(window)


def since(extreme: float, window: list[float]) -> float:
    return float(next(i for i, v in enumerate(reversed(window)) if v == extreme))


def central(window: list[float], power: int) -> float:
    exact = [Fraction(v) for v in window]
    mean = sum(exact) / len(exact)
    return float(sum((v - mean) ** power for v in exact) / len(exact))


def skew(window: list[float]) -> float:
    n = len(window)
    if n < 3 or min(window) == max(window):
        return NAN
    return math.sqrt(n * (n - 1)) / (n - 2) * central(window, 3) / central(window, 2) ** 1.5


def kurt(window: list[float]) -> float:
    n = len(window)
    if n < 4 or min(window) == max(window):
        return NAN
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * central(window, 4) / central(window, 2) ** 2 - 3 * (n - 1))


def products(x: list[float], y: list[float]) -> tuple[Fraction, Fraction, Fraction]:
    """Sums of squares and products of the distances to the means, exactly."""
    a, b = [Fraction(v) for v in x], [Fraction(v) for v in y]
    a, b = [v - sum(a) / len(a) for v in a], [v - sum(b) / len(b) for v in b]
    return sum(v * v for v in a), sum(v * v for v in b), sum(v * w for v, w in zip(a, b, strict=True))  # type: ignore[return-value]


def cov(x: list[float], y: list[float]) -> float:
    return NAN if len(x) < 2 else float(products(x, y)[2] / (len(x) - 1))


def corr(x: list[float], y: list[float]) -> float:
    xx, yy, xy = products(x, y) if x else (0, 0, 0)
    return NAN if not xx or not yy else float(xy) / math.sqrt(float(xx)) / math.sqrt(float(yy))


def beta(y: list[float], x: list[float]) -> float:
    _, xx, xy = products(y, x) if x else (0, 0, 0)
    return NAN if not xx else float(xy / xx)


def rsquare(x: list[float], t: list[float]) -> float:
    xx, tt, xt = products(x, t) if x else (0, 0, 0)
    return NAN if not xx or not tt else float(xt * xt / (xx * tt))


def resid(x: list[float], t: list[float]) -> float:
    _, tt, xt = products(x, t) if x else (0, 0, 0)
    if not tt:
        return NAN
    middle = [sum(map(Fraction, v)) / len(v) for v in (x, t)]
    return float(Fraction(x[-1]) - middle[0] - xt / tt * (Fraction(t[-1]) - middle[1]))
