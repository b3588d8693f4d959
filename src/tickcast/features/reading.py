"""What a node of a feature graph reads, asked in one place: the nodes near it, all that lies behind it, its columns, how it forgets.

A graph is what `FeatureSet.graph()` gives. Streams are numbered as there: 0 is the main one, then its sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tickcast.features.language import OPERATORS, Memory
from tickcast.features.learners import LEARNERS

__all__ = ["behind", "columns_behind", "in_order", "made_rows", "memory_of", "near", "streams_behind"]


def made_rows(graph: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The rows made on the way (bars, buckets, echoes, a grid) that a node lives on, None for a stream's own rows."""
    number = int(node.get("axis", 0)) - len(graph.get("sides", ())) - 1
    return graph["derived"][number] if number >= 0 else None


def near(graph: Mapping[str, Any], number: int) -> list[int]:
    """Numbers of the nodes that a node reads: its arguments, and what the column of made rows is made of that it is.

    What fills a bucket says when it ends, so the first node that lives on buckets reads that too.
    """
    node = graph["nodes"][number]
    args = [int(arg) for arg in node.get("args", ())]
    made = made_rows(graph, node)
    if made is None:
        return args
    found = [*args, int(made["columns"][node["index"]]["node"])] if node["op"] == "input" else args
    first = not any(graph["nodes"][arg].get("axis") == node["axis"] for arg in args)
    return [*found, int(made["measure"])] if "measure" in made and first and made["measure"] not in found else found


def in_order(graph: Mapping[str, Any], wanted: Iterable[int], *, learned: bool = False) -> Iterator[int]:
    """These nodes and all that they read, each once, after what it reads. No recursion: lines that name lines go deep.

    learned: whether what a table is learned from counts as read.
    """
    waiting, opened = [(int(number), False) for number in wanted], set[int]()
    while waiting:
        number, read = waiting.pop()
        if read:
            yield number
        elif number not in opened:
            opened.add(number)
            found = near(graph, number) + (_lessons(graph, number) if learned else [])
            waiting += [(number, True), *((each, False) for each in found)]


def behind(graph: Mapping[str, Any], wanted: Iterable[int], *, learned: bool = False) -> set[int]:
    """These nodes and all that they read; with `learned` also what their tables are learned from."""
    return set(in_order(graph, wanted, learned=learned))


def columns_behind(graph: Mapping[str, Any], wanted: Iterable[int], *, learned: bool = False) -> set[tuple[int, int]]:
    """(stream, column) of every input that these nodes read, by number; with `learned` also what their tables are learned from."""
    nodes = (graph["nodes"][number] for number in behind(graph, wanted, learned=learned))
    inputs = (node for node in nodes if node["op"] == "input" and made_rows(graph, node) is None)
    return {(int(node.get("axis", 0)), int(node["index"])) for node in inputs}


def streams_behind(graph: Mapping[str, Any], wanted: Iterable[int], *, learned: bool = False) -> set[int]:
    """Numbers of the streams on whose rows these nodes or what they read live, as they come or made into others, whatever the columns."""
    found = {int(graph["nodes"][number]["axis"]) for number in behind(graph, wanted, learned=learned) if "axis" in graph["nodes"][number]}
    while made := {axis for axis in found if axis > len(graph["sides"])}:
        rows = [graph["derived"][axis - len(graph["sides"]) - 1] for axis in made]
        found = found - made | {int(each["of"]) for each in rows if "of" in each}  # a grid is made of no rows
    return found


def memory_of(op: str) -> Memory:
    """How the operator of a node forgets; arithmetic and what else the language does not name keeps no row but its window's."""
    known = OPERATORS.get(op) or LEARNERS.get(op)
    return known.memory if known else "window"


def _lessons(graph: Mapping[str, Any], number: int) -> list[int]:
    node = graph["nodes"][number]
    if node["op"] != "lookup" and node["op"] not in LEARNERS:
        return []
    recipe = graph["tables"][node["index"]]["recipe"]
    return [recipe[key] for key in ("node", "slot") if key in recipe] + list(recipe.get("nodes", ()))
