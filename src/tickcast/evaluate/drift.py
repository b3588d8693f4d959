"""How far two samples of one number are apart: population stability index and the distance of Kolmogorov and Smirnov."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ks", "psi"]


def psi(reference: NDArray[np.float64], later: NDArray[np.float64], bins: int = 10) -> float:
    """Population stability index, sum of (q - p) ln(q / p) over quantile bins of the reference; NaN where a sample is empty.

    Below 0.1 counts as the same, above 0.25 as another population (Siddiqi, Credit Risk Scorecards, 2006). Bins of equal edges are
    one; each count is raised by one half so that an empty bin is not infinitely far. A reference of one
    value has three bins: below, it, above.

    >>> round(psi(np.arange(100.0), np.arange(100.0)), 6)
    0.0
    >>> psi(np.arange(100.0), np.arange(100.0) + 60) > 1
    True
    """
    if not len(reference) or not len(later):
        return float("nan")
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    if len(edges) == 1:
        edges = np.array([edges[0], np.nextafter(edges[0], np.inf)])
    p, q = (
        np.bincount(np.searchsorted(edges, sample, side="right"), minlength=len(edges) + 1).astype(np.float64) + 0.5
        for sample in (reference, later)
    )
    p, q = p / p.sum(), q / q.sum()
    return float(((q - p) * np.log(q / p)).sum())


def ks(reference: NDArray[np.float64], later: NDArray[np.float64]) -> float:
    """Largest distance of the two empirical distribution functions; NaN where a sample is empty.

    No p-value: neighbouring rows of a market are alike, so it would always be small.

    >>> ks(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0]))
    0.5
    """
    if not len(reference) or not len(later):
        return float("nan")
    a, b = np.sort(reference), np.sort(later)
    at = np.concatenate([a, b])
    return float(np.abs(np.searchsorted(a, at, side="right") / len(a) - np.searchsorted(b, at, side="right") / len(b)).max())
