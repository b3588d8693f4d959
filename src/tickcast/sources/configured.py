"""The source that a configuration's data section describes, and what its market allows."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any

from tickcast.calendars import Calendar
from tickcast.cleaning import Rules
from tickcast.clock import parse_duration
from tickcast.config import DataConfig
from tickcast.errors import ConfigError, DataError, SourceError
from tickcast.sources import SOURCES, FileSource, Source

__all__ = ["configured", "market_rules"]


def configured(data: DataConfig) -> Source:
    """The configured source, which knows its files. Raises SourceError or DataError naming what is absent or not known."""
    kind = SOURCES[data.source]
    arguments = {**data.options, "table": data.table, "symbol": data.symbol}
    if data.source == "simulated":
        arguments |= {"calendar": data.calendar, "tick": data.tick}
    elif kind.remote:
        arguments |= {"calendar": data.calendar}
    elif data.files is None and issubclass(kind, FileSource):
        raise SourceError("no files are named", field="data.files", hint="name a file, a folder or a glob")
    elif data.files is not None:
        arguments |= {"files": data.files}
    _told(kind, data, arguments)
    try:
        return kind(**arguments)
    except (TypeError, ValueError, AttributeError) as error:
        hint = f"see the options of {kind.__name__} in docs/sources.md"
        raise DataError(f"source {data.source}: {error}", field="data.options", hint=hint) from None


def _told(kind: type[Source], data: DataConfig, arguments: Mapping[str, Any]) -> None:
    """Raises ConfigError naming an option that the source has not, or one that it needs and was not given."""
    takes = signature(kind).parameters
    own = sorted(set(takes) - {"table", "symbol", "calendar", "tick", "files"})
    for name in data.options:
        if name not in takes:
            near = get_close_matches(name, own, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"its options: {', '.join(own) or 'none'}"
            raise ConfigError(f"source {data.source} has no such option", field=f"data.options.{name}", hint=hint)
    for name, argument in takes.items():
        if argument.default is Parameter.empty and argument.kind is not Parameter.VAR_KEYWORD and name not in arguments:
            hint = f"docs/sources.md tells the options of {kind.__name__}"
            raise ConfigError(f"source {data.source} needs it", field=f"data.options.{name}", hint=hint)


def market_rules(data: DataConfig, sessions: Calendar) -> Rules:
    """What the configured market allows; `sessions` are those in which its books may not cross."""
    told = data.cleaning
    tick = data.tick if told.off_tick == "quarantine" else None
    stale = None if told.stale is None else parse_duration(told.stale)
    return Rules(calendar=sessions, tick=tick, crossed=told.crossed, locked=told.locked, stale=stale, far=told.far)
