"""What a feature set is made of: its streams and columns, each feature alone, how far back it looks, its graph as a tree."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from tickcast.errors import FeatureError
from tickcast.features.feature_set import FeatureSet
from tickcast.features.learners import LEARNERS
from tickcast.features.reading import columns_behind, in_order, made_rows, memory_of, near

__all__ = [
    "Branch",
    "Lookback",
    "clock_of",
    "expressions",
    "inputs_of",
    "lookback",
    "part",
    "reads",
    "stream_of",
    "tree",
    "warmup_is_exact",
]

_DEEPEST = 60


@dataclass(frozen=True)
class Lookback:
    """How far back a value depends on its inputs.

    Parameters
    ----------
    rows: rows of the expressions' own series, along the longest path.
    ns: event time of duration windows, along the longest path.
    fades: whether something remembers more than that: ever less of all the past, what happened since an event or the session's open.

    >>> str(Lookback(36, 60_000_000_000, True))
    '36 rows + 60s, fading'
    """

    rows: int
    ns: int
    fades: bool

    def __str__(self) -> str:
        parts = [f"{self.rows} row{'s' if self.rows != 1 else ''}"] if self.rows or not self.ns else []
        parts += [f"{self.ns / 1e9:g}s"] if self.ns else []
        return " + ".join(parts) + (", fading" if self.fades else "")


@dataclass(frozen=True)
class Branch:
    """One node of a feature's graph: the operator in words, its number, what it reads; `again` where it was shown before."""

    text: str
    node: int
    children: tuple[Branch, ...] = ()
    again: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        kept: dict[str, Any] = {"op": self.text, "node": self.node}
        return kept | ({"again": True} if self.again else {"reads": [child.as_dict() for child in self.children]})


@lru_cache(maxsize=8)
def _read(document: str) -> Mapping[str, Any]:
    """The graph for looking at only: reading two hundred features' graphs again for every question takes seconds."""
    graph: dict[str, Any] = json.loads(document)
    return graph


def stream_of(features: FeatureSet) -> str:
    """The main stream."""
    return str(_read(features.document)["stream"])


def clock_of(features: FeatureSet) -> str:
    """When rows are made, in words: every 1s, on bars, on every 10. of book."""
    clock = _read(features.document)["source"][0]["clock"]
    if "every" in clock:
        return f"every {clock['every'] / 1e9:g}s"
    return f"on every {clock['n']}. of {clock['on']}" if "n" in clock else f"on {clock['on']}"


def inputs_of(features: FeatureSet) -> Mapping[str, tuple[str, ...]]:
    """Input columns by stream, the main one first."""
    graph = _read(features.document)
    sides = {side["name"]: tuple(side["inputs"]) for side in graph.get("sides", ())}
    return MappingProxyType({graph["stream"]: tuple(graph["inputs"]), **sides})


def expressions(features: FeatureSet) -> Mapping[str, str]:
    """The line of every feature as written, in order."""
    return MappingProxyType({name: line for words in _read(features.document)["source"] for name, line in words["features"]})


def part(features: FeatureSet, name: str) -> FeatureSet:
    """The set of one feature with the lines it leads to and no others, unfitted. Raises FeatureError when there is no such feature."""
    for words in _read(features.document)["source"]:
        lines = dict(words["features"])
        if name in lines:
            return FeatureSet.from_dict({**words, "features": _needed(lines, name)})
    raise FeatureError(f"no feature called {name!r}", hint=f"{features.name} has {', '.join(features.names)}")


def _needed(lines: Mapping[str, str], name: str) -> dict[str, str]:
    needed, waiting = set[str](), [name]
    order = list(lines)
    while waiting:
        needed.add(one := waiting.pop())
        found = {node.id for node in ast.walk(ast.parse(" ".join(str(lines[one]).split()), mode="eval")) if isinstance(node, ast.Name)}
        waiting += [each for each in order[: order.index(one)] if each in found and each not in needed]
    return {each: line for each, line in lines.items() if each in needed}


def _nodes(graph: Mapping[str, Any], name: str) -> tuple[list[dict[str, Any]], int]:
    for feature in graph["features"]:
        if feature["name"] == name:
            return graph["nodes"], int(feature["node"])
    raise FeatureError(f"no feature called {name!r}", hint=f"there are {', '.join(each['name'] for each in graph['features'])}")


