"""`tickcast features explain`: what a set or one of its features is made of, needs and costs."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from tickcast.cli.arguments import AsJson, Quiet
from tickcast.cli.feature_sets import Named, named, registry_in, shipped
from tickcast.cli.terminal import Terminal
from tickcast.errors import FeatureError

if TYPE_CHECKING:
    from tickcast.features import FeatureSet, Registry
    from tickcast.features.anatomy import Branch

__all__ = ["explain"]

_MEASURED = "ns per event: in a batch of made-up rows, on this machine, measured now"


def explain(name: str, *, store: str = "data/store", no_cost: bool = False, json: AsJson = False, quiet: Quiet = False) -> None:
    """Show what a set, or one feature of it, is made of: expressions, graph, inputs, lookback, warm-up, cost, version and hash.

    For example:

    tickcast features explain nq24

    tickcast features explain nq24.rsi_14

    tickcast features explain my-set@2 --store data/store --json

    Parameters
    ----------
    name
        A shipped set, a YAML file, or a registered set (name or name@version); with .FEATURE after it one feature's graph as a tree.
    store
        Folder of the embedded store, or the address of a server store, whose registry is asked.
    no_cost
        Do not measure what an event costs.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    with registry_in(store) as registry:
        found, feature = _split(name, registry)
    with terminal.progress() as listener:
        names = found.features.names if feature is None else (feature,)
        facts = []
        for done, each in enumerate(names):
            listener("explain", found.features.name, done / len(names))
            facts.append(_facts(found, each, not no_cost))
        head = _head(found, not no_cost)
        listener("explain", found.features.name, 1.0)
    if feature is None:
        terminal.answer(head | {"features": facts}, Group(_grid(head), "", _table(facts)))
        return
    from tickcast.features.anatomy import tree

    grown = tree(found.features, feature)
    shown = {key: value for key, value in facts[0].items() if value is not None}
    terminal.answer(head | facts[0] | {"graph": grown.as_dict()}, Group(_grid(head | shown), "", _drawn(grown)))


def _split(name: str, registry: Registry | None) -> tuple[Named, str | None]:
    """The set, and the feature where one is named."""
    front, dot, feature = name.rpartition(".")
    if not dot or name in shipped() or Path(name).is_file():
        return named(name, registry), None
    found = named(front, registry)
    if feature not in found.features.names:
        names = found.features.names
        near = difflib.get_close_matches(feature, names, n=5, cutoff=0.4) or list(names[:5])
        more = f" and {len(names) - len(near)} more" if len(names) > len(near) else ""
        raise FeatureError(f"no feature called {feature!r}", hint=f"there are {', '.join(near)}{more}")
    return found, feature


def _facts(found: Named, name: str, cost: bool) -> dict[str, Any]:
    from tickcast.features.anatomy import expressions, lookback, part, reads, warmup_is_exact

    ttl = found.entry.ttl.get(name) if found.entry else None
    return {
        "feature": name,
        "expression": " ".join(expressions(found.features)[name].split()),
        "reads": {stream: list(columns) for stream, columns in reads(found.features, name).items()},
        "lookback": str(lookback(found.features, name)),
        "warm_up": found.features.warmup[name],
        "warm_up_is_exact": warmup_is_exact(found.features, name),
        "ttl": f"{ttl / 1e9:g}s" if ttl is not None else None,
        "ns_per_event": _measured(part(found.features, name)) if cost else None,
    }


def _measured(features: FeatureSet) -> float | None:
    import numpy as np

    from tickcast.features.cost import cost_per_event

    found = cost_per_event(features, np.random.default_rng(7), time.perf_counter)
    return round(found, 1) if found is not None else None


def _head(found: Named, cost: bool) -> dict[str, Any]:
    from tickcast.features.anatomy import clock_of, inputs_of

    features, graph = found.features, found.features.graph()
    version = found.entry.version if found.entry else None
    return {
        "set": features.name,
        "about": found.about,
        "version": version if version is not None else "not registered",
        "hash": features.hash,
        "clock": clock_of(features),
        "session": graph["session"],
        "price": str(graph["source"][0]["price"]),
        "reads_in_all": {stream: list(columns) for stream, columns in inputs_of(features).items()},
        "longest_warm_up": max(features.warmup.values(), default=0),
        "operators": len(graph["nodes"]),
        "ns_per_event_in_all": _measured(features) if cost else None,
        "measured": _MEASURED if cost else None,
    }


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{stream}: {', '.join(columns)}" for stream, columns in value.items())
    return str(value)


def _grid(rows: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows.items():
        if value is not None:
            table.add_row(name.replace("_", " "), escape(_said(value)))
    return table


def _table(facts: list[dict[str, Any]]) -> Table:
    names = ["feature", "expression", "reads", "lookback", "warm_up", "ttl", "ns_per_event"]
    names = [name for name in names if any(fact[name] is not None for fact in facts)]
    table = Table(*(name.replace("_", " ") for name in names), box=None)
    for fact in facts:
        told = {name: "" if fact[name] is None else _said(fact[name]) for name in names}
        told["warm_up"] += "" if fact["warm_up_is_exact"] else " or more"
        table.add_row(*(escape(told[name]) for name in names))
    return table


def _drawn(branch: Branch) -> Tree:
    def label(each: Branch) -> str:
        return escape(each.text) + (f" (as above, node {each.node})" if each.again else f"  [dim]{each.node}[/dim]")

    def grow(tree: Tree, children: tuple[Branch, ...]) -> Tree:
        for child in children:
            grow(tree.add(label(child)), child.children)
        return tree

    return grow(Tree(label(branch)), branch.children)
