"""Boosted trees that select features, and what each feature contributes to their answers on rows they have not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ConfigError, ModelError

__all__ = ["Boosting"]


@dataclass(frozen=True)
class Boosting:
    """LightGBM regression of the outcome, small, one thread, deterministic. Needs lightgbm (the [train] extra).

    Parameters
    ----------
    rounds, leaves, leaf_rows, rate: number of trees, most leaves, least rows of a leaf, learning rate.
    """

    rounds: int = 60
    leaves: int = 8
    leaf_rows: int = 50
    rate: float = 0.08

    def __post_init__(self) -> None:
        if self.rounds < 1 or self.leaves < 2 or self.leaf_rows < 1 or not 0 < self.rate <= 1:
            raise ConfigError("trees need rounds >= 1, leaves >= 2, leaf_rows >= 1 and 0 < rate <= 1", field="boosting")

    def judged(
        self, x: NDArray[np.float64], y: NDArray[np.float64], other: NDArray[np.float64], truth: NDArray[np.float64], seed: int
    ) -> tuple[float, NDArray[np.float64]]:
        """Fitted on (x, y): the share of the variance of `truth` explained on the rows `other`, and (k,) mean |contribution| there.

        Contributions are Shapley values of the trees (Lundberg and Lee 2017), in units of the outcome.
        """
        try:
            import lightgbm
        except ImportError:
            raise ModelError("lightgbm is not installed", hint="pip install 'tickcast[train]'") from None
        settings = {
            "objective": "regression",
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": min(self.leaf_rows, max(len(y) // 20, 1)),
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        unit = float(np.std(y)) or 1.0
        booster = lightgbm.train(settings, lightgbm.Dataset(x, y / unit), num_boost_round=self.rounds)
        parts = np.asarray(booster.predict(other, pred_contrib=True), np.float64)
        error = truth - unit * parts.sum(axis=1)
        base = truth - y.mean()
        explained = 1 - float((error**2).sum()) / max(float((base**2).sum()), 1e-300)
        return explained, unit * np.abs(parts[:, :-1]).mean(axis=0)
