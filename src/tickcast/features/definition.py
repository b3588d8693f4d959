"""Definition: a feature set as written in YAML, and the graph that one or several of them make."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Any
from unicodedata import normalize

from tickcast.clock import parse_duration
from tickcast.config import read_yaml
from tickcast.errors import ConfigError, FeatureError
from tickcast.features.graph import Axis, GraphBuilder, Series, Side
from tickcast.features.parse import Line, Parser
from tickcast.features.place import BAR_COLUMNS, columns_of, time_bars
from tickcast.schema import TABLES

__all__ = ["Clock", "Definition", "compile_graph", "read_definition"]

_KEYS = ("name", "stream", "streams", "clock", "session", "price", "features", "description", "invariant")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")
_SETS = Path(__file__).parent / "sets"


@dataclass(frozen=True)
class Clock:
    """When rows are answered: on a grid of `every` ns, at every `n`-th event of the main stream, or at the closes of its `step` bars.

    `step` is the nominal distance of rows in ns where it is known.
    """

    every: int | None
    step: int | None
    n: int = 1
    bars: bool = False

    def words(self, stream: str) -> dict[str, object]:
        """The clock as JSON."""
        if self.every:
            return {"every": self.every}
        if self.bars:
            return {"on": f"bars.{self.step}ns"}
        words: dict[str, object] = {"on": stream, "step": self.step}
        return words | ({"n": self.n} if self.n > 1 else {})

    def axis(self, stream: str) -> Axis | None:
        """The axis of its rows, None where they are the main stream's own."""
        if self.every:
            return Axis(f"every {self.every}", "every", stream, {"ns": self.every})
        if self.bars:
            return time_bars(stream, stream, f"{self.step}ns")
        return Axis(f"{stream} % {self.n}", "nth", stream, {"n": self.n}) if self.n > 1 else None


@dataclass(frozen=True)
class Definition:
    """One feature set as written: every part in plain words."""

    name: str
    stream: str
    sides: tuple[Side, ...]
    clock: Clock
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
        if not _NAME.fullmatch(name):
            raise FeatureError(f"{name!r} cannot name a set", file=file, field="name", hint="use letters, digits, _ . and -")
        if not isinstance(stream, str) or stream not in TABLES:
            raise FeatureError(f"there is no stream {stream!r}", file=file, field="stream", hint=f"known: {', '.join(TABLES)}")
        session = words.get("session", "carry")
        if session not in ("carry", "reset", "mask"):
            raise FeatureError(f"{session!r} is no policy", file=file, field="session", hint="write carry, reset or mask")
        if not isinstance(features, Mapping) or not features:
            raise FeatureError("there is no feature", file=file, field="features", hint="write lines of name: expression")
        clock = _clock(need("clock"), stream, file)
        sides = _sides(words.get("streams", {}), stream, file)
        for key in features:
            if not isinstance(key, str) or not key.isidentifier() or iskeyword(key) or normalize("NFKC", key) != key:
                raise FeatureError(
                    f"{key!r} cannot name a feature",
                    file=file,
                    field="features",
                    hint="use letters, digits and _, and no word of the language",
                )
        return cls(name, stream, sides, clock, session, str(need("price")), dict(features))

    @classmethod
    def from_words(cls, words: Mapping[str, Any]) -> Definition:
        """The definition whose `words` these are."""
        return cls.from_dict({**words, "features": dict(words["features"])})

    def words(self) -> dict[str, object]:
        """The definition as JSON; features as pairs, since the order of lines matters."""
        streams = {
            side.name: {key: value for key, value in vars(side).items() if key != "name" and value is not None} for side in self.sides
        }
        kept: dict[str, object] = {"name": self.name, "stream": self.stream, "clock": self.clock.words(self.stream)}
        kept |= {"streams": streams} if streams else {}
        return kept | {"session": self.session, "price": self.price, "features": [list(line) for line in self.features.items()]}


def _known(words: Mapping[str, Any], keys: Sequence[str], file: object) -> None:
    for key in words:
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(keys)}"
            raise FeatureError("unknown key", file=file, field=str(key), hint=hint)


def _length(words: Mapping[str, Any], key: str, file: object, field: str) -> int | None:
    """A duration in ns, or None where there is none."""
    value = words.get(key)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    try:
        return parse_duration(value)
    except ConfigError as error:
        raise FeatureError(error.message, file=file, field=field, hint=error.hint) from None


def _clock(clock: Any, stream: str, file: object) -> Clock:
    if isinstance(clock, Mapping):
        clock = {"on" if key is True else key: value for key, value in clock.items()}  # YAML 1.1 reads the word on as true
    if isinstance(clock, Mapping):
        _known(clock, ("on", "every", "step", "n"), file)
    if not isinstance(clock, Mapping) or ("on" in clock) == ("every" in clock):
        raise FeatureError("a clock is {on: stream} or {every: duration}", file=file, field="clock")
    every, step, n = _length(clock, "every", file, "clock.every"), _length(clock, "step", file, "clock.step"), clock.get("n", 1)
    if every is not None and every < 1000:
        raise FeatureError(
            f"a grid of {every} ns is too fine", file=file, field="clock.every", hint="a clock ticks every microsecond or slower"
        )
    if not isinstance(n, int) or isinstance(n, bool) or n < 1 or (n > 1 and every is not None):
        raise FeatureError(f"n is {n!r}", file=file, field="clock.n", hint="write {on: stream, n: 10} for a row at every tenth event")
    on = clock.get("on", stream)
    bars = str(on).removeprefix("bars.") if str(on).startswith("bars.") and stream in BAR_COLUMNS else None
    if bars is not None:
        return Clock(None, _length({"bars": bars}, "bars", file, "clock.on"), 1, bars=True)
    if on != stream:
        raise FeatureError(f"the clock runs on {on!r}", file=file, field="clock", hint=f"write on: {stream}, or on: bars.5m")
    return Clock(every, step, n)


