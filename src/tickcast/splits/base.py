"""How rows are divided in time; a split is made of label intervals, not of row counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.targets.base import Labels

__all__ = ["Split", "Splitter"]


@dataclass(frozen=True, eq=False)
class Split:
    """Row positions, increasing and disjoint. No label interval of one part meets one of a later part.

    Parameters
    ----------
    train, valid, test: (m,) int64 positions into the table.
    purged: rows left out because their label interval reaches into the next part or its embargo.
    """

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]
    purged: int


class Splitter(ABC):
    """One or more splits of the same rows."""

    @abstractmethod
    def split(self, labels: Labels, usable: NDArray[np.bool_]) -> Iterator[Split]:
        """Splits over the rows that are `usable` (n,) and have at least one label. Raises SplitError when a part is empty."""
