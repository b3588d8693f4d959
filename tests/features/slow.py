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


def rows_since(extreme: float, window: list[float]) -> float:
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


def wma(window: list[float]) -> float:
    weights = range(1, len(window) + 1)
    return NAN if not window else math.fsum(w * v for w, v in zip(weights, window, strict=True)) / sum(weights)


def mad(window: list[float]) -> float:
    mean = math.fsum(window) / len(window)
    return math.fsum(abs(v - mean) for v in window) / len(window)


def since_open(x: Column, name: str) -> Column:
    """cum_… over rows of one session."""
    seen: list[float] = []
    out = []
    for value in x:
        if not math.isnan(value):
            seen.append(value)
        answers = {"count": float(len(seen)), "first": seen[0] if seen else NAN}
        if not math.isnan(value):
            answers |= {"min": min(seen), "max": max(seen), "sum": math.fsum(seen), "mean": math.fsum(seen) / len(seen)}
        out.append(answers.get(name, NAN))
    return out


def since(x: Column) -> Column:
    held = [i for i, value in enumerate(x) if value and not math.isnan(value)]
    return [NAN if math.isnan(value) else min((float(i - j) for j in held if j <= i), default=NAN) for i, value in enumerate(x)]


def seconds_since(ts: list[int], x: Column) -> Column:
    held = [i for i, value in enumerate(x) if value and not math.isnan(value)]
    return [min(((now - ts[j]) / 1e9 for j in held if j <= i), default=NAN) for i, now in enumerate(ts)]


def streak(x: Column) -> Column:
    out: Column = []
    run = 0
    for value in x:
        if math.isnan(value):
            out.append(NAN)
            continue
        side = (value > 0) - (value < 0)
        run = run + side if run * side > 0 else side
        out.append(float(run))
    return out


def frac_diff(window: list[float], d: float) -> float:
    weights = [(-1) ** k * math.prod(d - i for i in range(k)) / math.factorial(k) for k in range(len(window))]
    return math.fsum(w * v for w, v in zip(weights, reversed(window), strict=True))


def haar(window: list[float]) -> float:
    """Half of the later half's mean less the earlier half's."""
    half = len(window) // 2
    return (math.fsum(window[half:]) - math.fsum(window[:half])) / len(window)
