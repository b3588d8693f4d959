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
    """The table of each of `frames` (a symbol, a day), in their order, as an engine gives it that has seen nothing.

    The engine runs without the interpreter's lock: `workers` threads keep as many cores busy, each with an engine that is cleared between
    frames. The bits do not depend on how many. Raises FeatureError, as `FeatureSet.compute` does, for the first frame that is wrong.
    """
    if workers < 1:
        raise FeatureError(f"{workers} workers compute nothing", field="workers", hint="give 1 or more")
    keys = list(frames)

    def share(first: int) -> list[FeatureTable | FeatureError]:
        engine, made = features.stream(), list[FeatureTable | FeatureError]()
        for key in keys[first::workers]:
            engine.clear()
            try:
                made.append(features.compute(frames[key], tick=tick, engine=engine))
            except FeatureError as error:
                made.append(error)
        return made

    with ThreadPoolExecutor(workers) as pool:
        shares = list(pool.map(share, range(min(workers, len(keys)))))
    tables: dict[_Key, FeatureTable] = {}
    for i, key in enumerate(keys):
        table = shares[i % workers][i // workers]
        if isinstance(table, FeatureError):
            raise table
        tables[key] = table
    return tables
