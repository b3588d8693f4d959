"""GraphBuilder: nodes of a feature graph, equal ones made once, each on the rows of a stream, of bars or of the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tickcast.errors import FeatureError
from tickcast.features.language import OPERATORS

__all__ = ["MAX_NODES", "Axis", "GraphBuilder", "Series", "Side", "zone_table"]

MAX_NODES = 10_000
# operators whose window of time is answered on the rows of the context
_TIMED = frozenset(name for name, operator in OPERATORS.items() if ("window", "window") in operator.constants)


@dataclass(frozen=True)
class Series:
    """A node: its number, the axis it lives on ("" for a constant) and its warm-up as (events, ns, clock rows).

    `exact` is False where the warm-up depends on the data, as it does once bars or another stream are read.
    """

    node: int
    axis: str
    warmup: tuple[int, int, int] = (0, 0, 0)
    exact: bool = True


@dataclass(frozen=True)
class Side:
    """A stream beside the main one: its table, the `symbol` where it is another instrument's, and how long a value lives."""

    name: str
    table: str
    symbol: str | None = None
    ttl: int | None = None
    stale: str = "nan"

    @property
    def foreign(self) -> bool:
        """Whether the main stream's sessions and segments do not concern it."""
        return self.symbol is not None or self.table in ("signals", "surface")


@dataclass
class Axis:
    """Rows made of the rows of stream `of`: `kind` every, nth, bars, buckets or delay; `parts` as the engine reads them."""

    key: str
    kind: str
    of: str
    parts: dict[str, object]
    columns: dict[str, dict[str, object]] = field(default_factory=dict)

    @property
    def ns(self) -> int | None:
        """Distance of rows where it is known."""
        return int(str(self.parts["ns"])) if self.kind in ("every", "bars") else None


