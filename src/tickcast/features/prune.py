"""Pruning: the part of a feature graph that some of its nodes need, as when a table is learned from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tickcast.errors import FeatureError
from tickcast.features.reading import behind, made_rows

__all__ = ["answered_where_it_lives", "prune"]


def prune(graph: Mapping[str, Any], outputs: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    """The graph with only what these nodes need, as features of these names; the first is also its price.

    Streams and kinds of bars stay, so that axes keep their numbers, and with them all their columns: the engine looks for what each is
    made of. Raises KeyError for anything that is not a graph.
    """
    nodes: list[dict[str, Any]] = graph["nodes"]
    columns = [i for i, node in enumerate(nodes) if node["op"] == "input" and made_rows(graph, node) is not None]
    makers = [column["node"] for axis in graph["derived"] for column in axis.get("columns", ())]
    measures = [axis["measure"] for axis in graph["derived"] if "measure" in axis]
    needed = behind(graph, [*outputs, *columns, *makers, *measures])
    place = {old: new for new, old in enumerate(sorted(needed))}
    kept = [dict(nodes[old]) for old in place]
    for node in kept:
        if "args" in node:
            node["args"] = [place[arg] for arg in node["args"]]
    derived = [dict(axis) for axis in graph["derived"]]
    for axis in derived:
        if "columns" in axis:
            axis["columns"] = [{**column, "node": place[column["node"]]} for column in axis["columns"]]
        if "measure" in axis:
            axis["measure"] = place[axis["measure"]]
    features = [{"name": name, "node": place[node], "warmup": 0} for name, node in zip(names, outputs, strict=True)]
    return {**graph, "nodes": kept, "derived": derived, "guards": [], "features": features, "price": place[outputs[0]]}


def answered_where_it_lives(graph: Mapping[str, Any]) -> dict[str, Any]:
    """A pruned graph that answers the rows its first feature lives on, whatever the clock: bars of at(...), trades beside a book.

    Raises FeatureError where it reads the grid of the clock, which is then no more; the language does not, a graph may.
    """
    nodes: list[dict[str, Any]] = graph["nodes"]
    axis, streams = nodes[graph["features"][0]["node"]].get("axis", graph["clock"]), 1 + len(graph["sides"])
    derived = [dict(made) for made in graph["derived"]]
    if axis != graph["clock"]:
        for i, made in enumerate(derived):
            if made["kind"] == "every":
                if any(node.get("axis") == streams + i for node in nodes):
                    raise FeatureError("what is learned on other rows reads those of the clock", hint="write all of it inside at")
                derived[i] = {"kind": "nth", "of": 0, "n": 1}  # keeps the number of the axis; nothing lives on it
    return {**graph, "clock": axis, "derived": derived}
