"""Principal components of standardised series."""

from __future__ import annotations

import numpy as np

from tickcast.errors import FeatureError
from tickcast.features.training import Training

__all__ = ["principal_components"]


def principal_components(training: Training) -> list[float]:
    """Number of components, then their loadings, the one that explains most first (Pearson 1901; Hotelling 1933).

    They are the singular vectors of the correlation matrix. A sign is free: the loading largest in size is made positive, the first where
    several are. Raises FeatureError when the series span fewer directions than are asked for.
    """
    z, series = training.z, training.z.shape[1]
    vectors, variances, _ = np.linalg.svd(z.T @ z / len(z))
    spanned = int((variances > 1e-10 * series).sum())
    if training.outputs > spanned:
        ask = "pca_1" if spanned == 1 else f"pca_1 to pca_{spanned}"
        raise FeatureError(f"its {series} series move in {spanned} directions only, no pca_{training.outputs}", hint=f"use {ask}")
    loadings = vectors.T[:spanned]
    largest = np.argmax(np.abs(loadings) > np.abs(loadings).max(axis=1, keepdims=True) * (1 - 1e-9), axis=1)
    loadings = loadings * np.sign(loadings[np.arange(spanned), largest])[:, None]
    return [float(spanned), *loadings.ravel().tolist()]
