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
from tickcast.features.calls import build, by_slot, model, signal, window_of, zone
from tickcast.features.graph import GraphBuilder, Series
from tickcast.features.language import ELSEWHERE, MACROS, OPERATORS, PRICE_AND_SIZE, Macro, Operator
from tickcast.features.place import BAR_COLUMNS, Place, columns_of, place_of
from tickcast.schema import BOOK_LEVELS

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "MAX_ROWS", "MAX_TERMS", "Line", "Parser", "Value"]

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
Value = Series | float | int | str | bool


@dataclass(frozen=True)
class Line:
    """An earlier line: its series on the rows it lives on, and its text, which inside at(...) is read anew on the bars."""

    series: Series
    text: str


@dataclass
class Parser:
    """Reads expressions into `builder`; `names` holds earlier lines.

    Raises FeatureError naming the feature, the column in the expression, what was found and the nearest known name.
    """

    builder: GraphBuilder
    names: dict[str, Line] = field(default_factory=dict)
    feature: str = ""
    _scope: list[dict[str, Value]] = field(default_factory=list)
    _places: list[Place] = field(default_factory=list)
    _anew: dict[tuple[int, str, str], Value] = field(default_factory=dict)

    def read(self, feature: str, text: object) -> Line:
        """The line of one expression, as it may be named in later ones."""
        self.feature, self._scope, self._places = feature, [], [Place(self.builder.clock, self.builder.stream)]
        self.builder.rows = self.builder.clock
        if not isinstance(text, str | int | float) or isinstance(text, bool):
            raise FeatureError(f"{text!r} is not an expression", field=feature)
        try:
            return Line(self._series(self._value(self._tree(str(text))), None), str(text))
        except RecursionError:
            self.fail("its lines lead through too many others", None, "lay the lines that at(...) reads anew less deep")

    @property
    def events(self) -> str:
        """The axis whose rows are the events where we read."""
        return self._place.events

    @property
    def _place(self) -> Place:
        return self._places[-1]

    def _inside(self, place: Place, call: Callable[[], Value]) -> Value:
        """What `call` reads at another place."""
        self._places.append(place)
        self.builder.rows = place.rows
        try:
            return call()
        finally:
            self._places.pop()
            self.builder.rows = self._place.rows

    def _table(self, stream: str) -> str:
        """The table that a stream's rows are of."""
        side = self.builder.sides.get(stream)
        return side.table if side is not None else self.builder.stream

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

    def fail(self, message: str, node: ast.AST | None = None, hint: str | None = None) -> NoReturn:
        """Refuse with the column of the expression. Raises FeatureError always."""
        column = f"column {getattr(node, 'col_offset', 0) + 1}: " if node is not None and not self._scope else ""
        raise FeatureError(column + message, field=self.feature, hint=hint)

    def _series(self, value: Value, node: ast.AST | None) -> Series:
        if isinstance(value, Series):
            return value
        if isinstance(value, str):
            self.fail(f"{value!r} stands where a series is needed", node)
        number = float(value) if abs(value) < 2.0**1023 else math.inf
        if not math.isfinite(number):
            self.fail("a constant must be finite", node)
        return self.builder.add("const", value=number)

    def _apply(self, op: str, values: list[Value], node: ast.AST) -> Value:
        if op in _FOLD and all(isinstance(value, int | float) for value in values):
            try:
                folded = _FOLD[op](*values)
            except (ArithmeticError, ValueError):
                self.fail("this constant cannot be computed", node)
            return folded if isinstance(folded, int | float) else self.fail("this constant is not a real number", node)
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
            case ast.Attribute(value=ast.Name(id=stream), attr=column):
                return self._column_of(stream, column, node)
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
                self.fail("compare two things at a time", node, "join comparisons with `and`")
            case ast.BoolOp(op=op, values=parts):
                return self._logic(isinstance(op, ast.And), [self._value(part) for part in parts], node)
            case ast.Call(func=ast.Name(id=name)):
                return self._call(name, node)
        return self.fail(f"{type(node).__name__} is not part of the language", node, "use numbers, names, + - * / ** comparisons and calls")

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
        if self._place.bars:
            return self._bar_column(name, node)
        columns, main = columns_of(self._table(self._place.stream)), columns_of(self.builder.stream)
        inside = len(self._places) > 1
        if inside and name in columns:
            return self._column(name)
        if name in self.names:
            return self.names[name].series
        if name in columns:
            return self._column(name)
        if inside and name in main:
            return self.builder.input(name)
        return self.unknown("name", name, (*self.names, *columns), node)

    def _column(self, name: str) -> Series:
        """A column of the stream in whose rows we are, or of its echo."""
        place = self._place
        series = self.builder.input(name, place.stream)
        return series if place.axis is None else self.builder.column(place.axis, name, series, "last")

    def _column_of(self, stream: str, column: str, node: ast.AST) -> Value:
        """stream.column"""
        builder = self.builder
        if stream not in (builder.stream, *builder.sides):
            self.unknown("stream", stream, (builder.stream, *builder.sides), node)
        columns = columns_of(self._table(stream))
        if column not in columns:
            self.unknown(f"column of {stream}", column, columns, node)
        return builder.input(column, stream)

    def _bar_column(self, name: str, node: ast.AST) -> Value:
        """A column of bars: made of the stream's rows, or an earlier line read anew on these bars."""
        place, axis = self._place, self._place.axis
        table = self._table(place.stream)
        made, columns = BAR_COLUMNS.get(table, {}), columns_of(table)
        assert axis is not None
        if name in made or name in columns:
            text, how = made.get(name, (name, "last"))
            return self.builder.column(axis, name, self._within(place.stream, text), how)
        if name not in self.names:
            self.unknown("name", name, (*made, *columns, *self.names), node)
        key = len(self._places), axis.key, name
        if key not in self._anew:  # once: lines that name a line twice would double the work with each
            self._anew[key] = self._value(self._tree(self.names[name].text))
        return self._anew[key]

    def _within(self, stream: str, text: str) -> Series:
        """An expression over the rows of one stream."""
        self._scope.append({})
        try:
            return self._series(self._inside(Place(stream, stream), lambda: self._value(self._tree(text))), None)
        finally:
            self._scope.pop()

    def unknown(self, what: str, name: str, known: tuple[str, ...], node: ast.AST) -> NoReturn:
        """Refuse a name with the nearest known one. Raises FeatureError always."""
        near = difflib.get_close_matches(name, known, n=1)
        self.fail(f"unknown {what} {name!r}", node, f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}")

    def _call(self, name: str, node: ast.Call) -> Value:
        if name in ("at", "signal"):
            return self._at(node) if name == "at" else self._signal(node)
        if name in MACROS:
            return self._macro(name, MACROS[name], node)
        if name not in OPERATORS:
            if name in ELSEWHERE:
                self.fail(f"unknown operator {name!r}", node, f"it is called {ELSEWHERE[name]} here")
            self.unknown("operator", name, (*OPERATORS, *MACROS, "at", "signal"), node)
        if name == "count" and len(node.args) == 1 and not node.keywords:
            window = self.constant("window", "window", self._value(node.args[0]), node.args[0])
            return self.builder.add("count", [self.builder.add("one", axis=self.events)], **window_of(window))
        if name == "fitted" and not by_slot(self, self._value(node.args[0]) if node.args else None, node):
            return self._model(node)
        operator = OPERATORS[name]
        positions = list(node.args)
        if name == "fitted":  # the kind comes first, as in fitted("rms_by_slot", x)
            positions = positions[1:2] + positions[:1] + positions[2:]
        series, constants = self._arguments(name, operator, positions, node)
        if name in _FOLD and all(isinstance(value, int | float) for value in series):
            return self._apply(name, series, node)
        return build(self, name, [self._series(value, node) for value in series], constants, node)

    def _words(self, name: str, node: ast.Call, keys: tuple[str, ...]) -> tuple[str, dict[str, str]]:
        """The text that comes first in at(...) and signal(...), and those of its keywords."""
        given = {str(keyword.arg): self._value(keyword.value) for keyword in node.keywords}
        first = self._value(node.args[0]) if node.args else None
        if not isinstance(first, str):
            self.fail(f"{name} begins with a text", node, f'as {name}("15m", close)' if name == "at" else 'as signal("cpi")')
        for key, value in given.items():
            if key not in keys or not isinstance(value, str):
                self.unknown(f"argument of {name}", key, keys, node)
        return first, {key: str(value) for key, value in given.items()}

    def _at(self, node: ast.Call) -> Value:
        """at("15m", expression): the expression on other rows, known from when each is."""
        text, given = self._words("at", node, ("zone",))
        if len(node.args) != 2:
            self.fail(f"at takes rows and an expression, not {len(node.args)} arguments", node)
        if sum(place.axis is not None for place in self._places) > 1:
            self.fail("at stands inside two others", node, "name the inner one on a line of its own")
        try:
            place, measure = place_of(self.builder, text, zone(self, dict(given), node) if "zone" in given else None)
        except FeatureError as error:
            self.fail(error.message, node, error.hint)
        if place.axis is not None and measure is not None and "measure" not in place.axis.parts:
            filled = self._within(place.stream, measure)
            place.axis.parts["measure"] = filled.node
            self.builder.column(place.axis, "measure", filled, "sum")  # columns make the rows: there is always one
        series = self._inside(place, lambda: self.builder.sample(self._series(self._value(node.args[1]), node.args[1])))
        if not isinstance(series, Series) or not series.axis:
            self.fail("at of a constant", node)
        return series

    def _signal(self, node: ast.Call) -> Series:
        """signal("name"): the value of that name in table signals, as of now."""
        text, given = self._words("signal", node, ("ttl",))
        return signal(self, text, given.get("ttl"), node)

    def _arguments(self, name: str, operator: Operator, positions: list[ast.expr], node: ast.Call) -> tuple[list[Value], dict[str, object]]:
        known = [key for key, _ in operator.constants]
        if len(positions) < operator.series or len(positions) > operator.series + len(known):
            self.fail(f"{name} takes {operator.series} series and {len(known)} constants, not {len(positions)} arguments", node)
        series = [self._value(part) for part in positions[: operator.series]]
        given: dict[str, ast.expr] = dict(zip(known, positions[operator.series :], strict=False))
        for keyword in node.keywords:
            if keyword.arg not in known or keyword.arg in given:
                self.unknown(f"argument of {name}", str(keyword.arg), tuple(known), keyword.value)
            given[keyword.arg] = keyword.value
        missing = [key for key in known if key not in given and key not in operator.optional]
        if missing:
            self.fail(f"{name} needs {missing[0]}", node)
        kinds = dict(operator.constants)
        return series, {key: self.constant(key, kinds[key], self._value(part), part) for key, part in given.items()}

    def constant(self, key: str, kind: str, value: Value, node: ast.AST) -> object:
        """A constant of a kind: window, rows, number, level, flag, zone or text. Raises FeatureError."""
        if isinstance(value, Series):
            self.fail(f"{key} must be a constant", node)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if kind in ("window", "rows") and whole:
            if not 1 <= int(value) <= MAX_ROWS:
                self.fail(f"{key} is {value}, not 1 to {MAX_ROWS} rows", node, "nothing looks forward" if int(value) < 0 else None)
            return value
        if kind == "window" and isinstance(value, str):
            try:
                return f"{parse_duration(value)}"
            except ConfigError as error:
                self.fail(error.message, node, error.hint)
        if kind in ("number", "level") and isinstance(value, int | float) and not isinstance(value, bool):
            if not (0 <= value <= 1 if kind == "level" else value > 0):
                self.fail(f"{key} is {value}", node, "give a level from 0 to 1" if kind == "level" else "give a positive number")
            return float(value)
        if (kind == "flag" and isinstance(value, bool)) or (kind in ("zone", "text") and isinstance(value, str)):
            return value
        return self.fail(f"{key} cannot be {value!r}", node, f"it is a {kind}")

    def _model(self, node: ast.Call) -> Series:
        """One output of a learned model."""
        series = [self._series(self._value(part), part) for part in node.args[1:]]
        given = {str(keyword.arg): self._value(keyword.value) for keyword in node.keywords}
        return model(self, str(self._value(node.args[0])), series, given, node)

    def _macro(self, name: str, macro: Macro, node: ast.Call) -> Value:
        keys = [key for key, _ in macro.parameters]
        if len(node.args) > len(keys):
            self.fail(f"{name} takes {len(keys)} arguments, not {len(node.args)}", node)
        given: dict[str, Value] = {key: self._value(part) for key, part in zip(keys, node.args, strict=False)}
        for keyword in node.keywords:
            if keyword.arg not in keys or keyword.arg in given:
                self.unknown(f"argument of {name}", str(keyword.arg), tuple(keys), keyword.value)
            given[keyword.arg] = self._value(keyword.value)
        for key, default in macro.parameters:
            if key not in given and default is None:
                self.fail(f"{name} needs {key}", node)
            given.setdefault(key, default)  # type: ignore[arg-type]
        if "PRICE" in macro.expression:
            table = "bars" if self._place.bars else self._table(self._place.stream)
            price, size = PRICE_AND_SIZE.get(table, ("price", "size"))
            given |= {"PRICE": self._name(price, node), "SIZE": self._name(size, node)}
        expression = macro.expression
        if "{level}" in expression:
            level = given.pop("level")
            if type(level) is not int or not 1 <= level <= BOOK_LEVELS:
                self.fail(f"{name} of level {level!r}", node, f"levels of a book are 1 to {BOOK_LEVELS}")
            expression = expression.replace("{level}", str(level))
        tree = ast.parse(expression, mode="eval").body
        try:
            self._scope.append(given)
            return self._value(tree)
        finally:
            self._scope.pop()
