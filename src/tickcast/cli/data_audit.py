"""`tickcast data audit`: every stored day read once and held against schema, order, sanity, ledger and calendar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from tickcast.cli.arguments import Quiet, Settings, StoreAddress
from tickcast.cli.data_range import refuse_beside_config
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal, counted
from tickcast.clock import day_text
from tickcast.config import DataConfig
from tickcast.errors import DataError

if TYPE_CHECKING:
    from tickcast.calendars import Calendar
    from tickcast.upkeep import Audited, Finding

__all__ = ["audit"]

_SHOWN = 50  # findings told one by one to a reader; JSON tells all


def audit(
    *,
    table: str | None = None,
    symbol: str | None = None,
    calendar: str | None = None,
    config: Path | None = None,
    set_: Settings = (),
    store: StoreAddress = "data/store",
    json: bool = False,
    quiet: Quiet = False,
) -> int:
    """Read what is stored and say what is wrong with it, where, and what to do. Exit code 1 when something is.

    Held against each other: rows and schema, time order, identities, symbol and trading day; rows and the ledger's manifests (rows, first
    and last stamp, hashes); values and the rules of cleaning; sessions and the calendar; a symbol's bars over all days (splices, bars on
    another scale, holes); derived days and what they were made of; blocks and the ledger that names them. Rows that are odd and stay
    (spikes, silences, crossed, locked and still books) are counted as remarks, which leave the exit code alone.

    For example:

    tickcast data audit

    tickcast data audit --config configs/nq-5m.yaml --json

    tickcast data audit --table trades --symbol SPY --calendar NYSE

    Parameters
    ----------
    table
        Only this table, as bars or trades.
    symbol
        Only this symbol.
    calendar
        When the market was open, as CME_Equity or NYSE; without one rows are held against their own session alone.
    config
        YAML file whose data section names table, symbol and calendar; of a product all contracts are read.
    json
        Write the report as JSON.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    refuse_beside_config(config, table, symbol, calendar)
    data = None if config is None else DataConfig.load(config, set_)
    from tickcast.calendars import calendar as named
    from tickcast.upkeep import audit as audited
    from tickcast.upkeep import family

    hours = data.calendar if data is not None else calendar
    known = _always(None if hours is None else named(hours))
    with terminal.progress() as listener, stored(store) as kept:
        only: tuple[str, ...] | None = None if symbol is None else (symbol,)
        if data is not None:
            dataset = family(data, kept)
            table, only = data.table, tuple(sorted({*dataset.alive, *dataset.members}))
        found = audited(kept, table=table, symbols=only, calendar=known, progress=lambda what, share: listener("audit", what, share))
    if not found.days and (table is not None or only is not None):
        asked = " and ".join([*([table] if table else []), *([", ".join(only)] if only else [])])
        raise DataError(f"the store holds nothing of {asked}", hint="see what is stored: tickcast data list")
    terminal.answer(_told(found), _drawn(found))
    return 0 if found.ok else 1


def _always(known: Calendar | None) -> Callable[[str, str], Calendar | None]:
    return lambda table, symbol: known


def _told(found: Audited) -> dict[str, Any]:
    quarantined = [{"table": t, "symbol": s, "reason": r, "rows": n} for t, s, r, n in found.quarantined]
    return {
        "ok": found.ok,
        "version": found.version,
        "days": found.days,
        "rows": found.rows,
        "derived_days": found.derived,
        "findings": [_row(each) for each in found.findings],
        "remarks": [_row(each) for each in found.remarks],
        "quarantined": quarantined,
    }


def _row(each: Finding) -> dict[str, Any]:
    return {**vars(each), "day": None if each.day is None else day_text(each.day)}


def _drawn(found: Audited) -> Table | str:
    head = f"{counted(found.days, 'day')}, {counted(found.rows, 'row')}, {counted(found.derived, 'derived day')} read: "
    head += "nothing is wrong" if found.ok else counted(len(found.findings), "finding")
    held = counted(sum(count for *_, count in found.quarantined), "row") + " in quarantine"
    if not found.findings and not found.remarks:
        return f"{head}; {held}"
    caption = "; ".join([*([f"{counted(len(found.remarks), 'remark')}, in brackets"] if found.remarks else []), held])
    table = Table("what", "table", "symbol", "day", "row", "found", "do", box=None, title=head, caption=caption, title_justify="left")
    for told in (found.findings, found.remarks):
        for each in told[:_SHOWN]:
            day = "" if each.day is None else day_text(each.day)
            kind = each.kind if told is found.findings else f"({each.kind})"
            row = "" if each.row is None else str(each.row)
            cells = (kind, each.table or "", each.symbol or "", day, row, each.found, each.do)
            table.add_row(*(escape(cell) for cell in cells))
        if len(told) > _SHOWN:
            table.add_row("…", *[""] * 4, f"{len(told) - _SHOWN} more; --json tells all", "")
    return table
