"""GARCH(1,1) by quasi-maximum likelihood."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import FeatureError
from tickcast.features.training import Training

__all__ = ["garch", "negative_log_likelihood"]

_BOUNDS = ((-20.0, 2.0), (1e-6, 0.9999), (0.0, 1.0))  # log omega; alpha + beta; alpha's share of it
_STARTS = ((0.95, 0.1), (0.8, 0.2), (0.5, 0.4), (0.99, 0.05))


def garch(training: Training) -> list[float]:
    """omega, alpha and beta of `h' = omega + alpha z^2 + beta h`, in units of the training variance (Bollerslev 1986).

    The Gaussian likelihood is maximised by L-BFGS-B from four starts; that is consistent whatever the shape of the shocks (Bollerslev &
    Wooldridge 1992). Every stretch begins with the training variance, as does the engine. Raises FeatureError when no start converges.
    """
    from scipy.optimize import minimize  # a server that only reads what was learned does without scipy

    square = training.z[:, 0] ** 2

    def loss(point: NDArray[np.float64]) -> float:
        return negative_log_likelihood(square, training.starts, *_parameters(point))

    best: tuple[float, NDArray[np.float64]] | None = None
    for persistence, share in _STARTS:
        found = minimize(loss, [np.log(1 - persistence), persistence, share], method="L-BFGS-B", bounds=_BOUNDS)
        if found.success and np.isfinite(found.fun) and (best is None or found.fun < best[0]):
            best = float(found.fun), found.x
    if best is None:
        raise FeatureError("the likelihood of GARCH(1,1) has no maximum that can be found", hint="train on more rows, or clip the returns")
    return [float(value) for value in _parameters(best[1])]


def _parameters(point: NDArray[np.float64]) -> tuple[float, float, float]:
    persistence, share = float(point[1]), float(point[2])
    return float(np.exp(point[0])), persistence * share, persistence * (1 - share)


def negative_log_likelihood(square: NDArray[np.float64], starts: NDArray[np.int64], omega: float, alpha: float, beta: float) -> float:
    """Mean of `(ln h + z^2 / h) / 2` over rows; `square` (n,) holds z^2, h is 1 at each of `starts`."""
    from scipy.signal import lfilter

    total = 0.0
    for first, last in zip(starts, np.append(starts[1:], len(square)), strict=True):
        own = square[first:last]
        h = lfilter([1.0], [1.0, -beta], np.concatenate([[1.0], omega + alpha * own[:-1]]))
        total += float(np.sum(np.log(h) + own / h))
    return 0.5 * total / len(square)
