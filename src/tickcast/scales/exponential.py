"""exp as the C library computes it, which is what the Rust predictor calls too; numpy's vector exp differs in the last bit."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ModelError

__all__ = ["LARGEST", "exp_of_log"]

LARGEST = 50.0  # a log scale is held inside ±50 so that a wild input gives neither infinity nor an exception


def exp_of_log(log_scale: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """max(exp(x), floor) with x held inside ±LARGEST. log_scale: (m, h). Raises ModelError where it is NaN."""
    if np.isnan(log_scale).any():
        row = int(np.argwhere(np.isnan(log_scale))[0, 0])
        raise ModelError("the scale reads a feature that is not known", row=row + 1, hint="forecast ready rows only")
    held = np.clip(log_scale, -LARGEST, LARGEST)
    flat = np.fromiter(map(math.exp, held.ravel().tolist()), np.float64, held.size)
    return np.maximum(flat.reshape(log_scale.shape), floor)
