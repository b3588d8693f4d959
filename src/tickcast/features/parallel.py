"""Features of many symbols or days side by side."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import polars as pl

from tickcast.errors import FeatureError
from tickcast.features.feature_set import FeatureSet
from tickcast.features.table import FeatureTable

__all__ = ["compute_each"]

_Key = TypeVar("_Key", bound=Hashable)


def compute_each(
    features: FeatureSet, frames: Mapping[_Key, pl.DataFrame | Mapping[str, pl.DataFrame]], *, workers: int, tick: float | None = None
) -> dict[_Key, FeatureTable]:
    """The table of each of `frames` (a symbol, a day), in their order, by an engine of its own that has seen nothing.

    The engine runs without the interpreter's lock: `workers` threads keep as many cores busy. The bits do not depend on how many. Raises
    FeatureError, as `FeatureSet.compute` does, for the first frame that is wrong.
    """
    if workers < 1:
        raise FeatureError(f"{workers} workers compute nothing", field="workers", hint="give 1 or more")
    with ThreadPoolExecutor(workers) as pool:
        tables = pool.map(lambda frame: features.compute(frame, tick=tick), frames.values())
        return dict(zip(frames, tables, strict=True))
