"""What the laws of features are tried on: anything that turns events into a table, a feature set or a function of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from tickcast.checks.events import Events, main
from tickcast.errors import FeatureError
from tickcast.features import FeatureTable

__all__ = ["Computes", "OwnFeatures", "computed"]


class Computes(Protocol):
    """Turns events into features; a `FeatureSet` does."""

    def compute(self, frame: Any, /) -> FeatureTable:
        """Features of every row that the events make known, in time order; pure: the same events give the same bits."""


def computed(subject: Computes, events: Events) -> FeatureTable:
    """The table that the subject makes of the events."""
    return subject.compute(events)


@dataclass(frozen=True)
class OwnFeatures:
    """Functions written in numpy, polars or anything else, on trial.

    Parameters
    ----------
    functions: by feature name; each takes the events and gives one number per row of the (main) stream.
    stamps: gives the rows' ts when they are not the stream's own: int64 UTC ns, in time order.

    Raises FeatureError when a function gives another number of values than there are rows.

    >>> import polars as pl
    >>> own = OwnFeatures({"ahead": lambda frame: frame["close"].shift(-1)})
    >>> own.compute(pl.DataFrame({"ts": [1, 2], "close": [3.0, 4.0]})).values.tolist()
    [[4.0], [nan]]
    """

    functions: Mapping[str, Callable[[Any], ArrayLike]]
    stamps: Callable[[Any], ArrayLike] | None = None

    def compute(self, frame: Events, /) -> FeatureTable:
        """One row per row of the stream, or per stamp given."""
        ts = np.asarray(self.stamps(frame) if self.stamps else main(frame)["ts"].to_numpy(), np.int64)
        columns = []
        for name, function in self.functions.items():
            values = np.asarray(function(frame), np.float64)
            if values.shape != ts.shape:
                raise FeatureError(f"{values.shape} values for {len(ts)} rows", field=name, hint="give one number per row")
            columns.append(values)
        nowhere = np.zeros(len(ts), np.int64)
        values = np.column_stack(columns) if columns else np.empty((len(ts), 0))
        return FeatureTable(tuple(self.functions), ts, nowhere, nowhere, np.ones(len(ts)), values, 1)
