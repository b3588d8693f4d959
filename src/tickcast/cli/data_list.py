"""`tickcast data list`: the tables and symbols of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from tickcast.cli.arguments import AsJson, Quiet, StoreAddress
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal
from tickcast.clock import day_text

if TYPE_CHECKING:
    from tickcast.store import Store

__all__ = ["list_datasets"]


def list_datasets(*, search: str = "", store: StoreAddress = "data/store", json: AsJson = False, quiet: Quiet = False) -> None:
    """Name every table and symbol: days, rows, from when to when. Read from the ledger only.

    For example:

    tickcast data list

    tickcast data list --search MGC --store data/store --json

    Parameters
    ----------
    search
        Only tables and symbols whose name holds this text.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    with stored(store) as kept:
        rows = [row for row in _datasets(kept) if search.lower() in f"{row['table']} {row['symbol']}".lower()]
        version = kept.version()
    table = Table("table", "symbol", "days", "rows", "first day", "last day", box=None)
    for row in rows:
        table.add_row(row["table"], escape(row["symbol"]), str(row["days"]), str(row["rows"]), row["first_day"], row["last_day"])
    nothing = f"nothing stored is called {search!r}" if search else "the store is empty"
    terminal.remark(f"version {version}")
    terminal.answer({"version": version, "datasets": rows}, table if rows else nothing)


def _datasets(store: Store) -> list[dict[str, Any]]:
    """A row per table and symbol."""
    import polars as pl

    from tickcast.schema import TABLES

    day, ts = pl.col("trading_day"), (pl.col("first_ts").min(), pl.col("last_ts").max())
    figures = (pl.len().alias("days"), pl.col("rows").sum(), day.min().alias("first"), day.max().alias("last"), *ts)
    out: list[dict[str, Any]] = []
    for name in TABLES:
        for row in store.coverage(name).group_by("symbol").agg(figures).sort("symbol").iter_rows(named=True):
            dates = {"first_day": day_text(row.pop("first")), "last_day": day_text(row.pop("last"))}
            out.append({"table": name, **row, **dates})
    return out
