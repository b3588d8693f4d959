"""`tickcast data rolls`: which contract a product's series follows when, and why."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from cyclopts import App
from rich.table import Table

from tickcast.cli.arguments import AsJson, Quiet, StoreAddress
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal
from tickcast.clock import day_text
from tickcast.config import DataConfig, Experiment, RollsConfig, read_yaml
from tickcast.errors import ConfigError, DataError

__all__ = ["rolls", "show"]

rolls = App(name="rolls", help="Roll schedules: which contract a series follows when, and why.")


@rolls.command
def show(
    what: str,
    *,
    by: Literal["volume", "open_interest", "instrument"] = "volume",
    threshold: float | None = None,
    levels: int = 0,
    table: Literal["bars", "trades", "book"] = "bars",
    store: StoreAddress = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Work a roll schedule out of the stored contracts, say why each roll was made, and keep it in the store.

    It is kept as rolls/PRODUCT.RULE, a version each time it changes. More data adds rolls and changes none; where an earlier roll differs
    from the kept version, stored data was corrected, and that is told.

    For example:

    tickcast data rolls show MGC

    tickcast data rolls show cu --by open_interest --levels 5 --table book

    tickcast data rolls show configs/mgc-5m.yaml --json

    Parameters
    ----------
    what
        A product, as MGC, or a YAML file: an experiment's with a rolls section, or one that holds a data section alone.
    by
        What decides; of an experiment its own setting.
    threshold
        How many times the measure of the contract followed another one must exceed; by default 1, for open interest 1.1.
    levels
        By open interest: start where the book has this many levels.
    table
        Whose rows price the rolls.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    settings, name = _settings(what, RollsConfig(product=what, by=by, threshold=threshold, levels=levels), table)
    import polars as pl

    from tickcast.lifecycle.market import planned
    from tickcast.rolls import keep, outright_pattern

    with stored(store) as held:
        version = held.version()
        own = held.coverage(name).filter(pl.col("symbol").str.contains(outright_pattern(settings.product)))
        if not len(own):
            hint = "see what is stored: tickcast data list"
            raise DataError(f"the store holds no {name} of outright contracts of {settings.product}", hint=hint)
        rows = held.scan(name, sorted(set(own["symbol"])), as_of=version)
        schedule = planned(settings, held, rows, version)
        entry = keep(held, schedule, {"data_version": version, "table": name}, now=time.time_ns())
    if not entry.extends:
        terminal.remark(f"earlier rolls differ from version {entry.version - 1}: stored data was corrected since")
    shown = Table("from", "contract", "ratio", "factor", "why", box=None)
    for roll, factor, why in zip(schedule.rolls, schedule.factors.tolist(), schedule.explain(), strict=True):
        shown.add_row(day_text(roll.trading_day), roll.contract, f"{roll.ratio:.6f}", f"{factor:.6f}", why)
    terminal.remark(f"{entry.name} version {entry.version}, rule {schedule.rule}, threshold {schedule.threshold:g}, hash {schedule.digest}")
    value = {
        "name": entry.name,
        "version": entry.version,
        "hash": schedule.digest,
        "data_version": version,
        "extends_the_version_before": entry.extends,
        **schedule.as_dict(),
        "factors": schedule.factors.tolist(),
        "why": list(schedule.explain()),
    }
    terminal.answer(value, shown)


def _settings(what: str, typed: RollsConfig, table: str) -> tuple[RollsConfig, str]:
    """The rolls and the table asked for: those of a configuration, or the product as typed."""
    if not what.endswith((".yaml", ".yml")) and not Path(what).is_file():
        return typed, table
    if "name" not in read_yaml(what):  # a file that holds a data section and nothing else
        data = DataConfig.load(what)
        return typed.model_copy(update={"product": data.symbol}), data.table
    experiment = Experiment.load(what)
    if experiment.rolls is None:
        raise ConfigError("has no rolls", file=what, field="rolls", hint="name a product instead, as MGC")
    return experiment.rolls, experiment.data.table
