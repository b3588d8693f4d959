"""Gradient-boosted trees of the log of the size of returns; LightGBM trains them, the flattened trees answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ConfigError, ModelError
from tickcast.scales.base import Scale
from tickcast.scales.exponential import exp_of_log
from tickcast.scales.forest import Forest
from tickcast.views.view import View

__all__ = ["Trees"]

_OFFSET = 1e-5  # as for the log-linear scale
_PATIENCE = 50  # rounds without a better validation loss


class Trees(Scale):
    """exp of a sum of trees per horizon.

    Parameters
    ----------
    columns: (k,) features.
    rounds: most trees; the validation rows decide where to stop.
    leaves, leaf_rows: most leaves of a tree, least rows in a leaf.
    rate: learning rate.
    seed: of LightGBM's row and feature sampling.
    floor: least scale.

    Needs lightgbm to fit (the [train] extra), not to evaluate. One thread, deterministic.
    """

    name: ClassVar[str] = "trees"
    unit: ClassVar[str] = "sigma"

    def __init__(
        self,
        columns: tuple[str, ...],
        rounds: int = 400,
        leaves: int = 15,
        leaf_rows: int = 1000,
        rate: float = 0.05,
        seed: int = 7,
        floor: float = 1e-9,
    ) -> None:
        if not columns:
            raise ConfigError("a scale of trees needs features", field="columns", hint="name a feature set, as har")
        if rounds < 1 or leaves < 2 or leaf_rows < 1 or not 0 < rate <= 1:
            raise ConfigError("trees need rounds >= 1, leaves >= 2, leaf_rows >= 1 and 0 < rate <= 1", field="scale")
        self.columns, self.rounds, self.leaves, self.leaf_rows = tuple(columns), rounds, leaves, leaf_rows
        self.rate, self.seed, self.floor = rate, seed, float(floor)
        self.forests: tuple[Forest, ...] = ()

    def fit(self, train: View, valid: View) -> Self:
        """Regress log(|outcome| + 1e-5), one forest per horizon. Raises ModelError without lightgbm or without labels."""
        try:
            import lightgbm
        except ImportError:
            raise ModelError("lightgbm is not installed", hint="pip install 'tickcast[train]'") from None
        settings = {
            "objective": "regression",
            "learning_rate": self.rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.leaf_rows,
            "feature_fraction": 0.8,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        forests = []
        for j, horizon in enumerate(train.horizons):
            data = [self._labelled(part, j, horizon) for part in (train, valid)]
            seen = lightgbm.Dataset(*data[0], free_raw_data=True)
            held = lightgbm.Dataset(*data[1], reference=seen, free_raw_data=True)
            stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
            booster = lightgbm.train(settings, seen, self.rounds, valid_sets=[held], callbacks=[stop])
            forests.append(Forest.from_text(booster.model_to_string(num_iteration=booster.best_iteration)))
        self.forests = tuple(forests)
        return self

    def _labelled(self, view: View, j: int, horizon: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Features and log sizes of the rows with a label."""
        known = np.isfinite(view.outcomes[:, j])
        if not known.any():
            raise ModelError("no row has a label", field=f"horizon {horizon}", hint="bring more data")
        return view.matrix(self.columns)[known], np.log(np.abs(view.outcomes[known, j]) + _OFFSET)

    def evaluate(self, view: View) -> NDArray[np.float64]:
        """(m, h) scales through the flattened trees; a NaN feature takes each split's default side. Raises ModelError before `fit`."""
        if len(self.forests) != len(view.horizons):
            raise ModelError(f"the scale trees is not fitted for these {len(view.horizons)} horizons", hint="call fit first")
        matrix = view.matrix(self.columns)
        return exp_of_log(np.column_stack([forest.evaluate(matrix) for forest in self.forests]), self.floor)

    def parameters(self) -> dict[str, Any]:
        """{"kind": "trees", "columns", "floor", "models": [one `Forest.parameters()` per horizon]}."""
        if not self.forests:
            raise ModelError("the scale trees is not fitted", hint="call fit first")
        models = [forest.parameters() for forest in self.forests]
        return {"kind": "trees", "columns": list(self.columns), "floor": self.floor, "models": models}

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """The fitted scale; lightgbm is not needed."""
        scale = cls(tuple(parameters["columns"]), floor=float(parameters["floor"]))
        scale.forests = tuple(Forest.parse(model) for model in parameters["models"])
        return scale