@dataclass
class GraphBuilder:
    """Collects nodes over the main stream `stream` (a table's name) and its `sides`; `clock` is the axis of the rows that are answered.

    `rows` is the axis on which series of different streams meet: the clock, or inside at(...) the rows named there.
    """

    stream: str
    sides: dict[str, Side] = field(default_factory=dict)
    axes: dict[str, Axis] = field(default_factory=dict)
    clock: str = ""
    inputs: dict[str, list[str]] = field(default_factory=dict)
    zones: list[dict[str, object]] = field(default_factory=list)
    tables: list[dict[str, object]] = field(default_factory=list)
    nodes: list[dict[str, object]] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    rows: str = ""

    def __post_init__(self) -> None:
        self.clock = self.clock or self.stream
        self.rows = self.rows or self.clock

    def axis(self, axis: Axis) -> Axis:
        """The axis of this key, made once."""
        return self.axes.setdefault(axis.key, axis)

    def add(self, op: str, args: Sequence[Series] = (), **parts: object) -> Series:
        """The node with this operator, arguments and constants, `axis` where the arguments do not tell it.

        Series of different axes are read as of `rows` where they meet.
        """
        found = list(dict.fromkeys(arg.axis for arg in args if arg.axis))
        if len(found) > 1:
            args = [self.sample(arg) for arg in args]
            found = [self.rows]
        crosses = (op in _TIMED and "span" in parts) or op == "seconds_since"
        place = str(parts.pop("axis", self.rows if crosses and found else found[0] if found else ""))
        parts = {key: value for key, value in parts.items() if value is not None}
        node = {"op": op} | ({"args": [arg.node for arg in args]} if args else {}) | ({"axis": place} if place else {}) | parts
        key = repr(node)
        if key not in self.series:
            if len(self.nodes) >= MAX_NODES:
                raise FeatureError(f"more than {MAX_NODES} operators", hint="split the feature set")
            exact = all(arg.exact for arg in args) and self._regular(place)
            self.series[key] = Series(len(self.nodes), place, self._warmup(op, args, place, parts), exact)
            self.nodes.append(node)
        return self.series[key]

    def sample(self, series: Series) -> Series:
        """The series as of `rows`; NaN once its stream has been silent for longer than its ttl."""
        if not series.axis or series.axis == self.rows:
            return series
        side = self.sides.get(series.axis)
        return self.add("sample", [series], axis=self.rows, span=side.ttl if side else None)

    def input(self, name: str, stream: str | None = None) -> Series:
        """The column `name` of a stream, by default the main one."""
        columns = self.inputs.setdefault(stream or self.stream, [])
        if name not in columns:
            columns.append(name)
        return self.add("input", axis=stream or self.stream, index=columns.index(name))

    def column(self, axis: Axis, name: str, series: Series | None, how: str) -> Series:
        """The column `name` of rows that are made, of the rows' `series`; a column made before needs no series."""
        if name not in axis.columns and series is not None:
            if series.axis not in ("", axis.of):
                raise FeatureError(f"column {name} of {axis.key} must be made of {axis.of} alone")
            axis.columns[name] = {"node": series.node, "how": how}
        return self.add("input", axis=axis.key, index=list(axis.columns).index(name))

    def zone(self, name: str) -> int:
        """Number of the zone's table."""
        table = zone_table(name)
        if table not in self.zones:
            self.zones.append(table)
        return self.zones.index(table)

    def table(self, name: str, recipe: dict[str, object]) -> int:
        """Number of the fitted table with this recipe, called after the feature that asks first, unfitted until training rows fill it."""
        for i, table in enumerate(self.tables):
            if table["recipe"] == recipe:
                return i
        self.tables.append({"name": name, "values": None, "recipe": recipe})
        return len(self.tables) - 1

    def _regular(self, axis: str) -> bool:
        """Whether the rows of an axis come one by one with the main stream or in equal steps."""
        return axis in ("", self.stream) or (axis in self.axes and self.axes[axis].kind == "every")

    def _warmup(self, op: str, args: Sequence[Series], axis: str, parts: dict[str, object]) -> tuple[int, int, int]:
        events, time, rows = (max((arg.warmup[i] for arg in args), default=0) for i in range(3))
        steps, span = parts.get("steps"), parts.get("span")
        extra = 1 if op == "elapsed" else 0
        if isinstance(steps, int):
            extra = steps if op == "lag" else steps - 1
            weights = parts.get("weights")
            if isinstance(weights, list):
                extra = (len(weights) - 1) * steps
            if op == "count":
                events, time, rows = 0, 0, 0
        elif isinstance(span, int) and op != "sample" and not (op.startswith("ewm") and parts.get("adjust")):
            time += span
        made = self.axes.get(axis)
        if axis == self.clock and axis != self.stream and made is not None and made.kind == "every":
            return events, time, rows + extra
        if made is not None and made.kind == "bars":
            return events, time + (1 if op == "input" else extra) * (made.ns or 0), rows
        return events + extra, time, rows

    def finish(self) -> dict[str, object]:
        """Streams, axes and nodes as the engine reads them: axes by number, the main stream 0, then the sides in use, then what is made."""
        lived_on = {node.get("axis") for node in self.nodes} | {axis.of for axis in self.axes.values()}
        used = [name for name in self.sides if name in lived_on]
        number = {name: i for i, name in enumerate([self.stream, *used, *self.axes])}
        sides = [
            {
                "name": name,
                "inputs": self.inputs.get(name, []),
                "foreign": self.sides[name].foreign,
                "source": {"table": self.sides[name].table, "symbol": self.sides[name].symbol},
            }
            for name in used
        ]
        derived = [_axis(axis, number) for axis in self.axes.values()]
        nodes = [{**node, "axis": number[str(node["axis"])]} if "axis" in node else node for node in self.nodes]
        inputs = self.inputs.get(self.stream, [])
        return {"inputs": inputs, "sides": sides, "derived": derived, "clock": number[self.clock], "nodes": nodes}


def _axis(axis: Axis, number: Mapping[str, int]) -> dict[str, object]:
    if axis.kind == "every":
        return {"kind": "every", **axis.parts}
    columns = {} if axis.kind == "nth" else {"columns": list(axis.columns.values())}
    return {"kind": axis.kind, "of": number[axis.of], **axis.parts, **columns}


@lru_cache(maxsize=64)
def zone_table(name: str) -> dict[str, object]:
    """Offsets of an IANA zone from UTC, 1970 to 2050: `first` seconds, then from `at[i]` (UTC ns) on `offset[i]` seconds."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise FeatureError(f"there is no time zone {name!r}", hint="use an IANA name, as America/New_York or UTC") from error
    start, end = datetime(1970, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)

    def offset(moment: datetime) -> int:
        return int((moment.astimezone(zone).utcoffset() or timedelta()).total_seconds())

    first = before = offset(start)
    at: list[int] = []
    offsets: list[int] = []
    day = start
    while day < end:
        after = offset(day + timedelta(days=1))
        if after != before:
            low, high = 0, 86_400
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (low, middle) if offset(day + timedelta(seconds=middle)) != before else (middle, high)
            at.append(int((day + timedelta(seconds=high)).timestamp()) * 1_000_000_000)
            offsets.append(after)
            before = after
        day += timedelta(days=1)
    return {"name": name, "first": first, "at": at, "offset": offsets}
