"""`tickcast data sql`: one read-only SELECT over the store."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from tickcast.cli.arguments import AsJson, Quiet, StoreAddress
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal
from tickcast.clock import DAY, day_number
from tickcast.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["sql"]


def sql(
    statement: str,
    *,
    symbol: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    until: str | None = None,
    out: Path | None = None,
    rows: int = 10_000,
    seconds: float = 60.0,
    memory: int = 2048,
    store: StoreAddress = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Ask one SELECT over the store's tables, and over `coverage`: a row per table, symbol and day.

    The statement runs in a process of its own that reaches no file, no network and no Python; it can change nothing. Stamps are whole UTC
    ns; utc(ts) makes a timestamp of them.

    For example:

    tickcast data sql "SELECT symbol, count(*), min(utc(ts)), max(utc(ts)) FROM trades GROUP BY symbol"

    tickcast data sql "SELECT utc(ts), close FROM bars ORDER BY ts" --symbol MGCG1 --from 2021-01-04 --out closes.parquet

    Parameters
    ----------
    statement
        One SELECT or WITH in DuckDB's dialect.
    symbol
        Show it the rows of this symbol only; may be given several times.
    from_
        Show it the rows of this UTC date and later ones only, as 2024-03-05.
    until
        Show it the rows of this UTC date and earlier ones only.
    out
        Write the answer to this file: .parquet, .csv or .json.
    rows
        Rows of the answer at most; what is beyond is left out and told.
    seconds
        Stop after so long.
    memory
        MiB the database may hold, the rows shown to it included.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    if out is not None and out.suffix not in (".parquet", ".csv", ".json"):
        raise ConfigError(f"{out.name} names no format", field="out", hint="end it in .parquet, .csv or .json")
    first = None if from_ is None else day_number(from_) * DAY
    last = None if until is None else (day_number(until) + 1) * DAY
    from tickcast.query import Limits, query

    limits = Limits(rows, seconds, memory)
    with stored(store) as kept:
        answer = query(kept, statement, symbols=symbol or None, start=first, end=last, limits=limits)
    frame = answer.frame
    if answer.cut:
        terminal.remark(f"the first {rows:,} rows; allow more with --rows")
    if out is not None:
        _save(frame, out)
        terminal.answer({"file": str(out), "rows": len(frame), "cut": answer.cut}, f"{len(frame):,} rows in {out}")
        return
    table = Table(*(escape(name) for name in frame.columns), box=None)
    for row in frame.iter_rows():
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    named = [{name: _plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]
    terminal.answer({"rows": named, "cut": answer.cut}, table)


def _save(frame: pl.DataFrame, out: Path) -> None:
    if out.suffix == ".parquet":
        frame.write_parquet(out)
    elif out.suffix == ".csv":
        nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
        if nested:
            hint = "cast it to VARCHAR, or end the name in .parquet or .json"
            raise ConfigError(f"column {nested[0]} holds lists or structs and CSV has none", field="out", hint=hint)
        frame.write_csv(out)
    else:
        frame.write_json(out)


def _plain(value: object) -> object:
    """A number that JSON has, else null; lists and structs of them; anything it does not know as text."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, list | dict):
        return [_plain(each) for each in value] if isinstance(value, list) else {key: _plain(each) for key, each in value.items()}
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value if isinstance(value, int | str | bool) or value is None else str(value)
