"""Weights of the one-sided filters: fractional difference and wavelets. Every tap lies on the row itself or before it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from tickcast.errors import FeatureError

__all__ = ["FILTERS", "MAX_LEVEL", "SCALING", "Tap", "frac_diff", "taps", "wavelet"]

MAX_LEVEL = 12
# weights, newest first, and the distance of the rows they stand on
Tap = tuple[tuple[float, ...], int]
# scaling filters g (Daubechies 1992, tables 6.1 and 6.3; extremal phase), most of their weight on the newest rows
SCALING: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "haar": (0.7071067811865476, 0.7071067811865476),
        "db2": (0.48296291314453416, 0.8365163037378079, 0.2241438680420134, -0.12940952255126037),
        "db4": (
            0.2303778133088965,
            0.7148465705529157,
            0.6308807679298589,
            -0.027983769416859854,
            -0.18703481171909309,
            0.030841381835560764,
            0.0328830116668852,
            -0.010597401785069032,
        ),
    }
)
FILTERS = ("frac_diff", "wavelet", "wavelet_smooth")


def frac_diff(d: float, n: int) -> tuple[float, ...]:
    """Weights of (1 - L)^d cut after `n`: 1, -d, d (d - 1) / 2 … (Hosking 1981; the fixed width of López de Prado 2018, ch. 5)."""
    weights = [1.0]
    for k in range(1, n):
        weights.append(-weights[-1] * (d - k + 1) / k)
    return tuple(weights)


def wavelet(name: str, level: int, smooth: bool) -> list[Tap]:
    """The cascade à trous of a level: scaling filters with 1, 2, 4 … rows between their taps, the last one the wavelet's unless `smooth`.

    Maximal overlap, weights divided by the root of 2 (Percival and Walden 2000, ch. 5): a constant has smooth 1 and detail 0 of itself.
    A smooth of level j lags by (2^j - 1) times 0.5 rows (haar), 0.63 (db2), 1.01 (db4). Raises FeatureError for an unknown name or level.
    """
    if name not in SCALING:
        raise FeatureError(f"unknown wavelet {name!r}", hint=f"known: {', '.join(SCALING)}")
    if level > MAX_LEVEL:
        raise FeatureError(f"level is {level}, not 1 to {MAX_LEVEL}")
    low = tuple(g / 2**0.5 for g in SCALING[name])
    high = tuple(g * (-1) ** k for k, g in enumerate(reversed(low)))
    return [(low if smooth or j < level - 1 else high, 2**j) for j in range(level)]


def taps(name: str, constants: Mapping[str, object]) -> list[Tap]:
    """The filters, one after the other, of a call in the language. Raises FeatureError when a constant is not one of its own."""
    if name == "frac_diff":
        weights = frac_diff(float(str(constants["d"])), int(str(constants["rows"])))
        if not all(math.isfinite(weight) for weight in weights):
            raise FeatureError(f"d is {constants['d']}: its weights are not finite", hint="orders of difference lie below 2")
        return [(weights, 1)]
    return wavelet(str(constants["kind"]), int(str(constants["level"])), name == "wavelet_smooth")
