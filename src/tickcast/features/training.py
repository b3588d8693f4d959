"""Training: the rows a fitted feature learns on, standardised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import FeatureError

__all__ = ["FAR", "MOST_ROWS", "Training"]

FAR = 1000.0
MOST_ROWS = 200_000


@dataclass(frozen=True, eq=False)
class Training:
    """`n` rows of `k` series on which every series is known.

    Parameters
    ----------
    z: (n, k) float64, standardised and held within +-FAR, as the engine does before a model sees a row.
    mean, scale: (k,) float64, of the raw series; the scale is the standard deviation over n.
    starts: (s,) int64, rows at which a model begins anew: the first, then a new segment, or a new session under `reset`.
    outputs: number of the highest output that a feature reads, counted from one.
    """

    z: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    starts: NDArray[np.int64]
    outputs: int

    @classmethod
    def of(cls, x: NDArray[np.float64], stretch: NDArray[np.int64], outputs: int, least: int) -> Training:
        """Standardise `x` (n, k); rows of one `stretch` (n,) number belong together.

        Rows with a NaN are left out, and of more than MOST_ROWS the last are kept. Raises FeatureError for fewer than `least` rows, a
        series that does not move and one too large to be squared.
        """
        known = np.flatnonzero(np.isfinite(x).all(axis=1))[-MOST_ROWS:]
        if len(known) < least:
            message = f"{len(known)} training rows hold a number in every series, fewer than {least}"
            raise FeatureError(message, hint="train on more rows, or leave out the series that is absent")
        x, stretch = x[known], stretch[known]
        with np.errstate(over="ignore", invalid="ignore"):
            mean = x.mean(axis=0)
            scale = np.sqrt(((x - mean) ** 2).mean(axis=0))
        for i in range(x.shape[1]):
            if not np.isfinite(scale[i]):
                raise FeatureError(f"series {i + 1} reaches {np.abs(x[:, i]).max():g}", hint="scale it, or clip it")
            if scale[i] <= 1e-12 * np.abs(x[:, i]).max():
                raise FeatureError(f"series {i + 1} does not move on the training rows", hint="leave it out, or train on more rows")
        z = np.ascontiguousarray(np.clip((x - mean) / scale, -FAR, FAR))
        starts = np.concatenate([[0], 1 + np.flatnonzero(np.diff(stretch))]).astype(np.int64)
        return cls(z, mean, scale, starts, outputs)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(s,) rows of each stretch."""
        return np.diff(np.append(self.starts, len(self.z)))
