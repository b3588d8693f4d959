"""Tables that features learn on training rows, by slot of the day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import FeatureError

__all__ = ["rms_ahead", "rms_by_slot"]


def rms_by_slot(x: NDArray[np.float64], slot: NDArray[np.float64], slots: int, smooth: int) -> NDArray[np.float64]:
    """(slots,) root mean square of `x` in each slot of the day, root mean square one over the day.

    Slots without rows are interpolated; the smoothing is a centred mean of `smooth` slots around the clock: over clock time, not over
    history, so nothing looks ahead. Raises FeatureError when no row holds a number.

    >>> rms_by_slot(np.array([1.0, -1.0, 3.0]), np.array([0.0, 0.0, 1.0]), slots=2, smooth=1).round(4).tolist()
    [0.4472, 1.3416]
    """
    known = np.isfinite(x) & np.isfinite(slot)
    number = slot[known].astype(np.int64)
    count = np.bincount(number, minlength=slots)[:slots]
    total = np.bincount(number, weights=x[known] ** 2, minlength=slots)[:slots]
    filled = np.flatnonzero(count)
    if not len(filled) or not (total > 0).any():
        raise FeatureError("no training row holds a number to learn from", hint="train on more rows")
    pattern = np.interp(np.arange(slots), filled, np.sqrt(total[filled] / count[filled]))
    before = (smooth - 1) // 2
    around = (np.arange(slots)[:, None] + np.arange(smooth)[None, :] - before) % slots
    smoothed: NDArray[np.float64] = pattern[around].mean(axis=1)
    # a slot that never moved would divide by zero: no slot is quieter than a thousandth of the day
    normalised = smoothed / np.sqrt(np.mean(smoothed**2))
    floored: NDArray[np.float64] = np.maximum(normalised, 1e-3)
    return floored


def rms_ahead(pattern: NDArray[np.float64], ahead: int) -> NDArray[np.float64]:
    """(slots,) root mean square of the pattern over the `ahead` slots that follow each slot.

    >>> rms_ahead(np.array([1.0, 2.0, 3.0]), 1).tolist()
    [2.0, 3.0, 1.0]
    """
    slots = len(pattern)
    coming = (np.arange(slots)[:, None] + 1 + np.arange(ahead)[None, :]) % slots
    result: NDArray[np.float64] = np.sqrt(np.mean(pattern[coming] ** 2, axis=1))
    return result
