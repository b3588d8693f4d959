"""Describe: features, labels and split of the market rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tickcast.clock import parse_duration
from tickcast.config import Experiment
from tickcast.errors import ConfigError
from tickcast.features import FeatureSet, FeatureTable
from tickcast.lifecycle.market import Market
from tickcast.splits import Chronological, Split
from tickcast.targets import ForwardReturn, Labels
from tickcast.views import View, eligible

__all__ = ["Described", "describe", "feature_names"]


@dataclass(frozen=True, eq=False)
class Described:
    """One table, the same rows for every model.

    Parameters
    ----------
    features: the sets merged into one graph, fitted on training rows.
    sets: names of each set's features.
    table, labels: n rows.
    usable: (n,) rows on which every forecaster can be asked.
    split: train, valid and test rows.
    """

    features: FeatureSet
    sets: dict[str, tuple[str, ...]]
    table: FeatureTable
    labels: Labels
    usable: NDArray[np.bool_]
    split: Split

    def view(self, rows: NDArray[np.int64]) -> View:
        """These rows as a view."""
        return View(self.table, self.labels, rows)


def feature_names(asked: tuple[str, ...], sets: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Names meant by a mixture of set names, feature names and "!name" to leave one out; all features when nothing is asked.

    >>> feature_names(("a", "!y"), {"a": ("x", "y"), "b": ("z",)})
    ('x',)
    """
    known = [name for names in sets.values() for name in names]
    picked: list[str] = [] if any(not word.startswith("!") for word in asked) else list(known)
    for word in asked:
        name = word.removeprefix("!")
        meant = sets.get(name, (name,))
        if name not in sets and name not in known:
            raise ConfigError(f"no feature or feature set is called {name!r}", field="features", hint=f"sets: {', '.join(sets)}")
        picked = [n for n in picked if n not in meant] if word.startswith("!") else picked + [n for n in meant if n not in picked]
    return tuple(dict.fromkeys(picked))


def describe(experiment: Experiment, market: Market, window: int) -> Described:
    """Features, labels and split; `window` is the longest stretch of ready rows that any forecaster reads.

    Parameters that features learn are learned on training rows only: where the split is by share, a first pass over half of the training
    share finds the rows, a second one learns on them.
    """
    loaded = [FeatureSet.load(name) for name in experiment.features]
    merged = FeatureSet.merge(loaded)
    sets = {one.name: tuple(one.names) for one in loaded}
    step = parse_duration(experiment.bars.interval) if experiment.bars and experiment.bars.kind == "time" else None
    target = ForwardReturn(experiment.target.horizons, within=experiment.target.within)
    splitter = Chronological(**experiment.split.model_dump())
    rows, tick = market.rows, experiment.data.tick
    ts = rows["ts"].to_numpy()
    until = int(ts[int(len(ts) * 0.5 * experiment.split.train)])
    for _ in range(2 if merged.needs_fit else 1):
        features = merged.fit(rows, until) if merged.needs_fit else merged
        table = features.compute(rows, step=step, tick=tick)
        labels = target.label(table)
        usable = table.ready() & eligible(table, np.arange(len(table)), window)
        split = next(iter(splitter.split(labels, usable)))
        until = int(table.ts[split.train[-1]])
    return Described(features, sets, table, labels, usable, split)