def _sides(streams: Any, main: str, file: object) -> tuple[Side, ...]:
    """The streams beside the main one, in order."""
    if not isinstance(streams, Mapping):
        raise FeatureError("streams is a mapping of names", file=file, field="streams", hint="write streams: {trades: {ttl: 60s}}")
    sides = []
    for name, words in streams.items():
        words = words or {}
        if not isinstance(name, str) or not name.isidentifier() or name == main or not isinstance(words, Mapping):
            raise FeatureError(f"{name!r} cannot name a stream beside {main}", file=file, field="streams", hint="as {trades: {ttl: 60s}}")
        _known(words, ("table", "symbol", "ttl", "stale"), file)
        table, stale = words.get("table", name), words.get("stale", "nan")
        if isinstance(stale, float):
            stale = "nan"  # YAML reads .nan so
        if not isinstance(table, str) or table not in TABLES:
            raise FeatureError(f"there is no table {table!r}", file=file, field=f"streams.{name}", hint=f"known: {', '.join(TABLES)}")
        ttl = _length(words, "ttl", file, f"streams.{name}.ttl")
        if stale not in ("nan", "error") or (stale == "error" and ttl is None):
            raise FeatureError(f"stale is {stale!r}", file=file, field=f"streams.{name}", hint="write stale: nan or error, beside a ttl")
        symbol = words.get("symbol")
        sides.append(Side(name, table, None if symbol is None else str(symbol), ttl, stale))
    return tuple(sides)


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
        words = read_yaml(path)
    except ConfigError as error:
        raise FeatureError(error.message, file=path, row=error.row, hint=error.hint) from None
    return Definition.from_dict(words, path)


def compile_graph(definitions: Sequence[Definition]) -> dict[str, Any]:
    """One graph for all sets, equal sub-expressions computed once.

    Raises FeatureError when the sets differ in stream, clock, session policy or price, or define one name in two ways.
    """
    first = definitions[0]
    for other in definitions[1:]:
        for part in ("stream", "clock", "session", "price"):
            if getattr(other, part) != getattr(first, part) and not (part == "clock" and _same_rows(first, other)):
                raise FeatureError(f"sets {first.name} and {other.name} differ in {part}", hint="merge sets of one stream, clock and price")
    builder = _builder(definitions)
    price = _sampled(builder, Parser(builder).read("price", first.price))
    step = first.clock.every or next((d.clock.step for d in definitions if d.clock.step), None)
    made: dict[str, Series] = {}
    for definition in definitions:
        parser = Parser(builder)
        for name, expression in definition.features.items():
            line = parser.read(name, expression)
            series = _sampled(builder, line)
            if made.setdefault(name, series) != series:
                raise FeatureError(f"set {definition.name} defines it in another way", field=name, hint="rename one of the two")
            if name not in columns_of(first.stream):  # a raw column handed on keeps its own axis for the lines below
                parser.names[name] = line
    guards = _guards(builder)
    features = [
        {"name": name, "node": series.node, "warmup": _rows(name, series, step)} | ({} if series.exact else {"depends": True})
        for name, series in made.items()
    ]
    return {
        "version": 2,
        "name": "+".join(d.name for d in definitions),
        "stream": first.stream,
        **builder.finish(),
        "step": step,
        "session": first.session,
        "guards": guards,
        "zones": builder.zones,
        "tables": builder.tables,
        "price": price.node,
        "features": features,
        "source": [d.words() for d in definitions],
    }


def _same_rows(one: Definition, other: Definition) -> bool:
    """Whether two clocks differ in nothing but that one does not say how far its rows lie apart."""
    rows = [(d.clock.every, d.clock.n, d.clock.bars) for d in (one, other)]
    steps = {d.clock.step for d in (one, other)} - {None}
    return rows[0] == rows[1] and len(steps) < 2


def _builder(definitions: Sequence[Definition]) -> GraphBuilder:
    first = definitions[0]
    sides: dict[str, Side] = {}
    for side in (side for definition in definitions for side in definition.sides):
        if sides.setdefault(side.name, side) != side:
            raise FeatureError(f"stream {side.name} is declared in two ways", field="streams", hint="merge sets that agree")
    clock = first.clock.axis(first.stream)
    builder = GraphBuilder(first.stream, sides, clock=clock.key if clock else "")
    if clock:
        builder.axis(clock)
    return builder


def _sampled(builder: GraphBuilder, line: Line) -> Series:
    """The line's series on the clock."""
    builder.rows = builder.clock
    return builder.sample(line.series)


def _guards(builder: GraphBuilder) -> list[dict[str, object]]:
    """Streams in use that forbid rows once they are stale."""
    strict = [side for side in builder.sides.values() if side.stale == "error" and builder.inputs.get(side.name)]
    guards: list[dict[str, object]] = []
    for side in strict:
        age = builder.add("age", [builder.input(builder.inputs[side.name][0], side.name)], axis=builder.clock)
        guards.append({"node": age.node, "stream": side.name, "ttl": side.ttl})
    return guards


def _rows(name: str, series: Series, step: int | None) -> int:
    events, time, rows = series.warmup
    if time and step is None:
        if not series.exact:
            return events + rows
        raise FeatureError("a window of time needs the nominal distance of rows", field=name, hint="write clock: {on: bars, step: 5m}")
    return events + rows + (math.ceil(time / step) if step else 0)