def reads(features: FeatureSet, name: str) -> Mapping[str, tuple[str, ...]]:
    """Input columns by stream that a feature depends on, through tables it learns from too. Raises FeatureError when there is no such one.

    >>> dict(reads(FeatureSet.load("nq24"), "amihud_illiq"))
    {'bars': ('close', 'volume')}
    """
    graph = _read(features.document)
    _, last = _nodes(graph, name)
    used = columns_behind(graph, [last], learned=True)
    streams = enumerate(inputs_of(features).items())
    found = {stream: tuple(column for i, column in enumerate(columns) if (at, i) in used) for at, (stream, columns) in streams}
    return MappingProxyType({stream: columns for stream, columns in found.items() if columns})


def lookback(features: FeatureSet, name: str) -> Lookback:
    """How far back a feature looks. Raises FeatureError when there is no such feature.

    >>> str(lookback(FeatureSet.load("nq24"), "rv_12"))
    '12 rows'
    """
    graph = _read(features.document)
    nodes, last = _nodes(graph, name)
    known: dict[int, Lookback] = {}
    for at in in_order(graph, [last]):
        known[at] = _farther(nodes[at], made_rows(graph, nodes[at]), [known[each] for each in near(graph, at)])
    return known[last]


def warmup_is_exact(features: FeatureSet, name: str) -> bool:
    """Whether the warm-up is a number of rows whatever the data: not where bars or other streams are read. Raises FeatureError."""
    for feature in _read(features.document)["features"]:
        if feature["name"] == name:
            return not feature.get("depends", False)
    raise FeatureError(f"no feature called {name!r}", hint=f"there are {', '.join(features.names)}")


def _farther(node: Mapping[str, Any], made: Mapping[str, Any] | None, before: Sequence[Lookback]) -> Lookback:
    """How far back a node looks when what it reads looks `before`; a row of bars is as long as they are."""
    rows, ns = max((each.rows for each in before), default=0), max((each.ns for each in before), default=0)
    op, steps, span = str(node["op"]), node.get("steps"), node.get("span")
    fading = memory_of(op) != "window"
    length = int(made["ns"]) if made is not None and made["kind"] == "bars" else 0
    extra = int(op == "elapsed" or (op == "input" and bool(length)))
    if isinstance(steps, int) and not fading:
        extra += steps if op == "lag" else steps - 1
    elif isinstance(span, int) and not fading and op != "sample":
        ns += span
    if op == "input" and made is not None and made["kind"] == "delay":
        ns += int(made["ns"])
    rows, ns = (rows, ns + extra * length) if length else (rows + extra, ns)
    return Lookback(rows, ns, fading or any(each.fades for each in before))


def tree(features: FeatureSet, name: str) -> Branch:
    """The graph of a feature from its value down to input columns and constants; a node that two read is drawn once, at most 60 deep."""
    graph = _read(features.document)
    nodes, last = _nodes(graph, name)
    drawn: set[int] = set()

    def grown(at: int, depth: int) -> Branch:
        text, below = _text(graph, nodes[at]), near(graph, at)
        if below and (at in drawn or depth == _DEEPEST):
            return Branch(text if at in drawn else f"{text} …", at, again=at in drawn)
        drawn.add(at)
        return Branch(text, at, tuple(grown(each, depth + 1) for each in below))

    return grown(last, 0)


def _text(graph: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    op = str(node["op"])
    if op == "input":
        made, axis = made_rows(graph, node), int(node.get("axis", 0))
        if made is not None:
            return f"{made['columns'][node['index']]['how']} of {_rows_in_words(made)}"
        side = graph["sides"][axis - 1] if axis else None
        return f"{side['name']}.{side['inputs'][node['index']]}" if side else str(graph["inputs"][node["index"]])
    if op == "const":
        return f"{node['value']:g}"
    if op == "lookup":
        return f"fitted {graph['tables'][node['index']]['name']}"
    if op in LEARNERS:
        words = tuple(LEARNERS[op].named)
        return f"fitted {op}_{words[node['part']] if words else node['part'] + 1}"
    return op + "".join(f" {text}" for text in _constants(node))


def _rows_in_words(made: Mapping[str, Any]) -> str:
    if made["kind"] == "buckets":
        return f"buckets of {made['size']:g}"
    length = f"{made['ns'] / 1e9:g}s" if "ns" in made else ""
    return {"bars": f"{length} bars", "delay": f"rows {length} later"}.get(made["kind"], f"{made['kind']} {length}".rstrip())


def _constants(node: Mapping[str, Any]) -> Iterator[str]:
    for key, value in node.items():
        if key in ("op", "args", "index", "axis"):
            continue
        if key in ("span", "halflife_ns") and isinstance(value, int):
            yield f"{key}={value / 1e9:g}s"
        else:
            yield f"{key}={value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else f"{key}={value}"
