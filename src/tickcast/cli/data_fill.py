"""`tickcast data fill` and `update`: ask the source for what is missing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickcast.cli.arguments import AsJson, DatasetFile, FirstDay, LastDay, NewStore, Quiet, Settings
from tickcast.cli.data_range import days_meant
from tickcast.cli.terminal import Terminal
from tickcast.clock import DAY, day_text
from tickcast.config import DataConfig

if TYPE_CHECKING:
    from tickcast.upkeep import Filled

__all__ = ["fill", "update"]


def fill(
    config: DatasetFile,
    *,
    from_: FirstDay = None,
    until: LastDay = None,
    reopen: bool = False,
    again: bool = False,
    dry_run: bool = False,
    set_: Settings = (),
    store: NewStore = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Ask the source for the trading days that are missing, and nothing else. Run it again to go on where it was interrupted.

    Every day is committed by itself. An empty answer is noted; a second one at least an hour later settles the day, and rows that come
    later re-open it. Days not over yet are left alone.

    For example:

    tickcast data fill my-data.yaml --from 2024-01-01 --until 2024-03-31

    tickcast data fill my-data.yaml --dry-run --json

    Parameters
    ----------
    reopen
        Forget that days of the range were answered with nothing, and ask for them again.
    again
        Ask for days that hold rows too: what has changed is taken as a correction.
    dry_run
        Only name the days that would be asked for.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    _run(terminal, DataConfig.load(config, set_), store, (from_, until), to_now=False, reopen=reopen, again=again, dry_run=dry_run)


def update(
    config: Path,
    *,
    until: str | None = None,
    dry_run: bool = False,
    set_: Settings = (),
    store: NewStore = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Bring a dataset to the last trading day that is over: holes before it are asked for too. Run it again to go on.

    For example:

    tickcast data update my-data.yaml

    tickcast data update my-data.yaml --until 2024-03-31 --json

    Parameters
    ----------
    config
        YAML file whose data section names source, symbol, table and calendar, and start where nothing is stored yet.
    until
        Last trading day, inclusive; by default the last one that is over.
    dry_run
        Only name the days that would be asked for.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    data = DataConfig.load(config, set_).model_copy(update={"end": None})
    _run(terminal, data, store, (None, until), to_now=True, reopen=False, again=False, dry_run=dry_run)


def _run(
    terminal: Terminal,
    data: DataConfig,
    store: str,
    days: tuple[str | None, str | None],
    *,
    to_now: bool,
    reopen: bool,
    again: bool,
    dry_run: bool,
) -> None:
    from tickcast.sources.configured import configured
    from tickcast.store import Store
    from tickcast.upkeep import family, missing_days
    from tickcast.upkeep import fill as filled

    with terminal.progress() as listener, Store.open(store) as kept:
        dataset = family(data, kept)
        now = time.time_ns()
        first, last = days_meant(data, dataset, kept, *days, to=now // DAY + 1 if to_now else None)
        if dry_run:
            due = [day_text(day) for day in missing_days(dataset, kept, first, last, now=now, again=again)]
            terminal.answer({"would_ask": due}, "\n".join(due) if due else "nothing is missing")
            return
        done = filled(
            data,
            configured(data),
            dataset,
            kept,
            first,
            last,
            clock=time.time_ns,
            reopen=reopen,
            again=again,
            progress=lambda what, share: listener("fill", what, share),
        )
    value = {"table": data.table, "symbol": data.symbol, "from": day_text(first), "until": day_text(last), **_told(done)}
    terminal.answer(value, _text(done))


def _told(done: Filled) -> dict[str, Any]:
    return {**vars(done), "quarantined": dict(done.quarantined), "unanswered": [day_text(day) for day in done.unanswered]}


def _text(done: Filled) -> str:
    lines = [
        f"{done.asked} days asked for: {done.stored} brought {done.rows} rows, {done.empty} were answered with nothing",
        f"version {done.version}",
    ]
    aside = ", ".join(f"{count} {reason}" for reason, count in sorted(done.quarantined.items()))
    if aside or done.outside:
        lines.append(f"quarantined: {aside or 'none'}; {done.outside} rows outside sessions")
    if done.waiting:
        lines.append(f"{done.waiting} days were answered with nothing less than an hour ago: ask again later to settle them")
    if done.unanswered:
        lines.append(f"the source says nothing of {len(done.unanswered)} days, the first {day_text(done.unanswered[0])}")
    if done.contracts is None:
        lines.append("the source did not tell of its contracts now; the next fill asks again")
    elif done.contracts:
        lines.append(f"{done.contracts} rows told something new of the contracts")
    if done.healed:
        lines.append(f"{done.healed} gaps of a recording closed")
    return "\n".join(lines)
