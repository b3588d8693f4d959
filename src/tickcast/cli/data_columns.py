"""`tickcast data columns`: the columns of every table, as a mapping or a statement names them."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from tickcast.cli.arguments import AsJson
from tickcast.cli.terminal import Terminal

__all__ = ["columns"]


def columns(table: str | None = None, *, json: AsJson = False) -> None:
    """Name the columns of a table, with type, unit and meaning; without one the tables. What a mapping in YAML or a SELECT may name.

    For example:

    tickcast data columns

    tickcast data columns options --json

    Parameters
    ----------
    table
        A table, as bars or options.
    """
    from tickcast.schema import CONTEXT, TABLES
    from tickcast.store.day_rows import table_named

    terminal = Terminal(as_json=json)
    if table is None:
        named = {name: [column.name for column in each.columns] for name, each in TABLES.items()}
        drawn = Table("table", "columns", box=None)
        for name, held in named.items():
            drawn.add_row(name, f"{', '.join(held[:8])}{f' and {len(held) - 8} more' if len(held) > 8 else ''}")
        terminal.answer(named, drawn)
        return
    found = table_named(table)
    rows: list[dict[str, Any]] = [
        {"column": each.name, "type": str(each.dtype), "unit": each.unit, "needed": each.required, "meaning": each.meaning}
        for each in (*found.columns, *CONTEXT)
    ]
    drawn = Table("column", "type", "unit", "", "meaning", box=None)
    for row in rows:
        drawn.add_row(row["column"], row["type"], row["unit"], "needed" if row["needed"] else "", escape(row["meaning"]))
    terminal.answer({"table": table, "identity": list(found.identity), "columns": rows}, drawn)
