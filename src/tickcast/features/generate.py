"""New features from old ones: lags, differences, moments, products, ratios and squares, as lines of the language."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tickcast.errors import FeatureError
from tickcast.features.feature_set import FeatureSet

__all__ = ["MOST", "Recipe", "generate", "narrowed"]

MOST = 2000
"""Lines that a generated set may have."""


@dataclass(frozen=True)
class Recipe:
    """What is made of each feature, and of each pair.

    Parameters
    ----------
    lags, diffs, means, stds: rows; `x_lag_5` is lag(x, 5), and so on.
    ewms: spans in rows of exponential means.
    squares, products, ratios: degree 2 of one (`x_squared`) and of each pair in the order of the lines (`x_times_y`, `x_over_y`).
    """

    lags: tuple[int, ...] = (1, 2, 5)
    diffs: tuple[int, ...] = (1, 5)
    means: tuple[int, ...] = (5, 20)
    stds: tuple[int, ...] = (20,)
    ewms: tuple[int, ...] = (10,)
    squares: bool = True
    products: bool = True
    ratios: bool = True


def _of_one(name: str, recipe: Recipe) -> Iterator[tuple[str, str]]:
    """(name, expression) of what one feature gives."""
    yield from ((f"{name}_lag_{n}", f"lag({name}, {n})") for n in recipe.lags)
    yield from ((f"{name}_diff_{n}", f"diff({name}, {n})") for n in recipe.diffs)
    yield from ((f"{name}_mean_{n}", f"mean({name}, {n})") for n in recipe.means)
    yield from ((f"{name}_std_{n}", f"std({name}, {n})") for n in recipe.stds)
    yield from ((f"{name}_ewm_{n}", f"ewm_mean({name}, span={n})") for n in recipe.ewms)
    if recipe.squares:
        yield f"{name}_squared", f"{name} ** 2"


def _of_two(left: str, right: str, recipe: Recipe) -> Iterator[tuple[str, str]]:
    """(name, expression) of what two features give."""
    if recipe.products:
        yield f"{left}_times_{right}", f"{left} * {right}"
    if recipe.ratios:
        yield f"{left}_over_{right}", f"{left} / {right}"


def generate(words: Mapping[str, Any], recipe: Recipe | None = None, only: Sequence[str] | None = None) -> dict[str, Any]:
    """The keys of a feature set that has the lines of `words` (the keys of a set's YAML) and what `recipe` makes of them.

    only: the features to make something of; all by default. The order is fixed: the set's own lines, then those of one feature, then those
    of pairs. A line that computes what an earlier one does is left out, whatever it is called. Raises FeatureError when `only` names no
    feature, a new name is taken, or there are more than `MOST` lines.

    >>> words = {"name": "s", "stream": "bars", "clock": {"on": "bars", "step": "5m"}, "price": "close", "features": {"r": "close / open"}}
    >>> generate(words, Recipe(lags=(1, 1), diffs=(), means=(), stds=(), ewms=()))["features"]
    {'r': 'close / open', 'r_lag_1': 'lag(r, 1)', 'r_squared': 'r ** 2'}
    """
    recipe = recipe or Recipe()
    lines: dict[str, Any] = dict(words["features"])
    names = list(lines if only is None else only)
    for name in names:
        if name not in lines:
            raise FeatureError(f"there is no feature {name!r} to make something of", hint=f"the set has {', '.join(list(lines)[:8])}")
    made = [line for name in names for line in _of_one(name, recipe)]
    made += [line for left, right in combinations(names, 2) for line in _of_two(left, right, recipe)]
    for name, expression in dict.fromkeys(made):
        if name in lines:
            raise FeatureError("a line of the set has the name of one to be made", field=name, hint="rename it")
        lines[name] = expression
        if len(lines) > MOST:
            raise FeatureError(f"more than {MOST} lines", hint="make something of fewer features, or pass a smaller recipe")
    grown = {**words, "name": f"{words['name']}_grown", "features": lines}
    return {**grown, "features": _unlike(grown)}


def narrowed(words: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The keys of a set with these lines of `words` and, in their order, those that they lead to. Raises FeatureError for an unknown name.

    >>> words = {"name": "s", "features": {"a": "log(close)", "b": "open", "c": "lag(a, 3)"}}
    >>> narrowed(words, ["c"])["features"]
    {'a': 'log(close)', 'c': 'lag(a, 3)'}
    """
    lines, waiting, needed = dict(words["features"]), list(names), set[str]()
    while waiting:
        one = waiting.pop()
        if one not in lines:
            raise FeatureError(f"there is no feature {one!r} to keep", hint=f"the set has {', '.join(list(lines)[:8])}")
        needed.add(one)
        found = {node.id for node in ast.walk(ast.parse(" ".join(str(lines[one]).split()), mode="eval")) if isinstance(node, ast.Name)}
        earlier = list(lines)[: list(lines).index(one)]
        waiting += [each for each in earlier if each in found and each not in needed]
    return {**words, "name": f"{words['name']}_selected", "features": {each: text for each, text in lines.items() if each in needed}}


def _unlike(words: Mapping[str, Any]) -> dict[str, Any]:
    """The lines that do not compute what an earlier line does; those of the set itself stay in any case."""
    nodes = {feature["name"]: feature["node"] for feature in FeatureSet.from_dict(words).graph()["features"]}
    seen: set[int] = set()
    kept = {}
    for name, expression in words["features"].items():
        if nodes[name] not in seen:
            kept[name] = expression
        seen.add(nodes[name])
    return kept
