"""Rows that come when something happens: there a warm-up in time is no number of rows."""

from __future__ import annotations

import numpy as np

from tickcast.checks.events import Events, main
from tickcast.features import FeatureSet
from tickcast.features.reading import in_order, near

__all__ = ["unmeasured_warmups"]


def unmeasured_warmups(features: FeatureSet, events: Events) -> frozenset[str]:
    """Features that look back in time, where the rows of the main stream are not the declared step apart.

    Their warm-up is declared as if they were, so how many rows it takes depends on the events. None where a grid makes the rows.
    """
    graph = features.graph()
    apart = np.diff(main(events)["ts"].to_numpy())
    if any(axis["kind"] == "every" for axis in graph["derived"]) or (apart == (graph["step"] or 0)).all():
        return frozenset()
    nodes, timed = graph["nodes"], set[int]()
    for i in in_order(graph, (feature["node"] for feature in graph["features"])):
        if ("span" in nodes[i] and nodes[i]["op"] != "sample") or not timed.isdisjoint(near(graph, i)):
            timed.add(i)
    return frozenset(feature["name"] for feature in graph["features"] if feature["node"] in timed)
