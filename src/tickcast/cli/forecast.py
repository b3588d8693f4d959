"""`tickcast forecast`: what a bundle says after the given events."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter, validators
from rich.table import Table

from tickcast.cli.arguments import Quiet, Settings
from tickcast.cli.events import events_of
from tickcast.cli.terminal import Terminal

__all__ = ["forecast"]

_BP = ("E_r", "q05", "q50", "q95", "std")


def forecast(
    bundle: Path,
    *,
    data: Path | None = None,
    config: Path | None = None,
    set_: Settings = (),
    last: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=100_000))] = 1,
    symbol: str = "",
    store: str = "data/store",
    json: bool = False,
    quiet: Quiet = False,
) -> None:
    """Replay events through a bundle in this process and show the last forecasts; the server would answer the same.

    For example:

    tickcast forecast runs/nq-5m-1a2b3c4d/bundle --config configs/nq-5m.yaml

    tickcast forecast my-bundle --data bars.parquet --last 3 --json

    Parameters
    ----------
    bundle
        The bundle's folder; every file in it is verified first.
    data
        CSV or Parquet file of events in time order: ts (UTC nanoseconds, or a time with its zone) and the bundle's inputs,
        optionally segment_id. `tickcast bundle show` lists the inputs.
    config
        An experiment's YAML file instead: the events of its data section, rolled and in bars as it says.
    last
        How many of the last forecasts to show.
    symbol
        Name of the series, when the file holds several: only rows of this symbol are read.
    store
        Folder of the embedded store, or the address of a server store, that --config reads into.
    json
        Write the forecasts as JSON, returns as log-returns.
    """
    import polars as pl

    from tickcast.serve import Predictor

    terminal = Terminal(quiet=quiet, as_json=json)
    predictor = Predictor.load(bundle)
    events = events_of(data, config, set_, store, terminal)
    if symbol and "symbol" in events.columns:
        events = events.filter(pl.col("symbol") == symbol)
    until = int(events["ts"][-1]) if len(events) else None
    stamps, made = predictor.replay(events, symbol, until)
    if not len(stamps):
        predictor.predict(symbol)  # raises with the reason why there is none
    shown = slice(-last, None)
    outputs = {name: np.asarray(values)[shown] for name, values in made.outputs().items()}
    value = [_one(int(ts), made.horizons, {name: figures[i] for name, figures in outputs.items()}) for i, ts in enumerate(stamps[shown])]
    manifest = {"bundle": predictor.bundle.hash, "forecaster": predictor.bundle.manifest["forecaster"], "forecasts": value}
    terminal.answer(manifest, _table(value))


def _one(ts: int, horizons: tuple[str, ...], outputs: dict[str, Any]) -> dict[str, Any]:
    figures = {name: [float(x) for x in values] for name, values in outputs.items()}
    return {"ts": ts, "time": f"{datetime.fromtimestamp(ts / 1e9, UTC):%Y-%m-%d %H:%M:%S}", "horizons": list(horizons), **figures}


def _table(forecasts: list[dict[str, Any]]) -> Table:
    table = Table("known at (UTC)", "horizon", "P(up)", "mean, bp", "5 %", "median", "95 %", "std, bp", box=None)
    for column in table.columns[2:]:
        column.justify = "right"
    for one in forecasts:
        for j, horizon in enumerate(one["horizons"]):
            bp = [f"{1e4 * one[name][j]:.2f}" for name in _BP]
            table.add_row(one["time"] if j == 0 else "", horizon, f"{one['p_up'][j]:.1%}", *bp)
    return table
