"""FeatureTable: what the engine gives, row by row, as it was known at `ts`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import FeatureError

__all__ = ["FeatureTable"]


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """`n` rows of `k` features on one clock.

    Parameters
    ----------
    names: (k,) feature names.
    ts, session, segment: (n,) int64; UTC ns of the row, close of its session in UTC ns, segment number.
    price: (n,) float64, the price that targets refer to, known at ts.
    values: (n, k) float64, row-major; NaN where a feature is not known yet (warm-up, bad input).
    step: nominal distance of two rows in ns.
    tick: smallest price change in quote currency, None where unknown.
    """

    names: tuple[str, ...]
    ts: NDArray[np.int64]
    session: NDArray[np.int64]
    segment: NDArray[np.int64]
    price: NDArray[np.float64]
    values: NDArray[np.float64]
    step: int
    tick: float | None = None

    def __post_init__(self) -> None:
        n = len(self.ts)
        if self.values.shape != (n, len(self.names)) or not (len(self.session) == len(self.segment) == len(self.price) == n):
            raise FeatureError(f"{len(self.names)} names and {n} stamps do not fit values {self.values.shape}")
        if n and (self.ts[1:] < self.ts[:-1]).any():
            raise FeatureError("feature rows are not in time order")

    def __len__(self) -> int:
        return len(self.ts)

    def indices(self, names: Sequence[str]) -> list[int]:
        """Positions of these features. Raises FeatureError naming the first that is absent."""
        where = {name: i for i, name in enumerate(self.names)}
        for name in names:
            if name not in where:
                raise FeatureError(f"no feature called {name!r}", hint=f"this table has {', '.join(self.names)}")
        return [where[name] for name in names]

    def column(self, name: str) -> NDArray[np.float64]:
        """(n,) values of one feature."""
        return self.values[:, self.indices([name])[0]]

    def select(self, names: Sequence[str]) -> FeatureTable:
        """The same rows with these features only, in this order."""
        return replace(self, names=tuple(names), values=np.ascontiguousarray(self.values[:, self.indices(names)]))

    def ready(self, names: Sequence[str] | None = None) -> NDArray[np.bool_]:
        """(n,) True where price and every named feature (default: all) are finite."""
        values = self.values if names is None else self.values[:, self.indices(names)]
        return np.isfinite(values).all(axis=1) & np.isfinite(self.price)
