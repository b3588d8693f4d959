"""Parser: one expression in Python's syntax, read with `ast` from a closed list of operators, becomes nodes of a graph."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NoReturn

from tickcast.clock import parse_duration
from tickcast.errors import ConfigError, FeatureError
from tickcast.features.filters import FILTERS, taps
from tickcast.features.graph import GraphBuilder, Series
from tickcast.features.language import MACROS, OPERATORS, PRICE_AND_SIZE, Macro, Operator
from tickcast.features.learners import examples, numbered, output
from tickcast.schema import BOOK_LEVELS

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "MAX_ROWS", "MAX_TERMS", "Parser", "Value"]

MAX_LENGTH = 20_000
MAX_TERMS = 10_000
MAX_DEPTH = 100
MAX_ROWS = 1_000_000
_BINARY: Mapping[type[ast.operator], str] = MappingProxyType(
    {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
)
_COMPARE: Mapping[type[ast.cmpop], tuple[str, bool]] = MappingProxyType(
    {
        ast.Lt: ("lt", False),
        ast.LtE: ("le", False),
        ast.Gt: ("lt", True),
        ast.GtE: ("le", True),
        ast.Eq: ("eq", False),
        ast.NotEq: ("ne", False),
    }
)
_FOLD: Mapping[str, Callable[..., float]] = MappingProxyType(
    {
        "add": lambda x, y: x + y,
        "sub": lambda x, y: x - y,
        "mul": lambda x, y: x * y,
        "div": lambda x, y: x / y,
        "pow": math.pow,
        "neg": lambda x: -x,
        "log": math.log,
        "exp": math.exp,
        "sqrt": math.sqrt,
        "abs": abs,
    }
)
_TABLES = ("rms_by_slot", "rms_ahead")
Value = Series | float | int | str | bool


@dataclass
class Parser:
    """Reads expressions over `columns` into `builder`; `names` holds earlier lines.

    Raises FeatureError naming the feature, the column in the expression, what was found and the nearest known name.
    """

    builder: GraphBuilder
    columns: tuple[str, ...]
    names: dict[str, Series] = field(default_factory=dict)
    feature: str = ""
    _scope: list[dict[str, Value]] = field(default_factory=list)

    def read(self, feature: str, text: object) -> Series:
        """The series of one expression."""
        self.feature, self._scope = feature, []
        if not isinstance(text, str | int | float) or isinstance(text, bool):
            raise FeatureError(f"{text!r} is not an expression", field=feature)
        series = self._series(self._value(self._tree(str(text))), None)
        return self.builder.sample(series)

    def _tree(self, text: str) -> ast.expr:
        if len(text) > MAX_LENGTH:
            raise FeatureError(f"the expression has {len(text)} characters, more than {MAX_LENGTH}", field=self.feature)
        try:
            tree = ast.parse(" ".join(text.split()), mode="eval").body
        except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
            column = getattr(error, "offset", None)
            raise FeatureError(f"column {column or 1}: this is not an expression", field=self.feature) from None
        level, depth, terms = [tree], 0, 0
        while level:
            depth, terms = depth + 1, terms + len(level)
            if depth > MAX_DEPTH or terms > MAX_TERMS:
                raise FeatureError(
                    f"the expression is deeper than {MAX_DEPTH} or longer than {MAX_TERMS} terms", field=self.feature, hint="name its parts"
                )
            level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr | ast.keyword)]  # type: ignore[misc]
        return tree

    def _fail(self, message: str, node: ast.AST | None = None, hint: str | None = None) -> NoReturn:
        column = f"column {getattr(node, 'col_offset', 0) + 1}: " if node is not None and not self._scope else ""
        raise FeatureError(column + message, field=self.feature, hint=hint)

    def _series(self, value: Value, node: ast.AST | None) -> Series:
        if isinstance(value, Series):
            return value
        if isinstance(value, str):
            self._fail(f"{value!r} stands where a series is needed", node)
        number = float(value)
        if not math.isfinite(number):
            self._fail("a constant must be finite", node)
        return self.builder.add("const", value=number)

    def _apply(self, op: str, values: list[Value], node: ast.AST) -> Value:
        if op in _FOLD and all(isinstance(value, int | float) for value in values):
            try:
                folded = _FOLD[op](*values)
            except (ArithmeticError, ValueError):
                self._fail("this constant cannot be computed", node)
            return folded if isinstance(folded, int | float) else self._fail("this constant is not a real number", node)
        if op == "pow" and isinstance(values[1], int | float):
            return self._power(self._series(values[0], node), values[1])
        return self.builder.add(op, [self._series(value, node) for value in values])

    def _power(self, x: Series, exponent: float) -> Series:
        add = self.builder.add
        if exponent == 0.5:
            return add("sqrt", [x])
        if exponent in (2, 3, 4):
            square = add("mul", [x, x])
            return square if exponent == 2 else add("mul", [square, x if exponent == 3 else square])
        return add("pow", [x, add("const", value=float(exponent))])

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return value
            case ast.Name(id=name):
                return self._name(name, node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._apply("neg", [self._value(operand)], node)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._value(operand)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._where(self._value(operand), 0.0, 1.0, node)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return self._apply(_BINARY[type(op)], [self._value(left), self._value(right)], node)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
                name, swap = _COMPARE[type(op)]
                pair = [self._value(left), self._value(right)]
                return self._apply(name, pair[::-1] if swap else pair, node)
            case ast.Compare(ops=[_, _, *_]):
                self._fail("compare two things at a time", node, "join comparisons with `and`")
            case ast.BoolOp(op=op, values=parts):
                return self._logic(isinstance(op, ast.And), [self._value(part) for part in parts], node)
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node)
        return self._fail(
            f"{type(node).__name__} is not part of the language", node, "use numbers, names, + - * / ** comparisons and calls"
        )

    def _where(self, condition: Value, yes: Value, no: Value, node: ast.AST) -> Series:
        return self.builder.add("where", [self._series(value, node) for value in (condition, yes, no)])

    def _logic(self, conjunction: bool, parts: list[Value], node: ast.AST) -> Series:
        result = self._where(parts[-1], 1.0, 0.0, node)
        for part in reversed(parts[:-1]):
            result = self._where(part, result, 0.0, node) if conjunction else self._where(part, 1.0, result, node)
        return result

    def _name(self, name: str, node: ast.AST) -> Value:
        if self._scope and name in self._scope[-1]:
            return self._scope[-1][name]
        if name in self.names:
            return self.names[name]
        if name in self.columns:
            return self.builder.input(name)
        return self._unknown("name", name, (*self.names, *self.columns), node)

    def _unknown(self, what: str, name: str, known: tuple[str, ...], node: ast.AST) -> NoReturn:
        near = difflib.get_close_matches(name, known, n=1)
        self._fail(f"unknown {what} {name!r}", node, f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}")

    def _call(self, name: str, node: ast.Call) -> Value:
        if name in MACROS:
            return self._macro(name, MACROS[name], node)
        if name not in OPERATORS:
            self._unknown("operator", name, (*OPERATORS, *MACROS), node)
        if name == "count" and len(node.args) == 1 and not node.keywords:
            window = self._constant("window", "window", self._value(node.args[0]), node.args[0])
            return self.builder.add("count", [self.builder.add("one")], **_window(window))
        if name == "fitted" and not self._by_slot(node):
            return self._model(node)
        operator = OPERATORS[name]
        positions = list(node.args)
        if name == "fitted":  # the kind comes first, as in fitted("rms_by_slot", x)
            positions = positions[1:2] + positions[:1] + positions[2:]
        series, constants = self._arguments(name, operator, positions, node)
        if name in _FOLD and all(isinstance(value, int | float) for value in series):
            return self._apply(name, series, node)
        return self._build(name, [self._series(value, node) for value in series], constants, node)

    def _arguments(self, name: str, operator: Operator, positions: list[ast.expr], node: ast.Call) -> tuple[list[Value], dict[str, object]]:
        known = [key for key, _ in operator.constants]
        if len(positions) < operator.series or len(positions) > operator.series + len(known):
            self._fail(f"{name} takes {operator.series} series and {len(known)} constants, not {len(positions)} arguments", node)
        series = [self._value(part) for part in positions[: operator.series]]
        given: dict[str, ast.expr] = dict(zip(known, positions[operator.series :], strict=False))
        for keyword in node.keywords:
            if keyword.arg not in known or keyword.arg in given:
                self._unknown(f"argument of {name}", str(keyword.arg), tuple(known), keyword.value)
            given[keyword.arg] = keyword.value
        missing = [key for key in known if key not in given and key not in operator.optional]
        if missing:
            self._fail(f"{name} needs {missing[0]}", node)
        kinds = dict(operator.constants)
        return series, {key: self._constant(key, kinds[key], self._value(part), part) for key, part in given.items()}

    def _constant(self, key: str, kind: str, value: Value, node: ast.AST) -> object:
        if isinstance(value, Series):
            self._fail(f"{key} must be a constant", node)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if kind in ("window", "rows") and whole:
            if not 1 <= int(value) <= MAX_ROWS:
                self._fail(f"{key} is {value}, not 1 to {MAX_ROWS} rows", node)
            return value
        if kind == "window" and isinstance(value, str):
            try:
                return f"{parse_duration(value)}"
            except ConfigError as error:
                self._fail(error.message, node, error.hint)
        if kind in ("number", "level") and isinstance(value, int | float) and not isinstance(value, bool):
            if not (0 <= value <= 1 if kind == "level" else value > 0):
                self._fail(f"{key} is {value}", node, "give a level from 0 to 1" if kind == "level" else "give a positive number")
            return float(value)
        if (kind == "flag" and isinstance(value, bool)) or (kind in ("zone", "text") and isinstance(value, str)):
            return value
        return self._fail(f"{key} cannot be {value!r}", node, f"it is a {kind}")

    def _build(self, name: str, series: list[Series], constants: dict[str, object], node: ast.Call) -> Series:
        add = self.builder.add
        if series and all(item.axis == "constant" for item in series):
            self._fail(f"{name} of a constant", node)
        if name in ("ewm_mean", "ewm_std"):
            return add(name, series, **self._decay(constants, node))
        if name == "mean":
            window = _window(constants["window"])
            total = add("sum", series, **window)
            return add(
                "div", [total, add("const", value=float(str(window["steps"]))) if "steps" in window else add("count", series, **window)]
            )
        if name == "rma":
            return add(name, series, steps=constants["rows"])
        if name == "fitted":
            return self._fitted(series[0], constants, node)
        if name.startswith(("time_of_day", "day_of_")):
            return add(name, index=self._zone(constants, node))
        if name == "sample":
            return self.builder.sample(series[0])
        if name in FILTERS:
            return self._filter(name, series[0], constants, node)
        window = _window(constants["window"]) if "window" in constants else {}
        if int(str(window.get("steps", OPERATORS[name].least))) < OPERATORS[name].least:
            self._fail(f"{name} of {window['steps']} rows is never known", node, f"it needs {OPERATORS[name].least} rows")
        return add(name, series, **window, value=constants.get("level"))

    def _filter(self, name: str, x: Series, constants: dict[str, object], node: ast.AST) -> Series:
        try:
            cascade = taps(name, constants)
        except FeatureError as error:
            self._fail(error.message, node, error.hint)
        for weights, spacing in cascade:
            x = self.builder.add("fir", [x], weights=list(weights), steps=spacing)
        return x

    def _zone(self, constants: dict[str, object], node: ast.AST) -> int:
        try:
            return self.builder.zone(str(constants.get("zone", "UTC")))
        except FeatureError as error:
            self._fail(error.message, node, error.hint)

    def _decay(self, constants: dict[str, object], node: ast.AST) -> dict[str, object]:
        ways = [key for key in ("span", "halflife", "alpha") if key in constants]
        if len(ways) != 1:
            self._fail("give one of span, halflife and alpha", node)
        adjust, value = bool(constants.get("adjust", False)), constants[ways[0]]
        if isinstance(value, str):
            return {"span": int(value), "adjust": adjust}
        number = float(value)  # type: ignore[arg-type]
        alpha = {"span": 2 / (number + 1), "alpha": number, "halflife": 1 - math.exp(-math.log(2) / number)}[ways[0]]
        if not 0 < alpha <= 1:
            self._fail(f"{ways[0]} {number} gives no weight between 0 and 1", node)
        span = number if ways[0] != "alpha" else 2 / alpha - 1
        warmup = constants.get("warmup", 1 if adjust else max(1, math.ceil(span - 1e-9)))
        return {"value": alpha, "adjust": adjust, "steps": warmup}

    def _fitted(self, x: Series, constants: dict[str, object], node: ast.AST) -> Series:
        kind, slots = str(constants["kind"]), int(str(constants.get("slots", 288)))
        if 86_400 % slots or slots > 86_400:
            self._fail(f"{slots} slots do not divide a day into whole seconds", node)
        if (kind == "rms_ahead") != ("ahead" in constants):
            self._fail("rms_ahead needs ahead, rms_by_slot has none", node)
        seconds, ahead = 86_400 // slots, 0
        if "ahead" in constants:
            span = int(str(self._constant("ahead", "window", str(constants["ahead"]), node)))
            ahead = max(1, round(span / (seconds * 1_000_000_000)))
        clock = self.builder.add("time_of_day", index=self._zone(constants, node))
        slot = self.builder.add("floor", [self.builder.add("div", [clock, self.builder.add("const", value=float(seconds))])])
        value = self.builder.sample(x)
        smooth = int(str(constants.get("smooth", 1)))
        recipe = {"kind": kind, "node": value.node, "slot": slot.node, "slots": slots, "smooth": smooth, "ahead": ahead}
        return self.builder.add("lookup", [slot], index=self.builder.table(self.feature, recipe))

    def _by_slot(self, node: ast.Call) -> bool:
        """Whether a table by slot of the day is asked for; a name that says nothing is refused."""
        kind = self._value(node.args[0]) if node.args else None
        if not isinstance(kind, str):
            self._fail("fitted begins with what is learned", node, 'write fitted("pca_1", x, y)')
        known = (*_TABLES, *examples())
        if kind not in known and not numbered(kind):
            self._unknown("fitted table", kind, known, node.args[0])
        return kind in _TABLES

    def _model(self, node: ast.Call) -> Series:
        """One output of a model; outputs of equal fits share one table."""
        series = [self._series(self._value(part), part) for part in node.args[1:]]
        given = {str(keyword.arg): self._value(keyword.value) for keyword in node.keywords}
        try:
            asked = output(str(self._value(node.args[0])), len(series), given)
        except FeatureError as error:
            self._fail(error.message, node, error.hint)
        for value, part in zip(series, node.args[1:], strict=True):
            if value.axis == "constant":
                self._fail("a constant teaches nothing", part, "give series")
        series = [self.builder.sample(value) for value in series]
        recipe: dict[str, object] = {"kind": asked.op, "nodes": [value.node for value in series], "options": dict(asked.options)}
        return self.builder.add(asked.op, series, index=self.builder.table(self.feature, recipe), part=asked.part, steps=asked.steps)

    def _macro(self, name: str, macro: Macro, node: ast.Call) -> Value:
        keys = [key for key, _ in macro.parameters]
        if len(node.args) > len(keys):
            self._fail(f"{name} takes {len(keys)} arguments, not {len(node.args)}", node)
        given: dict[str, Value] = {key: self._value(part) for key, part in zip(keys, node.args, strict=False)}
        for keyword in node.keywords:
            if keyword.arg not in keys or keyword.arg in given:
                self._unknown(f"argument of {name}", str(keyword.arg), tuple(keys), keyword.value)
            given[keyword.arg] = self._value(keyword.value)
        for key, default in macro.parameters:
            if key not in given and default is None:
                self._fail(f"{name} needs {key}", node)
            given.setdefault(key, default)  # type: ignore[arg-type]
        if "PRICE" in macro.expression:
            price, size = PRICE_AND_SIZE.get(self.builder.stream, ("price", "size"))
            given |= {"PRICE": self._name(price, node), "SIZE": self._name(size, node)}
        expression = macro.expression
        if "{level}" in expression:
            level = given.pop("level")
            if type(level) is not int or not 1 <= level <= BOOK_LEVELS:
                self._fail(f"{name} of level {level!r}", node, f"levels of a book are 1 to {BOOK_LEVELS}")
            expression = expression.replace("{level}", str(level))
        tree = ast.parse(expression, mode="eval").body
        try:
            self._scope.append(given)
            return self._value(tree)
        finally:
            self._scope.pop()


def _window(window: object) -> dict[str, object]:
    """A window in rows or in time, as a node carries it."""
    return {"span": int(window)} if isinstance(window, str) else {"steps": window}
