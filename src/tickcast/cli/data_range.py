"""What the commands of `tickcast data` that take a configuration share: its dataset, and the days that are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tickcast.clock import day_number
from tickcast.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from tickcast.config import DataConfig
    from tickcast.store import Store
    from tickcast.upkeep import Family

__all__ = ["days_meant", "refuse_beside_config"]


def refuse_beside_config(config: Path | None, *named: str | None) -> None:
    """Raises ConfigError where a configuration is given and table, symbol or calendar are named beside it."""
    if config is not None and any(each is not None for each in named):
        raise ConfigError("--config names table, symbol and calendar itself", hint="give --config alone, or none")


def days_meant(data: DataConfig, dataset: Family, store: Store, first: str | None, last: str | None, *, to: int | None) -> tuple[int, int]:
    """First and last trading day, inclusive: as given, else as configured, else those stored; `to` stands in for the last one.

    Raises ConfigError where nothing tells, or the range is empty.
    """
    stored = dataset.coverage(store)["trading_day"]
    begin = day_number(first) if first is not None else None if data.start is None else day_number(data.start.isoformat())
    end = day_number(last) if last is not None else None if data.end is None else day_number(data.end.isoformat())
    begin = begin if begin is not None else stored.min() if len(stored) else None  # type: ignore[assignment]
    end = end if end is not None else to if to is not None else stored.max() if len(stored) else None  # type: ignore[assignment]
    if begin is None or end is None:
        hint = "name --from and --until, or write start and end into the data section"
        raise ConfigError(f"nothing tells which days of {data.symbol} are meant", hint=hint)
    if end < begin:
        raise ConfigError("the last day lies before the first", hint="swap --from and --until")
    return int(begin), int(end)
