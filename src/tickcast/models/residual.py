"""Quantiles of what the scale leaves over: filtered historical simulation (Barone-Adesi, Giannopoulos & Vosper 1999)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tickcast.distributions import Quantiles
from tickcast.errors import ConfigError, ModelError
from tickcast.forecast import Forecast
from tickcast.models.base import Forecaster, Spec
from tickcast.models.model_file import read_model, write_model
from tickcast.scales import Scale, Unit, parse
from tickcast.views.view import View

__all__ = ["LEVELS", "ResidualQuantiles", "empirical_quantiles", "levels_with_atoms"]

_OUTER = (0.001, 0.0025, 0.005, 0.01)
LEVELS = (*_OUTER, *(round(0.025 * k, 3) for k in range(1, 40)), *(round(1 - t, 4) for t in reversed(_OUTER)))
_ATOM = 0.01  # a lesser share of unchanged prices is no atom
_LEAST = 30  # labelled rows


class ResidualQuantiles(Forecaster):
    """The quantiles of outcome / scale over the training rows, scaled back at each row.

    Parameters
    ----------
    scale: how large returns are about to be; None for 1, the unconditional climatology.
    levels: (q,) increasing probabilities, the 39 of the skill table and four in each tail by default.

    Where at least 1 % of a horizon's outcomes are exactly 0 two levels are added, P(Z < 0) and P(Z <= 0), so that the law's atom has
    the mass seen in training and not a neighbour's.
    """

    def __init__(self, scale: Scale | None = None, levels: tuple[float, ...] = LEVELS) -> None:
        grid = np.array(levels, np.float64)
        if len(grid) < 3 or not (np.diff(grid) > 0).all() or grid[0] <= 0 or grid[-1] >= 1:
            raise ConfigError("levels must be at least three and increase strictly between 0 and 1", field="levels")
        self.scale = Unit() if scale is None else scale
        self.levels = grid
        self.horizons: tuple[str, ...] = ()
        self.values: NDArray[np.float64] | None = None  # (h, q)

    @property
    def spec(self) -> Spec:
        """A baseline, or trees, on one row, giving quantiles."""
        return Spec("residual", "trees" if self.scale.name == "trees" else "baseline", "matrix", "quantiles", streaming=True)

    def fit(self, train: View, valid: View) -> Self:
        """Fit the scale, then the quantiles on all training rows with a label. Raises ModelError naming a horizon with too few."""
        self.scale.fit(train, valid)
        residual = train.outcomes / self.scale.evaluate(train)
        samples = [column[np.isfinite(column)] for column in residual.T]
        for horizon, sample in zip(train.horizons, samples, strict=True):
            if len(sample) < _LEAST:
                raise ModelError(f"{len(sample)} training rows with a label are too few", field=f"horizon {horizon}")
        self.levels = levels_with_atoms(samples, self.levels)
        self.values = np.array([empirical_quantiles(sample, self.levels) for sample in samples])
        self.horizons = tuple(train.horizons)
        return self

    def predict(self, view: View) -> Forecast:
        """One forecast per row. Raises ModelError before `fit`."""
        if self.values is None:
            raise ModelError("the forecaster residual is not fitted", hint="call fit first")
        law = Quantiles(self.levels, np.repeat(self.values[None], len(view), axis=0))
        return Forecast(self.horizons, law, self.scale.evaluate(view), self.scale.unit)

    def save(self, folder: Path) -> None:
        """Write model.json."""
        if self.values is None:
            raise ModelError("the forecaster residual is not fitted", hint="call fit first")
        document = {
            "forecaster": "residual",
            "horizons": list(self.horizons),
            "unit": self.scale.unit,
            "columns": [],
            "fixed": {"values": self.values.tolist()},
            "law": {"kind": "quantiles", "levels": self.levels.tolist()},
            "scale": self.scale.parameters(),
        }
        write_model(folder, document)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        document = read_model(folder)
        made = cls(parse(document["scale"]), tuple(document["law"]["levels"]))
        made.horizons, made.values = tuple(document["horizons"]), np.array(document["fixed"]["values"], np.float64)
        return made


def levels_with_atoms(samples: Sequence[NDArray[np.float64]], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """`levels` and, per sample with an atom at 0, its lower and upper probability; those within 1e-9 of another are one."""
    extra = []
    for sample in samples:
        below, upto = float(np.mean(sample < 0)), float(np.mean(sample <= 0))
        extra += [p for p in (below, upto) if upto - below >= _ATOM and 0 < p < 1]
    grid = np.unique(np.concatenate([levels, extra]))
    return np.asarray(grid[np.concatenate([[True], np.diff(grid) > 1e-9])], np.float64)


def empirical_quantiles(sample: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(q,) quantiles of `sample` (n,), linear between order statistics, 0 throughout an atom at 0 (both its ends included)."""
    values = np.quantile(sample, levels)
    below, upto = float(np.mean(sample < 0)), float(np.mean(sample <= 0))
    if upto - below >= _ATOM:
        values[(levels >= below - 1e-9) & (levels <= upto + 1e-9)] = 0.0
    return np.asarray(np.maximum.accumulate(values), np.float64)
