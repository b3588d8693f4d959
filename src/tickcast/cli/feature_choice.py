"""`tickcast features generate` and `features select`: more features from fewer, and fewer from more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from cyclopts import Parameter
from rich.table import Table

from tickcast.cli.arguments import Quiet, Settings
from tickcast.cli.events import moment
from tickcast.cli.feature_sets import words_of
from tickcast.cli.streams import events_by_stream
from tickcast.cli.terminal import Terminal

__all__ = ["generate", "select"]

_Rows = tuple[int, ...]


def _write(words: Mapping[str, Any], out: Path) -> None:
    clock = words["clock"]
    if isinstance(clock, Mapping):  # YAML 1.1 reads the word on as true
        words = {**words, "clock": {"on" if key is True else key: value for key, value in clock.items()}}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(yaml.safe_dump(dict(words), sort_keys=False, allow_unicode=True, width=150), encoding="utf-8")


def generate(
    name: str,
    *,
    out: Path,
    only: tuple[str, ...] = (),
    lags: _Rows = (1, 2, 5),
    diffs: _Rows = (1, 5),
    means: _Rows = (5, 20),
    stds: _Rows = (20,),
    ewms: _Rows = (10,),
    no_pairs: bool = False,
    json: bool = False,
) -> None:
    """Write a set with more features: lags, differences, rolling and exponential moments, squares, products and ratios of those of another.

    For example:

    tickcast features generate nq_price --only log_return --only gk_volatility --out grown.yaml

    Parameters
    ----------
    name
        A YAML file, or a shipped set's name.
    out
        YAML file to write.
    only
        A feature to make something of; may be given several times. All by default.
    lags
        Rows to look back.
    diffs
        Rows between the two ends of a difference.
    means
        Rows of rolling means.
    stds
        Rows of rolling standard deviations.
    ewms
        Spans in rows of exponential means.
    no_pairs
        No products and no ratios.
    json
        Write the new lines as JSON.
    """
    from tickcast.features.generate import Recipe
    from tickcast.features.generate import generate as grow

    words = words_of(name)
    recipe = Recipe(lags, diffs, means, stds, ewms, products=not no_pairs, ratios=not no_pairs)
    grown = grow(words, recipe, list(only) or None)
    _write(grown, out)
    new = {line: text for line, text in grown["features"].items() if line not in words["features"]}
    Terminal(as_json=json).answer(new, f"{out}: {len(words['features'])} features and {len(new)} new ones")


def select(
    name: str,
    *,
    until: str,
    horizon: str,
    data: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    config: Path | None = None,
    set_: Settings = (),
    about: Literal["return", "size"] = "return",
    out: Path = Path("selection"),
    store: str = "data/store",
    json: bool = False,
    quiet: Quiet = False,
) -> None:
    """Keep the features that carry the outcome, judged on training rows only, and say of every other why it goes.

    First what is hardly ever known or says what another says, then what shares no more with the outcome than chance, contributes no more to
    boosted trees than a shuffled column, or falls to recursive elimination over purged folds. Writes selection.json, selection.csv and
    selected.yaml, the set with what was kept. Needs tickcast[train].

    For example:

    tickcast features select grown.yaml --data bars.parquet --until 2021-12-31 --horizon "12 bars" --about size

    Parameters
    ----------
    name
        A YAML file, or a shipped set's name.
    until
        End of the training rows: a day (inclusive, UTC), an ISO time, or UTC nanoseconds. A label that reaches beyond it is not used.
    horizon
        Of the outcome: a duration, as 15m, or a number of rows, as "12 bars".
    data
        CSV or Parquet file of rows of the set's stream in time order; for a set of several streams one file each, as --data STREAM=FILE.
    config
        An experiment's YAML file instead: the rows of its data section.
    about
        Select for the signed return, or for its size.
    out
        Folder to write into.
    store
        Folder of the embedded store, or the address of a server store, that --config reads into.
    json
        Write the selection as JSON.
    """
    words = words_of(name)
    import numpy as np

    from tickcast.features import FeatureSet
    from tickcast.features.generate import narrowed
    from tickcast.selectors import Chain
    from tickcast.targets import ForwardReturn
    from tickcast.views import View

    features, end = FeatureSet.from_dict(words), moment(until)
    target = ForwardReturn((horizon,))
    terminal = Terminal(quiet=quiet, as_json=json)
    events = events_by_stream(features, data, config, set_, store=store, terminal=terminal)
    with terminal.progress() as listener:
        if features.needs_fit:
            features = features.fit(events, end)
        table = features.compute(events)
        labels = target.label(table)
        ready = np.arange(len(table)) >= min(max(features.warmup.values(), default=0), len(table) // 2)
        rows = np.flatnonzero(ready & labels.valid[:, 0] & (labels.end[:, 0] <= end))
        listener("select", "features", 0.2)
        found = Chain.usual(about=about).select(View(table, labels, rows))
        listener("select", "features", 1.0)
    out.mkdir(parents=True, exist_ok=True)
    (out / "selection.json").write_text(found.to_json(), encoding="utf-8")
    (out / "selection.csv").write_text(found.to_csv(), encoding="utf-8")
    _write(narrowed(words, found.kept), out / "selected.yaml")
    shown = Table("feature", "", "why", "score", "limit", box=None)
    scores = dict(found.scores)
    for kept in found.kept:
        shown.add_row(kept, "kept", "", f"{scores.get(kept, 0.0):.4g}", "")
    for one in found.dropped:
        shown.add_row(one.feature, "dropped", f"{one.by}: {one.reason}", f"{one.score:.4g}", f"{one.limit:.4g}")
    terminal.answer(found.as_dict(), shown)
