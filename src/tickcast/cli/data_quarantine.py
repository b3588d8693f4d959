"""`tickcast data quarantine`: rows that were set aside, and why."""

from __future__ import annotations

import json as text
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from tickcast.cli.arguments import AsJson, Quiet, StoreAddress
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal
from tickcast.clock import day_number, time_text

if TYPE_CHECKING:
    import polars as pl

__all__ = ["quarantine"]


def quarantine(
    table: str | None = None,
    *,
    symbol: str | None = None,
    reason: str | None = None,
    day: str | None = None,
    rows: int = 0,
    store: StoreAddress = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Count the rows that were set aside, by table, symbol and reason; or show them as they were read.

    For example:

    tickcast data quarantine

    tickcast data quarantine trades --symbol ES --reason price_far --rows 20

    Parameters
    ----------
    table
        Only rows meant for this table, as bars or trades.
    symbol
        Only this symbol.
    reason
        Only this reason, as crossed or price_not_finite.
    day
        Only this UTC day, as 2024-03-05.
    rows
        Show this many rows with their file, number and original values, instead of counts.
    """
    import polars as pl

    from tickcast.clock import DAY

    terminal = Terminal(quiet=quiet, as_json=json)
    start = None if day is None else day_number(day) * DAY
    with stored(store) as kept:
        found = kept.scan("quarantine", None if symbol is None else [symbol], start, None if start is None else start + DAY)
    for name, wanted in (("table", table), ("reason", reason)):
        found = found if wanted is None else found.filter(pl.col(name) == wanted)
    if rows > 0:
        _show(terminal, found.head(rows), len(found))
    else:
        _count(terminal, found)


def _count(terminal: Terminal, found: pl.DataFrame) -> None:
    from tickcast.cleaning import explain

    keys = ("table", "symbol", "reason")
    counted = found.group_by(keys).len("rows").sort(keys)
    lines = [{**row, "meaning": explain(row["reason"])} for row in counted.iter_rows(named=True)]
    drawn = Table("table", "symbol", "reason", "rows", "meaning", box=None)
    for line in lines:
        drawn.add_row(*(escape(str(line[name])) for name in ("table", "symbol", "reason", "rows", "meaning")))
    terminal.answer({"rows": len(found), "reasons": lines}, drawn if lines else "no row was set aside")


def _show(terminal: Terminal, shown: pl.DataFrame, rows: int) -> None:
    lines = [{**row, "time": time_text(row["ts"]), "original": text.loads(row["original"])} for row in shown.iter_rows(named=True)]
    drawn = Table("source", "row", "time", "reason", "original", box=None)
    for line in lines:
        said = ", ".join(f"{name} {value}" for name, value in line["original"].items() if value is not None)
        drawn.add_row(*map(escape, (line["source"], str(line["file_row"] or ""), line["time"], line["reason"], said)))
    terminal.remark(f"{len(lines)} of {rows} rows")
    terminal.answer({"rows": rows, "shown": lines}, drawn if lines else "no row was set aside")
