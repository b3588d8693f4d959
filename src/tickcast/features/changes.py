"""What changed between two definitions of a feature set."""

from __future__ import annotations

from typing import Any

from tickcast.features.anatomy import expressions
from tickcast.features.feature_set import FeatureSet

__all__ = ["changes"]

_WORDS = ("stream", "streams", "clock", "session", "price")
_LONG = 60


def changes(old: FeatureSet, new: FeatureSet) -> tuple[str, ...]:
    """Each difference in meaning on one line; none where every value of both is the same, however the lines are written.

    >>> words = {"name": "s", "stream": "bars", "clock": {"on": "bars"}, "price": "close", "features": {"x": "close"}}
    >>> old, new = FeatureSet.from_dict(words), FeatureSet.from_dict({**words, "features": {"x": "open", "y": "close"}})
    >>> changes(old, new)
    ('x: close -> open', 'y is new')
    """
    before, after = old.graph(), new.graph()
    if _meaning(before) == _meaning(after):
        return ()
    out = [f"{word}: {_short(was)} -> {_short(now)}" for word, was, now in _words(before, after)]
    lines, fresh = expressions(old), expressions(new)
    out += [f"{name}: {_short(lines[name])} -> {_short(line)}" for name, line in fresh.items() if name in lines and lines[name] != line]
    out += [f"{name} is new" for name in fresh if name not in lines]
    out += [f"{name} is gone" for name in lines if name not in fresh]
    if not out and before["tables"] != after["tables"]:
        out.append("the tables that were learned")
    if not out and list(lines) != list(fresh):
        out.append("the order of the features")
    return tuple(out) or ("this release builds other operators from the same lines",)


def _meaning(graph: dict[str, Any]) -> dict[str, Any]:
    """The graph without the text it was made of."""
    return {key: value for key, value in graph.items() if key not in ("name", "source")}


def _words(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, object, object]]:
    told = []
    for word in _WORDS:
        was, now = ([words.get(word) for words in graph["source"]] for graph in (before, after))
        if was != now:
            told.append((word, was[0] if len(was) == 1 else was, now[0] if len(now) == 1 else now))
    return told


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"
