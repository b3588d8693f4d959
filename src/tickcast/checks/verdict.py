"""The laws of feature sets tried on one feature at a time, on the user's own rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tickcast.checks import feature_set
from tickcast.errors import FeatureError, LawBroken
from tickcast.features import FeatureSet

__all__ = ["Verdict", "verdicts"]

_CONTEXT = ("session_id", "segment_id")
_LAWS = (feature_set.looks_back_only, feature_set.batch_is_stream, feature_set.restart_changes_nothing)


@dataclass(frozen=True)
class Verdict:
    """What the laws say about one feature.

    Parameters
    ----------
    feature: its name.
    broken: what the laws it breaks found, one line each; none when it keeps all.
    warmup: declared rows of warm-up.
    known: share of rows after the warm-up on which it is finite.
    remark: why a law could not be tried, "" when all were.
    """

    feature: str
    broken: tuple[str, ...]
    warmup: int
    known: float
    remark: str


def verdicts(words: Mapping[str, Any], frame: pl.DataFrame, rng: np.random.Generator) -> Iterator[Verdict]:
    """One verdict per feature of the set that `words` (the keys of its YAML) describe.

    frame: rows of the set's stream in time order, a few thousand; session_id and segment_id count as 0 where absent. Tables that the set
    learns are learned on the first half. Each feature is tried with the lines it names and no others, so a fault is not blamed on its
    neighbours. Raises FeatureError when the set cannot be read, or when the rows lack a column or are too few.
    """
    FeatureSet.from_dict(words)
    if len(frame) < 20:
        raise FeatureError(f"{len(frame)} rows are too few to try the laws on", hint="give some hundreds")
    absent = [pl.lit(0, pl.Int64).alias(name) for name in _CONTEXT if name not in frame.columns]
    rows = frame.with_columns(absent)
    for name in words["features"]:
        part = FeatureSet.from_dict({**words, "features": _needed(words["features"], name)})
        if part.needs_fit:
            part = part.fit(rows, int(rows["ts"][len(rows) // 2]))
        yield _verdict(part, name, rows, rng)


def _needed(lines: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The line called `name` and, in order, those its expression leads to."""
    needed, waiting = set[str](), [name]
    while waiting:
        needed.add(one := waiting.pop())
        found = {node.id for node in ast.walk(ast.parse(" ".join(str(lines[one]).split()), mode="eval")) if isinstance(node, ast.Name)}
        earlier = list(lines)[: list(lines).index(one)]
        waiting += [each for each in found & set(earlier) if each not in needed]
    return {each: expression for each, expression in lines.items() if each in needed}


def _verdict(part: FeatureSet, name: str, rows: pl.DataFrame, rng: np.random.Generator) -> Verdict:
    broken = []
    for law in _LAWS:
        try:
            law(part, rows, rng)
        except LawBroken as error:
            broken.append(str(error))
    warmup, remark = part.warmup[name], ""
    even = _longest(rows)
    if len(part.compute(even, step=1)) <= max(part.warmup.values()):
        remark = f"the longest gapless stretch ({len(even)} rows) does not end the warm-up"
    else:
        try:
            feature_set.warmup_is_as_declared(part, even, rng)
        except LawBroken as error:
            broken.append(str(error))
    after = part.compute(rows, step=1).column(name)[warmup:]
    return Verdict(name, tuple(broken), warmup, float(np.isfinite(after).mean()) if len(after) else 0.0, remark)


def _longest(rows: pl.DataFrame) -> pl.DataFrame:
    """The longest run of rows of one session and segment; for bars also without a missing one."""
    columns = [*_CONTEXT, *(["interval"] if "interval" in rows.columns else [])]
    begins = np.zeros(len(rows), bool)
    for name in columns:
        values = rows[name].to_numpy()
        begins[1:] |= values[1:] != values[:-1]
    if "interval" in rows.columns:
        begins[1:] |= np.diff(rows["ts"].to_numpy()) != rows["interval"].to_numpy()[1:]
    starts = np.flatnonzero(np.concatenate([[True], begins[1:]]))
    lengths = np.diff(np.append(starts, len(rows)))
    at = int(np.argmax(lengths))
    return rows[int(starts[at]) : int(starts[at] + lengths[at])]
