"""Views whose outcome is known to depend on some features and not on others."""

from __future__ import annotations

import numpy as np

from tickcast.clock import MINUTE
from tickcast.features import FeatureTable
from tickcast.targets import Labels
from tickcast.views import View

SIGNALS = ("linear", "bent")


def view(n: int = 1200, seed: int = 1, *, strength: float = 1.0, test: int = 300) -> View:
    """The first n - test rows. `linear` moves the outcome, `bent` does with its square, `twin` is `linear` again with a little noise;
    `slow` has a long memory, `flat` one value, `absent` is mostly missing, the rest is noise."""
    rng = np.random.default_rng(seed)
    x = {name: rng.standard_normal(n) for name in ("noise_1", "linear", "noise_2", "bent", "noise_3")}
    x["twin"] = x["linear"] + 0.02 * rng.standard_normal(n)
    x["slow"] = np.cumsum(rng.standard_normal(n)) / 20
    x["flat"] = np.full(n, 3.0)
    x["absent"] = np.where(rng.random(n) < 0.7, np.nan, rng.standard_normal(n))
    y = strength * (x["linear"] + 0.8 * (x["bent"] ** 2 - 1)) + rng.standard_normal(n)
    ts = 1_700_000_000_000_000_000 // MINUTE * MINUTE + MINUTE * np.arange(n)
    table = FeatureTable(
        tuple(x), ts, ts[-1:].repeat(n), np.zeros(n, np.int64), np.full(n, 100.0), np.column_stack(list(x.values())), MINUTE
    )
    labels = Labels(("1m", "5m"), 1e-3 * np.column_stack([y, rng.standard_normal(n)]), ts, ts[:, None] + MINUTE * np.array([[1, 5]]))
    return View(table, labels, np.arange(n - test))
