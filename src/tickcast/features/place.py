"""Where an expression is read: the rows of the clock, of another stream, or of bars, buckets and echoes made of a stream."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tickcast.clock import parse_duration
from tickcast.errors import ConfigError, FeatureError
from tickcast.features.graph import Axis, GraphBuilder
from tickcast.schema import TABLES

__all__ = ["BAR_COLUMNS", "UNITS", "Place", "columns_of", "place_of", "time_bars"]

_MID = "(bid_price_1 + ask_price_1) / 2"
_CANDLE = ("open", "first"), ("high", "max"), ("low", "min"), ("close", "last")
# columns of bars by the table they are made of: an expression over its rows, and how the rows of a bar make one value
BAR_COLUMNS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "bars": {name: (name, how) for name, how in _CANDLE} | {name: (name, "sum") for name in ("volume", "turnover", "count")},
        "trades": {name: ("price", how) for name, how in _CANDLE}
        | {
            "volume": ("size", "sum"),
            "turnover": ("price * size", "sum"),
            "count": ("1", "sum"),
            "buy_volume": ("where(side > 0, size, 0)", "sum"),
            "sell_volume": ("where(side < 0, size, 0)", "sum"),
        },
        "book": {name: (_MID, how) for name, how in _CANDLE} | {"count": ("1", "sum")},
    }
)
# what fills a bucket, by the table
UNITS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "bars": {"volume": "volume", "turnover": "close * volume", "ticks": "1"},
        "trades": {"volume": "size", "turnover": "price * size", "ticks": "1"},
    }
)
_RULE = re.compile(
    r"(?:(?P<stream>[A-Za-z_]\w*)(?=\s|$)\s*)?(?:(?P<number>[\d.]+(?:e\d+)?)\s+(?P<unit>[a-z]+)|(?P<time>[\d.]+[a-z]+)|\+\s*(?P<delay>\w+))?"
)
_HINT = 'write at("15m", ...), at("1000 volume", ...), at("trades", ...) or at("trades + 5m", ...)'


@dataclass(frozen=True)
class Place:
    """Where names are looked up (`stream`, or `axis` where rows are made of it) and on which rows series meet (`rows`)."""

    rows: str
    stream: str
    axis: Axis | None = None

    @property
    def events(self) -> str:
        """The axis whose rows are the events here."""
        return self.axis.key if self.axis is not None else self.stream

    @property
    def bars(self) -> bool:
        """Whether the rows are bars or buckets, with columns of their own."""
        return self.axis is not None and self.axis.kind in ("bars", "buckets")


def columns_of(table: str) -> tuple[str, ...]:
    """Columns of a table that an expression may read: numbers, but for stamps."""
    skipped = ("ts", "ts_event", "ts_open", "interval", "expiry")
    return tuple(column.name for column in TABLES[table].columns if column.dtype.is_numeric() and column.name not in skipped)


def time_bars(stream: str, table: str, duration: str, zone: int | None = None) -> Axis:
    """Bars of `duration` made of a stream's rows; those of bars are stamped with their close. Raises ConfigError for no duration."""
    ns = parse_duration(duration)
    parts: dict[str, object] = {"ns": ns, "closed": table == "bars", "zone": zone}
    return Axis(f"{stream} {ns}" + ("" if zone is None else f" zone {zone}"), "bars", stream, parts)


def place_of(builder: GraphBuilder, text: str, zone: int | None) -> tuple[Place, str | None]:
    """The place that the first argument of at(...) names, and the expression that fills its buckets. Raises FeatureError."""
    found = _RULE.fullmatch(text.strip())
    stream = (found.group("stream") if found else None) or builder.stream
    if found is None or stream not in (builder.stream, *builder.sides):
        raise FeatureError(f"{text!r} names no rows", hint=_HINT)
    table = builder.sides[stream].table if stream in builder.sides else builder.stream
    if zone is not None and not found.group("time"):
        raise FeatureError(f"{text!r} is not cut by the clock of a zone", hint='leave zone out; it is for bars of time, as at("4h", ...)')
    if found.group("unit"):
        return _buckets(builder, stream, table, found)
    if found.group("time") or found.group("delay"):
        if found.group("time") and table not in BAR_COLUMNS:
            raise FeatureError(f"no bars are made of {table}", hint=f"bars are made of {', '.join(BAR_COLUMNS)}")
        try:
            if found.group("time"):
                axis = time_bars(stream, table, found.group("time"), zone)
            else:
                ns = parse_duration(found.group("delay"))
                axis = Axis(f"{stream} + {ns}", "delay", stream, {"ns": ns})
        except ConfigError as error:
            raise FeatureError(error.message, hint=error.hint) from None
        axis = builder.axis(axis)
        return Place(axis.key, stream, axis), None
    return Place(stream, stream), None


def _buckets(builder: GraphBuilder, stream: str, table: str, found: re.Match[str]) -> tuple[Place, str | None]:
    units = UNITS.get(table, {})
    unit = found.group("unit")
    try:
        size = float(found.group("number"))
    except ValueError:
        raise FeatureError(f"{found.group('number')!r} is no number", hint=_HINT) from None
    if unit not in units:
        raise FeatureError(f"nothing of {table} is measured in {unit}", hint=f"known: {', '.join(units) or 'none'}")
    if not 0 < size < math.inf:
        raise FeatureError(f"a bucket of {size:g} {unit} is never filled", hint="give a positive, finite size")
    axis = builder.axis(Axis(f"{stream} {size!r} {unit}", "buckets", stream, {"size": size}))
    return Place(axis.key, stream, axis), units[unit]
