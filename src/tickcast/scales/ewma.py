"""One exponentially weighted volatility, its memory chosen on the validation rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ConfigError, ModelError
from tickcast.scales.base import Scale
from tickcast.scales.log_linear import LogLinear
from tickcast.views.view import View

__all__ = ["Ewma"]

_LEVELS = np.linspace(0.025, 0.975, 39)


class Ewma(Scale):
    """vol x sqrt(h) x ahead, where vol is the candidate that forecasts best.

    Parameters
    ----------
    columns: features to look at, logs of volatilities of one step among them.
    prefix: the candidates are the columns whose names start with one of these; one half-life each.
    ahead: log of the expected size of the coming returns relative to now's pattern, "{horizon}" standing for the horizon; used where the
        table has it, None for never.

    A candidate's score is the pinball loss, on the validation rows, of the training residuals' quantiles. Each horizon chooses its own.
    Its `parameters()` are a log-linear scale with weights 0 and 1.
    """

    name: ClassVar[str] = "ewma"
    unit: ClassVar[str] = "sigma"

    def __init__(
        self, columns: tuple[str, ...], prefix: tuple[str, ...] = ("har_vol", "vol_"), ahead: str | None = "ahead_{horizon}"
    ) -> None:
        self.candidates = tuple(name for name in columns if name.startswith(prefix))
        if not self.candidates:
            raise ConfigError(f"no feature called {prefix[0]}…", field="columns", hint="an EWMA scale needs logs of volatilities")
        self.ahead = ahead
        self.fitted: LogLinear | None = None

    def fit(self, train: View, valid: View) -> Self:
        """Choose a half-life per horizon. Raises ModelError naming a horizon without labels in either part."""
        columns: list[str] = []
        terms: list[tuple[str, ...]] = []
        intercept = []
        for j, horizon in enumerate(train.horizons):
            factor = () if self.ahead is None else (self.ahead.replace("{horizon}", horizon),)
            factor = factor if factor and factor[0] in train.table.names else ()
            losses = [self._loss(train, valid, j, (name, *factor)) for name in self.candidates]
            terms.append((self.candidates[int(np.argmin(losses))], *factor))
            columns += terms[-1]
            intercept.append(0.5 * np.log(self._steps(train, j)))
        names = list(dict.fromkeys(columns))
        self.fitted = LogLinear.parse(
            {
                "columns": names,
                "weights": [[float(name in chosen) for name in names] for chosen in terms],
                "intercept": intercept,
                "floor": 1e-9,
            }
        )
        return self

    @staticmethod
    def _steps(view: View, j: int) -> float:
        """Steps of the clock in horizon j, from the labels' own intervals."""
        labelled = view.labels.valid[:, j]
        spans = view.labels.end[labelled, j] - view.labels.start[labelled]
        return max(float(np.median(spans)) / max(view.table.step, 1), 1.0) if len(spans) else 1.0

    @staticmethod
    def _loss(train: View, valid: View, j: int, columns: tuple[str, ...]) -> float:
        """Mean pinball loss on the validation rows of the training residuals' quantiles."""
        parts = []
        for part in (train, valid):
            outcome, log_scale = part.outcomes[:, j], part.matrix(columns).sum(axis=1)
            known = np.isfinite(outcome) & np.isfinite(log_scale)
            if not known.any():
                raise ModelError("no row has a label", field=f"horizon {part.horizons[j]}", hint="bring more data")
            parts.append((outcome[known], np.exp(np.clip(log_scale[known], -50, 50))))
        (seen, seen_scale), (outcome, scale) = parts
        quantiles = np.quantile(seen / seen_scale, _LEVELS)
        total = 0.0
        for level, value in zip(_LEVELS, quantiles, strict=True):
            error = outcome - value * scale
            total += float(np.maximum(level * error, (level - 1) * error).mean())
        return total

    def evaluate(self, view: View) -> NDArray[np.float64]:
        """(m, h) scales. Raises ModelError before `fit`."""
        return self._known().evaluate(view)

    def parameters(self) -> dict[str, Any]:
        """Those of the log-linear scale it is."""
        return self._known().parameters()

    def _known(self) -> LogLinear:
        if self.fitted is None:
            raise ModelError("the scale ewma is not fitted", hint="call fit first")
        return self.fitted

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """The fitted scale, of which only the chosen columns are known."""
        scale = cls(tuple(parameters["columns"]), prefix=("",))
        scale.fitted = LogLinear.parse(parameters)
        return scale
