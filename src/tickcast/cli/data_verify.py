"""`tickcast data verify`: expected days × stored days × days known to be empty."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from tickcast.cli.arguments import AsJson, DatasetFile, FirstDay, LastDay, Quiet, Settings, StoreAddress
from tickcast.cli.data_range import days_meant
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal
from tickcast.clock import day_text
from tickcast.config import DataConfig

if TYPE_CHECKING:
    from tickcast.upkeep import Holdings

__all__ = ["verify"]

_SHOWN = 5  # days named one by one for a reader


def verify(
    config: DatasetFile,
    *,
    from_: FirstDay = None,
    until: LastDay = None,
    hashes: bool = False,
    set_: Settings = (),
    store: StoreAddress = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Say which trading days of a dataset are stored, settled as empty, or missing. Exit code 1 when something is missing or damaged.

    Expected are the days of its calendar on which each symbol was alive and which are over. Read from the ledger only, unless --hashes.

    For example:

    tickcast data verify configs/nq-5m.yaml

    tickcast data verify my-data.yaml --from 2024-01-01 --until 2024-03-31 --hashes --json

    Parameters
    ----------
    hashes
        Also read every stored day of the range and hold it against its hash.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    data = DataConfig.load(config, set_)
    from tickcast.upkeep import damaged_days, family
    from tickcast.upkeep import verify as verified

    with terminal.progress() as listener, stored(store) as kept:
        dataset = family(data, kept)
        first, last = days_meant(data, dataset, kept, from_, until, to=None)
        found = verified(dataset, kept, first, last, now=time.time_ns())
        read = damaged_days(dataset, kept, first, last, lambda what, share: listener("verify", what, share)) if hashes else ()
    table = Table("symbol", "expected", "stored", "no data", "missing", "unsettled", "with gaps", "unexpected", box=None)
    for each in found.symbols:
        counts = (each.expected, each.stored, each.empty)
        lists = (each.missing, each.unsettled, each.gap, each.unexpected)
        table.add_row(escape(each.symbol), *map(str, counts), *map(_some, lists))
    for day in read:
        terminal.remark(f"{day.symbol} {day_text(day.trading_day)}: {day.found}")
    ok = found.ok and not read
    value = {
        "table": found.table,
        "symbol": found.name,
        "calendar": found.calendar,
        "from": day_text(found.first),
        "until": day_text(found.last),
        "ok": ok,
        "symbols": [_row(each) for each in found.symbols],
        "damaged": [{"symbol": day.symbol, "day": day_text(day.trading_day), "found": day.found} for day in read] if hashes else None,
    }
    terminal.answer(value, table)
    return 0 if ok else 1


def _row(each: Holdings) -> dict[str, Any]:
    named = {name: [day_text(day) for day in getattr(each, name)] for name in ("missing", "unsettled", "gap", "unexpected")}
    return {"symbol": each.symbol, "expected": each.expected, "stored": each.stored, "no_data": each.empty, **named, "ok": each.ok}


def _some(days: tuple[int, ...]) -> str:
    """The number of days and the first few of them."""
    named = ", ".join(day_text(day) for day in days[:_SHOWN])
    return f"{len(days)}: {named}{', …' if len(days) > _SHOWN else ''}" if days else "0"
