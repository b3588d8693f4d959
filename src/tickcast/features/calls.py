"""Calls: what an operator with its series and constants becomes in the graph."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import NoReturn, Protocol

from tickcast.errors import FeatureError
from tickcast.features.filters import FILTERS, taps
from tickcast.features.graph import GraphBuilder, Series, Side
from tickcast.features.language import OPERATORS
from tickcast.features.learners import examples, numbered, output

__all__ = ["Reader", "build", "by_slot", "model", "signal", "window_of", "zone"]

_TABLES = ("rms_by_slot", "rms_ahead")


class Reader(Protocol):
    """What a call needs of the parser: the graph it writes, the rows it reads, and how to refuse."""

    builder: GraphBuilder
    feature: str

    @property
    def events(self) -> str:
        """The axis whose rows are the events here."""

    def fail(self, message: str, node: ast.AST | None = None, hint: str | None = None) -> NoReturn:
        """Refuse with the column of the expression."""

    def unknown(self, what: str, name: str, known: tuple[str, ...], node: ast.AST) -> NoReturn:
        """Refuse a name with the nearest known one."""

    def constant(self, key: str, kind: str, value: str, node: ast.AST) -> object:
        """A constant of a kind, checked."""


def build(reader: Reader, name: str, series: list[Series], constants: dict[str, object], node: ast.Call) -> Series:
    """The series of an operator over `series` with its checked constants. Raises FeatureError."""
    add = reader.builder.add
    if series and not any(item.axis for item in series):
        reader.fail(f"{name} of a constant", node)
    if name in ("ewm_mean", "ewm_std"):
        return add(name, series, **_decay(reader, constants, node))
    if name == "mean":
        window = window_of(constants["window"])
        total = add("sum", series, **window)
        return add("div", [total, add("const", value=float(str(window["steps"]))) if "steps" in window else add("count", series, **window)])
    if name == "rma":
        return add(name, series, steps=constants["rows"])
    if name == "fitted":
        return _fitted(reader, series[0], constants, node)
    if name.startswith(("time_of_day", "day_of_")):
        return add(name, axis=reader.builder.rows, index=zone(reader, constants, node))
    if name.startswith("minutes_"):
        return add(name, axis=reader.builder.rows)
    if name == "elapsed":
        return add(name, axis=reader.events)
    if name == "sample":
        return reader.builder.sample(series[0])
    if name == "age":
        return _age(reader, series[0], node)
    if name in FILTERS:
        return _filter(reader, name, series[0], constants, node)
    window = window_of(constants["window"]) if "window" in constants else {}
    if int(str(window.get("steps", OPERATORS[name].least))) < OPERATORS[name].least:
        reader.fail(f"{name} of {window['steps']} rows is never known", node, f"it needs {OPERATORS[name].least} rows")
    return add(name, series, **window, value=constants.get("level"))


def signal(reader: Reader, text: str, lives: str | None, node: ast.AST) -> Series:
    """The value of a name in table signals as of now, for as long as it lives. Raises FeatureError."""
    ttl = int(str(reader.constant("ttl", "window", lives, node))) if lives is not None else None
    name = f"signal.{text}" + (f" {lives}" if lives is not None else "")
    reader.builder.sides.setdefault(name, Side(name, "signals", text, ttl))
    return reader.builder.input("value", name)


def _age(reader: Reader, series: Series, node: ast.AST) -> Series:
    if series.axis == reader.builder.rows:
        reader.fail("age of a series on its own rows is always 0", node, "give a column of another stream")
    return reader.builder.add("age", [series], axis=reader.builder.rows)


def zone(reader: Reader, constants: dict[str, object], node: ast.AST) -> int:
    """Number of the zone that the constants name, UTC where they name none. Raises FeatureError."""
    try:
        return reader.builder.zone(str(constants.get("zone", "UTC")))
    except FeatureError as error:
        reader.fail(error.message, node, error.hint)


def _decay(reader: Reader, constants: dict[str, object], node: ast.AST) -> dict[str, object]:
    ways = [key for key in ("span", "halflife", "alpha") if key in constants]
    if len(ways) != 1:
        reader.fail("give one of span, halflife and alpha", node)
    adjust, value = bool(constants.get("adjust", False)), constants[ways[0]]
    if isinstance(value, str):
        if "warmup" in constants:
            reader.fail("a half-life of time waits for itself, not for rows", node, "leave warmup out")
        return {"span": int(value), "adjust": adjust}
    number = float(value)  # type: ignore[arg-type]
    alpha = {"span": 2 / (number + 1), "alpha": number, "halflife": 1 - math.exp(-math.log(2) / number)}[ways[0]]
    if not 0 < alpha <= 1:
        reader.fail(f"{ways[0]} {number} gives no weight between 0 and 1", node)
    span = number if ways[0] != "alpha" else 2 / alpha - 1
    warmup = constants.get("warmup", 1 if adjust else max(1, math.ceil(span - 1e-9)))
    return {"value": alpha, "adjust": adjust, "steps": warmup}


def _fitted(reader: Reader, x: Series, constants: dict[str, object], node: ast.AST) -> Series:
    kind, slots = str(constants["kind"]), int(str(constants.get("slots", 288)))
    if 86_400 % slots or slots > 86_400:
        reader.fail(f"{slots} slots do not divide a day into whole seconds", node)
    if (kind == "rms_ahead") != ("ahead" in constants):
        reader.fail("rms_ahead needs ahead, rms_by_slot has none", node)
    seconds, ahead = 86_400 // slots, 0
    if "ahead" in constants:
        span = int(str(reader.constant("ahead", "window", str(constants["ahead"]), node)))
        ahead = max(1, round(span / (seconds * 1_000_000_000)))
    clock = reader.builder.add("time_of_day", axis=reader.builder.rows, index=zone(reader, constants, node))
    slot = reader.builder.add("floor", [reader.builder.add("div", [clock, reader.builder.add("const", value=float(seconds))])])
    value = reader.builder.sample(x)
    smooth = int(str(constants.get("smooth", 1)))
    recipe = {"kind": kind, "node": value.node, "slot": slot.node, "slots": slots, "smooth": smooth, "ahead": ahead}
    return reader.builder.add("lookup", [slot], index=reader.builder.table(reader.feature, recipe))


def by_slot(reader: Reader, kind: object, node: ast.Call) -> bool:
    """Whether a table by slot of the day is asked for, not a model. Raises FeatureError for a name that says nothing."""
    if not isinstance(kind, str):
        reader.fail("fitted begins with what is learned", node, 'write fitted("pca_1", x, y)')
    known = (*_TABLES, *examples())
    if kind not in known and not numbered(kind):
        reader.unknown("fitted table", kind, known, node.args[0])
    return kind in _TABLES


def model(reader: Reader, name: str, series: Sequence[Series], given: Mapping[str, object], node: ast.Call) -> Series:
    """One output of a model; outputs of equal fits share one table. Raises FeatureError."""
    try:
        asked = output(name, len(series), given)
    except FeatureError as error:
        reader.fail(error.message, node, error.hint)
    for value, part in zip(series, node.args[1:], strict=True):
        if not value.axis:
            reader.fail("a constant teaches nothing", part, "give series")
    series = [reader.builder.sample(value) for value in series]
    recipe: dict[str, object] = {"kind": asked.op, "nodes": [value.node for value in series], "options": dict(asked.options)}
    return reader.builder.add(asked.op, series, index=reader.builder.table(reader.feature, recipe), part=asked.part, steps=asked.steps)


def _filter(reader: Reader, name: str, x: Series, constants: dict[str, object], node: ast.AST) -> Series:
    try:
        cascade = taps(name, constants)
    except FeatureError as error:
        reader.fail(error.message, node, error.hint)
    for weights, spacing in cascade:
        x = reader.builder.add("fir", [x], weights=list(weights), steps=spacing)
    return x


def window_of(window: object) -> dict[str, object]:
    """A window in rows or in time, as a node carries it."""
    return {"span": int(window)} if isinstance(window, str) else {"steps": window}
