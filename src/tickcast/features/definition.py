"""Definition: a feature set as written in YAML, and the graph that one or several of them make."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tickcast.clock import parse_duration
from tickcast.errors import ConfigError, FeatureError
from tickcast.features.graph import GraphBuilder, Series
from tickcast.features.parse import Parser
from tickcast.schema import TABLES

__all__ = ["Definition", "compile_graph", "read_definition"]

_KEYS = ("name", "stream", "clock", "session", "price", "features", "description", "invariant")
_SETS = Path(__file__).parent / "sets"
_MAX_FILE = 1_000_000


@dataclass(frozen=True)
class Definition:
    """One feature set as written: every part in plain words."""

    name: str
    stream: str
    every: int | None
    step: int | None
    session: str
    price: str
    features: Mapping[str, str]

    @classmethod
    def from_dict(cls, words: Mapping[str, Any], file: object = None) -> Definition:
        """Check the keys and values of a mapping. Raises FeatureError with the nearest known key."""

        def need(key: str) -> Any:
            if key not in words:
                raise FeatureError("this key is missing", file=file, field=key, hint=f"a feature set has {', '.join(_KEYS)}")
            return words[key]

        _known(words, _KEYS, file)
        name, stream, features = str(need("name")), need("stream"), need("features")
        if stream not in TABLES:
            raise FeatureError(f"there is no stream {stream!r}", file=file, field="stream", hint=f"known: {', '.join(TABLES)}")
        session = words.get("session", "carry")
        if session not in ("carry", "reset"):
            raise FeatureError(f"{session!r} is no policy", file=file, field="session", hint="write carry or reset")
        if not isinstance(features, Mapping) or not features:
            raise FeatureError("there is no feature", file=file, field="features", hint="write lines of name: expression")
        every, step = _clock(need("clock"), stream, file)
        for key in features:
            if not isinstance(key, str) or not key.isidentifier():
                raise FeatureError(f"{key!r} cannot name a feature", file=file, field="features", hint="use letters, digits and _")
        return cls(name, stream, every, step, session, str(need("price")), dict(features))

    @classmethod
    def from_words(cls, words: Mapping[str, Any]) -> Definition:
        """The definition whose `words` these are."""
        return cls.from_dict({**words, "features": dict(words["features"])})

    def words(self) -> dict[str, object]:
        """The definition as JSON; features as pairs, since the order of lines matters."""
        clock = {"every": self.every} if self.every else {"on": self.stream, "step": self.step}
        kept = {"name": self.name, "stream": self.stream, "clock": clock, "session": self.session, "price": self.price}
        return kept | {"features": [list(line) for line in self.features.items()]}


def _known(words: Mapping[str, Any], keys: Sequence[str], file: object) -> None:
    for key in words:
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(keys)}"
            raise FeatureError("unknown key", file=file, field=str(key), hint=hint)


def _clock(clock: Any, stream: str, file: object) -> tuple[int | None, int | None]:
    """(every, step) in ns of a clock."""
    if isinstance(clock, Mapping):
        clock = {"on" if key is True else key: value for key, value in clock.items()}  # YAML 1.1 reads the word on as true
    if not isinstance(clock, Mapping) or ("on" in clock and "every" in clock):
        raise FeatureError("a clock is {on: stream} or {every: duration}", file=file, field="clock")
    _known(clock, ("on", "every", "step"), file)

    def length(key: str) -> int | None:
        value = clock.get(key)
        if value is None or isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except ConfigError as error:
            raise FeatureError(error.message, file=file, field=f"clock.{key}", hint=error.hint) from None

    if "every" in clock:
        return length("every"), None
    if clock.get("on") != stream:
        raise FeatureError(f"the clock runs on {clock.get('on')!r}", file=file, field="clock", hint=f"write on: {stream}")
    return None, length("step")


def read_definition(name: str | Path) -> Definition:
    """The set of this name in the package, or the YAML file at this path. Raises FeatureError when there is none or it is damaged."""
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = _SETS / f"{name}.yaml"
        if not path.is_file():
            known = sorted(file.stem for file in _SETS.glob("*.yaml"))
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise FeatureError(f"there is no feature set {str(name)!r}", hint=hint)
    try:
        if path.stat().st_size > _MAX_FILE:
            raise FeatureError(f"the file is larger than {_MAX_FILE} bytes", file=path)
        words = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FeatureError("the file cannot be read", file=path, hint="check the path") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise FeatureError(f"this is not YAML: {str(error).splitlines()[0]}", file=path) from None
    if not isinstance(words, Mapping):
        raise FeatureError("this is not a feature set", file=path, hint=f"a feature set has {', '.join(_KEYS)}")
    return Definition.from_dict(words, path)


def compile_graph(definitions: Sequence[Definition]) -> dict[str, Any]:
    """One graph for all sets, equal sub-expressions computed once.

    Raises FeatureError when the sets differ in stream, clock, session policy or price, or define one name in two ways.
    """
    first = definitions[0]
    for other in definitions[1:]:
        for part in ("stream", "every", "session", "price"):
            if getattr(other, part) != getattr(first, part):
                raise FeatureError(f"sets {first.name} and {other.name} differ in {part}", hint="merge sets of one stream, clock and price")
    builder = GraphBuilder(first.stream, first.every)
    columns = tuple(
        c.name for c in TABLES[first.stream].columns if c.dtype.is_numeric() and c.name not in ("ts", "ts_event", "ts_open", "interval")
    )
    price = Parser(builder, columns).read("price", first.price)
    step = first.every or next((d.step for d in definitions if d.step), None)
    made: dict[str, Series] = {}
    for definition in definitions:
        parser = Parser(builder, columns)
        for name, expression in definition.features.items():
            series = parser.read(name, expression)
            if made.setdefault(name, series) != series:
                raise FeatureError(f"set {definition.name} defines it in another way", field=name, hint="rename one of the two")
            if name not in columns:  # a raw column handed on keeps its own axis for the lines below
                parser.names[name] = series if builder.every is None else _unsampled(builder, series)
    features = [{"name": name, "node": series.node, "warmup": _rows(name, series, step)} for name, series in made.items()]
    return {
        "version": 1,
        "name": "+".join(d.name for d in definitions),
        "stream": first.stream,
        "every": first.every,
        "step": step if first.every is None else None,
        "session": first.session,
        "inputs": builder.inputs,
        "zones": builder.zones,
        "tables": builder.tables,
        "nodes": builder.nodes,
        "price": price.node,
        "features": features,
        "source": [d.words() for d in definitions],
    }


def _unsampled(builder: GraphBuilder, series: Series) -> Series:
    """The event series behind a sampled one: a name stands for its expression, not for its reading at the clock."""
    node = builder.nodes[series.node]
    if node["op"] != "sample":
        return series
    sources = node["args"]
    return next(known for known in builder.series.values() if isinstance(sources, list) and known.node == sources[0])


def _rows(name: str, series: Series, step: int | None) -> int:
    events, time, rows = series.warmup
    if time and step is None:
        raise FeatureError("a window of time needs the nominal distance of rows", field=name, hint="write clock: {on: bars, step: 5m}")
    return events + rows + (math.ceil(time / step) if step else 0)
