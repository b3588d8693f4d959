"""One price tick as a log-return: for horizons so short that prices live on a lattice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import ModelError
from tickcast.scales.base import Scale
from tickcast.views.view import View

__all__ = ["Ticks"]


class Ticks(Scale):
    """tick / price, the same at every horizon.

    Parameters
    ----------
    tick: smallest price change in quote currency; None takes it from the training table.
    """

    name: ClassVar[str] = "ticks"
    unit: ClassVar[str] = "ticks"

    def __init__(self, tick: float | None = None) -> None:
        if tick is not None and not (np.isfinite(tick) and tick > 0):
            raise ModelError(f"a tick of {tick} is none", field="tick", hint="give the smallest price change")
        self.tick = tick

    def fit(self, train: View, valid: View) -> Self:
        """Take the tick from the table where none was given. Raises ModelError when there is none either."""
        if self.tick is None:
            self.tick = train.table.tick
        if self.tick is None:
            raise ModelError("the table does not say its price tick", field="tick", hint="set tick in the data section")
        return self

    def evaluate(self, view: View) -> NDArray[np.float64]:
        """(m, h) tick / price. Raises ModelError before `fit` and at a price that is not positive."""
        price = view.price
        if self.tick is None:
            raise ModelError("the scale ticks is not fitted", hint="call fit first")
        if len(price) and not (np.isfinite(price) & (price > 0)).all():
            raise ModelError("a price is not positive and finite", field="price", hint="forecast ready rows only")
        return np.repeat((self.tick / price)[:, None], len(view.horizons), axis=1)

    def parameters(self) -> dict[str, Any]:
        """{"kind": "ticks", "tick": …}."""
        return {"kind": "ticks", "tick": self.tick}

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Self:
        """The scale of this tick."""
        return cls(float(parameters["tick"]))
