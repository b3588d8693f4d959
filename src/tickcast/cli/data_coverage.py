"""`tickcast data coverage`: a calendar of what is stored."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal
from tickcast.clock import day_text

if TYPE_CHECKING:
    from tickcast.store import Store

__all__ = ["coverage"]


def coverage(
    table: str | None = None, *, symbol: str | None = None, store: str = "data/store", json: bool = False, quiet: bool = False
) -> None:
    """Draw a calendar of the stored days, a line per symbol and month. Read from the ledger only.

    For example:

    tickcast data coverage

    tickcast data coverage bars --symbol NQ --json

    Parameters
    ----------
    table
        Only this table, as bars or trades.
    symbol
        Only this symbol.
    store
        Folder of the embedded store, or the address of a server store.
    json
        Write the answer as JSON: per table and symbol the days with their rows.
    quiet
        No remarks.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    with stored(store) as kept:
        found = _stored_days(kept, table, symbol)
    lines = [line for each in found for line in _drawn(each)]
    terminal.answer(found, "\n".join(lines) if lines else "no stored day")


def _stored_days(store: Store, table: str | None, symbol: str | None) -> list[dict[str, Any]]:
    """Per table and symbol its days, each with its rows."""
    from tickcast.schema import TABLES

    out: list[dict[str, Any]] = []
    for name in (table,) if table is not None else TABLES:
        for part in store.coverage(name, symbol).partition_by("symbol", maintain_order=True):
            days = [{"day": day_text(day), "rows": rows} for day, rows in part.select("trading_day", "rows").iter_rows()]
            out.append({"table": name, "symbol": part["symbol"][0], "days": days})
    return out


def _drawn(dataset: dict[str, Any]) -> list[str]:
    """A heading and a line per month: a square where the day is stored, a dot where not."""
    held = {date.fromisoformat(each["day"]) for each in dataset["days"]}
    lines = [f"{dataset['table']} {dataset['symbol']}"]
    month = min(held).replace(day=1)
    while month <= max(held):
        after = (month + timedelta(days=32)).replace(day=1)
        days = [month + timedelta(days=at) for at in range((after - month).days)]
        count = sum(day in held for day in days)
        lines.append(f"  {month:%Y-%m} {''.join('■' if day in held else '·' for day in days):<31} {count}")
        month = after
    return lines
