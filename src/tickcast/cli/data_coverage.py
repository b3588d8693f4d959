"""`tickcast data coverage`: a calendar of what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from tickcast.cli.arguments import Quiet, Settings, StoreAddress
from tickcast.cli.data_range import days_meant, refuse_beside_config
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal
from tickcast.clock import day_text
from tickcast.config import DataConfig

if TYPE_CHECKING:
    import polars as pl

    from tickcast.store import Store

__all__ = ["coverage"]

_MARKS: Mapping[str, tuple[str, str]] = {
    "stored": ("■", "green"),
    "some rows in quarantine": ("◪", "yellow"),
    "gap": ("▤", "yellow"),
    "no data": ("□", "cyan"),
    "unsettled": ("?", "yellow"),
    "missing": ("×", "bold red"),
    "unexpected": ("!", "bold red"),
}
_THERE = ("stored", "gap", "some rows in quarantine")
_NOTHING = "·"


def coverage(
    table: str | None = None,
    *,
    symbol: str | None = None,
    config: Path | None = None,
    calendar: str | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    until: str | None = None,
    set_: Settings = (),
    store: StoreAddress = "data/store",
    json: bool = False,
    quiet: Quiet = False,
) -> None:
    """Draw a calendar of the stored days, a line per symbol and month. Read from the ledger only.

    With a calendar, by --calendar or --config, days on which the market was open and nothing is known are told as missing.

    For example:

    tickcast data coverage

    tickcast data coverage bars --symbol NQ --calendar CME_Equity

    tickcast data coverage --config configs/mgc-5m.yaml --from 2024-01-01 --until 2024-03-31 --json

    Parameters
    ----------
    table
        Only this table, as bars or trades; contracts, gaps and quarantine are told where they are named.
    symbol
        Only this symbol.
    config
        YAML file whose data section names table, symbol and calendar; contracts are drawn for as long as they were alive.
    calendar
        When the market was open, as CME_Equity or NYSE.
    from_
        First trading day, as 2024-03-01; by default the first one stored.
    until
        Last trading day, inclusive; by default the last one stored.
    json
        Write the answer as JSON: per table and symbol the days with their state and rows.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    refuse_beside_config(config, table, symbol, calendar)
    from tickcast.upkeep import with_quarantine

    with stored(store) as kept:
        if config is not None:
            frames = _configured(DataConfig.load(config, set_), kept, from_, until)
        else:
            frames = _of_ledger(kept, table, symbol, calendar, from_, until)
        frames = {name: with_quarantine(states, kept) for name, states in frames.items()}
    found = [_told(name, part) for name, states in frames.items() for part in states.partition_by("symbol", maintain_order=True)]
    terminal.answer(found, _drawn(found) if found else "no stored day")


def _configured(data: DataConfig, store: Store, first: str | None, last: str | None) -> dict[str, pl.DataFrame]:
    import time

    from tickcast.upkeep import family, states_of

    dataset = family(data, store)
    begin, end = days_meant(data, dataset, store, first, last, to=None)
    return {data.table: states_of(dataset, store, begin, end, now=time.time_ns())}


def _of_ledger(
    store: Store, table: str | None, symbol: str | None, calendar: str | None, first: str | None, last: str | None
) -> dict[str, pl.DataFrame]:
    from tickcast.clock import day_number
    from tickcast.schema import TABLES
    from tickcast.upkeep import ledger_states

    days = (None if first is None else day_number(first), None if last is None else day_number(last))
    names = (table,) if table is not None else tuple(name for name, each in TABLES.items() if each.in_sessions)
    return {name: ledger_states(store, name, symbol, calendar=calendar, first=days[0], last=days[1]) for name in names}


def _told(table: str, states: pl.DataFrame) -> dict[str, Any]:
    """One symbol's days as JSON values."""
    named = states.select("trading_day", "state", "rows", "quarantined").iter_rows()
    days = [{"day": day_text(day), "state": state, "rows": rows, "quarantined": aside} for day, state, rows, aside in named]
    counts = dict(states["state"].value_counts().sort("state").iter_rows())
    return {"table": table, "symbol": states["symbol"][0], "counts": counts, "days": days}


def _mark_of(day: Mapping[str, Any]) -> str:
    """The state of a day; of a stored one whether rows of it were set aside."""
    return "some rows in quarantine" if day["state"] == "stored" and day["quarantined"] else str(day["state"])


def _drawn(found: list[dict[str, Any]]) -> Text:
    """A heading per symbol, a line per month with a mark per day, and what the marks mean."""
    out, used = Text(), dict[str, None]()
    for dataset in found:
        counts = ", ".join(f"{count} {state}" for state, count in dataset["counts"].items())
        out.append(f"{dataset['table']} {dataset['symbol']}", "bold").append(f"  {counts}\n")
        states = {date.fromisoformat(each["day"]): _mark_of(each) for each in dataset["days"]}
        used |= dict.fromkeys(states.values())
        month, last = min(states).replace(day=1), max(states)
        while month <= last:
            after = (month + timedelta(days=32)).replace(day=1)
            days = [states.get(month + timedelta(days=at)) for at in range((after - month).days)]
            out.append(f"  {month:%Y-%m} ")
            for state in days:
                out.append(*_MARKS[state]) if state is not None else out.append(_NOTHING, "dim")
            out.append(f"{'':{32 - len(days)}}{sum(state in _THERE for state in days)}\n")
            month = after
    for state in used:
        out.append(f"{_MARKS[state][0]} {state}  ", _MARKS[state][1])
    return out.append(f"{_NOTHING} closed or not known", "dim")
