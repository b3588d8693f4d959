"""`tickcast demo`: real ES trades from nothing to a served forecast."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tickcast.cli.arguments import AsJson, NewStore
from tickcast.cli.terminal import Terminal
from tickcast.clock import HOUR, SECOND, parse_duration
from tickcast.config import Experiment
from tickcast.errors import ServeError, SourceError

__all__ = ["demo", "fan"]

_WIDTH = 29
_TOLERANCE = 1e-5
_SIMULATED = (
    "data.source=simulated",
    "data.files=null",
    "data.symbol=SIM",
    "data.calendar=24/7",
    "data.options={days: 1, interval: 10s, dynamics: stochastic}",
)


def demo(
    config: Path = Path("configs/es-demo.yaml"),
    *,
    runs: Path = Path("runs"),
    store: NewStore = "data/store",
    downloads: Path = Path("data/demo"),
    minutes: int = 60,
    simulated: bool = False,
    json: AsJson = False,
    quiet: bool = False,
) -> None:
    """Forecast half a million real ES trades, then replay the last hour through the server.

    Fetches the trades (inside a small package of the Python index), runs the experiment to a report and a bundle, starts the forecast
    server on a free port of this machine, posts the last events to it second by second, draws its answers and holds each one against
    the forecast that research made of the same second. Where the trades cannot be had it says so and takes the simulated market.

    For example:

    tickcast demo

    tickcast demo --simulated --minutes 10

    Parameters
    ----------
    config
        The experiment.
    runs
        Folder of run folders.
    downloads
        Folder for the trades.
    minutes
        How much of the end is replayed and compared.
    simulated
        Take the simulated market at once.
    quiet
        No progress and no fan.
    """
    from tickcast.lifecycle.progress import Progress
    from tickcast.lifecycle.run import commit_of, run
    from tickcast.sources.es_ticks import fetch_es_ticks

    terminal = Terminal(quiet=quiet, as_json=json)
    begin = time.monotonic()
    with terminal.progress() as listener:
        changes: tuple[str, ...] = _SIMULATED if simulated else ()
        if not simulated:
            try:
                wheel = fetch_es_ticks(downloads, progress=lambda what, share: listener("fetch", what, share))
                changes = (f"data.files={wheel}",)
            except SourceError as error:
                terminal.remark(f"{error} Taking the simulated market instead.")
                changes = _SIMULATED
        experiment = Experiment.load(config, changes)
        made = run(experiment, runs, store, commit=commit_of(Path.cwd()), clock=time.monotonic, progress=Progress(listener))
    if made.bundle is None:
        raise ServeError("the experiment makes no bundle to serve", field="bundle", hint="name a forecaster in its bundle setting")
    terminal.remark(f"report: {made.report}\nbundle: {made.bundle}\nreplaying the last {minutes} minutes through the server")
    result = _replayed(experiment, store, made.bundle, minutes, quiet or json)
    value = {
        "report": str(made.report),
        "bundle": str(made.bundle),
        "data": experiment.data.source,
        **result,
        "seconds": round(time.monotonic() - begin, 1),
    }
    terminal.answer(
        value,
        f"report: {made.report}\nbundle: {made.bundle}\n"
        f"self-check: {result['compared']} served forecasts equal research's to {result['largest_difference']:.1e} "
        f"({result['events']} events); {value['seconds']} s in all",
    )


def _replayed(experiment: Experiment, store: str, bundle: Path, minutes: int, still: bool) -> dict[str, Any]:
    """Replay the end of the experiment's events. Raises ServeError when a served figure differs from research's."""
    from tickcast.lifecycle.ingest import ingest
    from tickcast.lifecycle.market import market
    from tickcast.lifecycle.progress import Progress
    from tickcast.lifecycle.receipts import receipts_of
    from tickcast.lifecycle.replay import replay
    from tickcast.store import Store

    with Store.open(store) as kept:
        rows = market(experiment, kept, ingest(experiment.data, kept, receipts_of(store), Progress())).rows
    events = rows.filter(rows["ts"] > int(rows["ts"][-1]) - (minutes + 30) * HOUR // 60)
    console = Console(stderr=True)
    last: list[Mapping[str, Any]] = []
    with Live(console=console, refresh_per_second=10, transient=False) as live:

        def told(answer: Mapping[str, Any], share: float) -> None:
            last[:] = [answer]
            if not still and console.is_terminal:
                live.update(fan(answer))

        found = replay(bundle, events, last=minutes * HOUR // 60, every=SECOND, listener=told)
        if not still:
            live.update(fan(last[0]))
    if found.largest > _TOLERANCE:
        raise ServeError(f"a served figure differs from research by {found.largest:.1e}", hint="report this as a defect with the bundle")
    return {"events": found.events, "answers": found.answers, "compared": found.compared, "largest_difference": found.largest}


def fan(answer: Mapping[str, Any]) -> Text:
    """One answer as text: a line per horizon with the 90 % band, the median and the probability of a rise.

    Bands are drawn to one scale, that of the widest horizon; prices are the answer's price times exp(log-return).
    """
    price = float(answer["price"])
    widest = max(abs(value) for name in ("q05", "q95") for value in answer[name]) or 1e-9
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(int(answer["ts"]) // SECOND))
    lines = Text(f"{stamp} UTC  price {price:,.2f}  bundle {answer['bundle'][:12]}\n", style="bold")
    lines.append(f"{'':>6}  {'q05':>10} {'median':>10} {'q95':>10}  {'p(up)':>6}\n", style="dim")
    rows = zip(answer["horizons"], answer["q05"], answer["q50"], answer["q95"], answer["p_up"], strict=True)
    for horizon, low, middle, high, rise in sorted(rows, key=lambda row: parse_duration(row[0])):
        prices = " ".join(f"{price * math.exp(value):>10,.2f}" for value in (low, middle, high))
        lines.append(f"{horizon:>6}  {prices}  {rise:>6.1%}  ")
        places = [round((value / widest + 1) / 2 * (_WIDTH - 1)) for value in (low, middle, high)]
        band = ["·"] * _WIDTH
        band[places[0] : places[2] + 1] = "━" * (places[2] - places[0] + 1)
        band[places[1]] = "●"
        lines.append("".join(band) + "\n", style="cyan")
    return lines
