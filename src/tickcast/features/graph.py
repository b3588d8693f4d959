"""GraphBuilder: nodes of a feature graph, equal ones made once, with the rows each needs before it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tickcast.errors import FeatureError

__all__ = ["MAX_NODES", "GraphBuilder", "Series", "prune", "zone_table"]

MAX_NODES = 10_000


@dataclass(frozen=True)
class Series:
    """A node: its number, the rows it lives on (constant, event or clock) and its warm-up as (events, ns, clock rows)."""

    node: int
    axis: str
    warmup: tuple[int, int, int] = (0, 0, 0)


@dataclass
class GraphBuilder:
    """Collects nodes for one stream and clock; `every` is the grid's step in ns or None where each event makes a row."""

    stream: str
    every: int | None
    inputs: list[str] = field(default_factory=list)
    zones: list[dict[str, object]] = field(default_factory=list)
    tables: list[dict[str, object]] = field(default_factory=list)
    nodes: list[dict[str, object]] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)

    @property
    def clock(self) -> str:
        """The axis of rows: clock on a grid, else event."""
        return "event" if self.every is None else "clock"

    def add(self, op: str, args: Sequence[Series] = (), **parts: object) -> Series:
        """The node with this operator, arguments and constants; event series are read as of the clock where the two meet."""
        if op != "sample" and {arg.axis for arg in args} >= {"event", "clock"}:
            args = [self.sample(arg) for arg in args]
        parts = {key: value for key, value in parts.items() if value is not None}
        node = {"op": op} | ({"args": [arg.node for arg in args]} if args else {}) | parts
        key = repr(node)
        if key not in self.series:
            if len(self.nodes) >= MAX_NODES:
                raise FeatureError(f"more than {MAX_NODES} operators", hint="split the feature set")
            axis = self._axis(op, args, parts)
            self.series[key] = Series(len(self.nodes), axis, self._warmup(op, args, axis, parts))
            self.nodes.append(node)
        return self.series[key]

    def sample(self, series: Series) -> Series:
        """The series as of the clock."""
        return self.add("sample", [series]) if series.axis == "event" and self.every is not None else series

    def input(self, name: str) -> Series:
        """The column `name` of the stream."""
        if name not in self.inputs:
            self.inputs.append(name)
        return self.add("input", index=self.inputs.index(name))

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

    def _axis(self, op: str, args: Sequence[Series], parts: dict[str, object]) -> str:
        if op in ("input", "one", "elapsed"):
            return "event"
        if op == "const":
            return "constant"
        if not args or op == "sample":
            return self.clock
        if ("span" in parts and not op.startswith("ewm")) or op == "seconds_since":
            return self.clock
        return next((arg.axis for arg in args if arg.axis != "constant"), "constant")

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
        elif isinstance(span, int) and not (op.startswith("ewm") and parts.get("adjust")):
            time += span
        on_grid = axis == "clock"
        return events + (0 if on_grid else extra), time, rows + (extra if on_grid else 0)


def prune(graph: dict[str, object], outputs: Sequence[int], names: Sequence[str]) -> dict[str, object]:
    """The graph with only what these nodes need, as features of these names; the first is also its price."""
    nodes: list[dict[str, object]] = graph["nodes"]  # type: ignore[assignment]
    needed = set(outputs)
    for i in reversed(range(len(nodes))):
        if i in needed:
            needed |= set(nodes[i].get("args", ()))  # type: ignore[call-overload]
    place = {old: new for new, old in enumerate(sorted(needed))}
    kept = [dict(nodes[old]) for old in place]
    for node in kept:
        if "args" in node:
            node["args"] = [place[arg] for arg in node["args"]]  # type: ignore[attr-defined]
    features = [{"name": name, "node": place[node], "warmup": 0} for name, node in zip(names, outputs, strict=True)]
    return {**graph, "nodes": kept, "features": features, "price": place[outputs[0]]}


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
