"""FeatureSet: named expressions over one stream, ready to be fitted, computed and streamed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast import _engine
from tickcast.errors import DataError, FeatureError
from tickcast.features.definition import Definition, compile_graph, read_definition
from tickcast.features.learners import learn
from tickcast.features.prune import answered_where_it_lives, prune
from tickcast.features.reading import columns_behind, streams_behind
from tickcast.features.table import FeatureTable
from tickcast.schema import nanoseconds

__all__ = ["FeatureSet"]


def _canonical(graph: Mapping[str, Any]) -> str:
    return json.dumps(graph, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class FeatureSet:
    """A typed graph of features; `document` is its canonical JSON, which the engine and the bundle load.

    >>> FeatureSet.load("nq24").names[:5]
    ('open', 'high', 'low', 'close', 'log_volume')
    """

    document: str

    @classmethod
    def load(cls, name: str | Path) -> FeatureSet:
        """The set of this name in the package, or the YAML file at this path. Raises FeatureError."""
        try:
            return cls(_canonical(compile_graph([read_definition(name)])))
        except FeatureError as error:
            raise FeatureError(error.message, file=error.file or name, field=error.field, hint=error.hint) from None

    @classmethod
    def from_dict(cls, words: Mapping[str, Any]) -> FeatureSet:
        """The set that a mapping with the keys of the YAML describes. Raises FeatureError."""
        return cls(_canonical(compile_graph([Definition.from_dict(words)])))

    @classmethod
    def merge(cls, sets: Sequence[FeatureSet]) -> FeatureSet:
        """One graph for several unfitted sets of the same stream, clock, session policy and price. Raises FeatureError."""
        if not sets:
            raise FeatureError("there is no feature set to merge")
        if len(sets) == 1:
            return sets[0]
        graphs = [one.graph() for one in sets]
        if any(table["values"] is not None for graph in graphs for table in graph["tables"]):
            raise FeatureError("a fitted set cannot be merged", hint="merge first, then fit")
        return cls(_canonical(compile_graph([Definition.from_words(words) for graph in graphs for words in graph["source"]])))

    @classmethod
    def from_graph(cls, graph: Mapping[str, Any]) -> FeatureSet:
        """The set whose `graph()` this is. Raises FeatureError for anything that is not one."""
        if graph.get("version") != 2:
            raise FeatureError("this is not a feature graph of this version", hint="make the bundle anew")
        try:
            made = cls(_canonical(graph))
            if made.needs_fit:
                return made
        except (TypeError, ValueError, KeyError) as error:
            raise FeatureError("this is not a feature graph") from error
        _engine.Engine(made.document)
        return made

    def graph(self) -> dict[str, Any]:
        """The graph as plain data."""
        graph: dict[str, Any] = json.loads(self.document)
        return graph

    @cached_property
    def _read(self) -> dict[str, Any]:
        """The graph, read once: nobody may change it."""
        return self.graph()

    @property
    def name(self) -> str:
        """Name of the set, or of the merged sets joined by +."""
        return str(self._read["name"])

    @property
    def names(self) -> tuple[str, ...]:
        """(k,) names of the features."""
        return tuple(feature["name"] for feature in self._read["features"])

    @property
    def columns(self) -> tuple[str, ...]:
        """Input columns of the main stream in the order the engine takes them."""
        return tuple(self._read["inputs"])

    @property
    def streams(self) -> Mapping[str, tuple[str, ...]]:
        """Input columns of every stream, the main one first, then its sides in the order the engine numbers them."""
        graph = self._read
        sides = {side["name"]: tuple(side["inputs"]) for side in graph["sides"]}
        return MappingProxyType({graph["stream"]: tuple(graph["inputs"]), **sides})

    @property
    def warmup(self) -> Mapping[str, int]:
        """Rows at the start of a gapless series for which each feature is NaN."""
        return MappingProxyType({feature["name"]: feature["warmup"] for feature in self._read["features"]})

    @property
    def needs_fit(self) -> bool:
        """Whether a table has to be learned before anything can be computed."""
        return any(table["values"] is None for table in self._read["tables"])

    @property
    def hash(self) -> str:
        """SHA-256 of the definition: the graph without what was learned."""
        graph = self.graph()
        for table in graph["tables"]:
            table["values"] = None
        return hashlib.sha256(_canonical(graph).encode()).hexdigest()

    def stream(self) -> _engine.Engine:
        """A live engine that has seen nothing: `push(ts, session, segment, values, stream=0)`, `advance(ts)`, `save()`, `restore(state)`.

        Events of all streams come in the order of `ts`; `stream` is the number in `streams`.
        """
        return _engine.Engine(self.document)

    def fit(self, frame: pl.DataFrame | Mapping[str, pl.DataFrame], until: int) -> FeatureSet:
        """The set with its tables learned on rows with ts <= `until` (UTC ns). Raises FeatureError when those rows teach nothing."""
        graph = self.graph()
        frames = {graph["stream"]: frame} if isinstance(frame, pl.DataFrame) else frame
        if not isinstance(until, int | np.integer):
            raise FeatureError(f"{until!r} is no moment", field="until", hint="give UTC nanoseconds, as int(ts[n])")
        rows = {name: each.filter(pl.Series(_stamps(each, "ts") <= until)) for name, each in frames.items()}

        def see(nodes: Sequence[int]) -> FeatureTable:
            part = prune(graph, nodes, [f"x{i}" for i in range(len(nodes))])
            return FeatureSet(_canonical(answered_where_it_lives(part))).compute(rows, step=1)

        learn(graph, see)
        return FeatureSet(_canonical(graph))

    def compute(
        self,
        frame: pl.DataFrame | Mapping[str, pl.DataFrame],
        *,
        step: int | None = None,
        tick: float | None = None,
        engine: _engine.Engine | None = None,
        until: int | None = None,
    ) -> FeatureTable:
        """Features of every row that the data makes known.

        Parameters
        ----------
        frame: rows of the set's stream in `schema`, in time order; ts in UTC ns or with a zone; session_id and segment_id are 0 where
            absent. A set of several streams takes a mapping of stream (or table) to its rows; of a table with other instruments or
            names, the side's own are taken.
        step: nominal distance of rows in ns; by default the clock's, else the bars' interval, else the median distance.
        tick: smallest price change in quote currency.
        engine: one of this set's that has seen what came before, and goes on; by default a new one.
        until: UTC ns up to which rows of a grid are answered; by default the last event's.

        Raises FeatureError naming the features whose column or stream the data lacks, the row that is out of order, a stream gone stale, or
        a table not yet fitted.
        """
        graph = self._read
        frames = {graph["stream"]: frame} if isinstance(frame, pl.DataFrame) else frame
        if graph["stream"] not in frames:
            raise FeatureError(f"there are no rows of {graph['stream']}", field=graph["stream"])
        main = frames[graph["stream"]]
        if "ts" not in main.columns:
            raise FeatureError("the data has no column ts", field="ts")
        ts, columns = _stamps(main, "ts"), _columns(graph, main, 0, graph["inputs"])
        sides = [_side(graph, frames, i) for i in range(len(graph["sides"]))]
        last = [int(stamps[-1]) for stamps in (ts, *(side[0] for side in sides)) if len(stamps)]
        engine = engine or self.stream()
        if until is None and last:
            until = max(last)
        out = engine.batch(ts, _stamps(main, "session_id"), _stamps(main, "segment_id"), columns, until, sides)
        chosen = step or graph["step"] or _nominal(main, ts)
        names = tuple(feature["name"] for feature in graph["features"])
        return FeatureTable(names, out[0], out[1], out[2], out[3], out[4], chosen, tick)


def _side(graph: dict[str, Any], frames: Mapping[str, pl.DataFrame], number: int) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """Stamps and columns of a side stream: the frame of its name, or of its table where that holds others beside it."""
    side = graph["sides"][number]
    name, table, symbol = side["name"], side["source"]["table"], side["source"]["symbol"]
    found = frames.get(name, frames.get(table))
    key = next((key for key in ("name", "symbol", "underlying") if found is not None and key in found.columns), None)
    nameless = name not in frames and symbol is not None and key is None  # rows that do not say whose they are may be the main stream's
    if found is None or nameless or "ts" not in found.columns:
        needing = _needing(graph, number + 1, None)
        message = f"there are no rows of stream {name}, which {', '.join(needing[:5])} need{'s' if len(needing) == 1 else ''}"
        raise FeatureError(message, field=name, hint=f"give a mapping of frames with {name!r} in it")
    if symbol is not None and key is not None:
        found = found.filter(pl.col(key) == symbol)
    return _stamps(found, "ts"), _columns(graph, found, number + 1, side["inputs"])


def _columns(graph: dict[str, Any], frame: pl.DataFrame, axis: int, names: Sequence[str]) -> list[NDArray[np.float64]]:
    out = []
    for index, name in enumerate(names):
        if name not in frame.columns or (len(frame) and frame[name].null_count() == len(frame)):
            needing = _needing(graph, axis, index)
            what = ", ".join(needing[:5]) + (f" and {len(needing) - 5} more" if len(needing) > 5 else "")
            message = f"the data has no {name}, which {what} need{'s' if len(needing) == 1 else ''}"
            raise FeatureError(message, field=needing[0], hint="choose a feature set without it")
        column = frame[name]
        if column.dtype == pl.Float64 and not column.null_count():
            out.append(np.ascontiguousarray(column.to_numpy()))
            continue
        try:
            values = column.cast(pl.Float64, strict=True).fill_null(float("nan"))
        except pl.exceptions.PolarsError as error:
            raise FeatureError(f"column {name} does not hold numbers", field=name) from error
        out.append(np.ascontiguousarray(values.to_numpy()))
    return out


def _needing(graph: dict[str, Any], axis: int, column: int | None) -> list[str]:
    """Features that read an input column of a stream, or its rows."""
    found = []
    for feature in graph["features"]:
        wanted = [feature["node"]]
        if column is None:
            needs = axis in streams_behind(graph, wanted, learned=True)
        else:
            needs = (axis, column) in columns_behind(graph, wanted, learned=True)
        if needs:
            found.append(feature["name"])
    return found or ["price"]


def _stamps(frame: pl.DataFrame, name: str) -> NDArray[np.int64]:
    if name not in frame.columns:
        return np.zeros(len(frame), np.int64)
    column = frame[name]
    if column.null_count():
        raise FeatureError(f"{column.null_count()} rows have no {name}", field=name)
    if name == "segment_id":
        return np.ascontiguousarray(column.cast(pl.Int64).to_numpy())
    try:
        return np.ascontiguousarray(nanoseconds(column).to_numpy())
    except DataError as error:
        raise FeatureError(error.message, field=name, hint=error.hint) from None


def _nominal(frame: pl.DataFrame, ts: NDArray[np.int64]) -> int:
    if "interval" in frame.columns and len(frame):
        return int(frame["interval"][0])
    apart = np.diff(ts)
    apart = apart[apart > 0]
    return int(np.median(apart)) if len(apart) else 1
