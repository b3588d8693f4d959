"""`tickcast features materialise`: a registered set's rows for an experiment's data, kept in the store."""

from __future__ import annotations

import time
from pathlib import Path

from tickcast.cli.arguments import AsJson, NewStore, Quiet, Settings
from tickcast.cli.feature_sets import registry_in
from tickcast.cli.terminal import Terminal
from tickcast.config import Experiment
from tickcast.errors import FeatureError

__all__ = ["materialise"]


def materialise(
    name: str,
    *,
    config: Path,
    set_: Settings = (),
    store: NewStore = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compute a registered set's rows for every stored day and keep them; run it again to resume or when days have come or changed.

    Each day is committed by itself with the engine's state at its end: what is there is never computed again, a changed day leads to new
    rows from that day on, and the rows are to the bit those of one pass over all days.

    For example:

    tickcast features materialise nq24 --config configs/nq-5m.yaml

    tickcast features materialise my-set@2 --config configs/mgc-5m.yaml --json

    Parameters
    ----------
    name
        The registered set, as name or name@version.
    config
        The experiment's YAML file; its data section, rolls and bars give the rows.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    experiment = Experiment.load(config, set_)  # before the heavy imports: a typo is told at once
    with registry_in(store) as registry:
        if registry is None:
            raise FeatureError(
                f"there is no store in {store}", hint=f"tickcast features register {name.partition('@')[0]} --config {config}"
            )
        entry = registry.get(name)
    from tickcast.lifecycle.ingest import ingest
    from tickcast.lifecycle.input_days import experiment_days
    from tickcast.lifecycle.materialise import materialise as make
    from tickcast.lifecycle.progress import Progress
    from tickcast.lifecycle.receipts import receipts_of
    from tickcast.store import Store

    with terminal.progress() as listener, Store.open(store) as kept:
        told = Progress(listener)
        arrived = ingest(experiment.data, kept, receipts_of(store), told)
        days = experiment_days(experiment, kept, arrived, entry.features)
        done = make(entry, experiment.data.symbol, days, kept, clock=time.time_ns, progress=told.within("materialise"))
    value = {"set": entry.key, "symbol": experiment.data.symbol, "data_version": arrived.version, **vars(done)}
    new = f"{done.made} of them computed now" if done.made else "all of them were there"
    terminal.answer(value, f"{entry.key} for {experiment.data.symbol}: {done.rows} rows of {done.days} days, {new}")
