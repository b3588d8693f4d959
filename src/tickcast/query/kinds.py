"""The columns of an answer in kinds that a frame holds: what it cannot hold comes as text, values beyond its range are refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duckdb.sqltypes import DuckDBPyType

if TYPE_CHECKING:
    import duckdb

__all__ = ["distinct", "holdable"]

_INTEGERS = ("tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint", "uinteger", "ubigint")
_PLAIN = frozenset({*_INTEGERS, "null", "boolean", "float", "double", "decimal", "varchar", "uuid", "enum"})
_STAMPS = ("date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone")
_WITHIN = (  # kinds, what must hold of the n-th column, what else it holds
    (_STAMPS, "isfinite(#{n}) AND year(#{n}) BETWEEN 1 AND 9999", "a time outside of the years 1 to 9999"),
    (("time",), "#{n} < TIME '24:00:00'", "24:00:00, which is no time of a day"),
    (("hugeint",), f"#{{n}} BETWEEN -{'9' * 38} AND {'9' * 38}", "a number of more than 38 digits"),
)


def holdable(answer: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """The same rows and names; intervals, unions, maps and other kinds that a frame lacks as text.

    Reading it raises `duckdb.Error` at a value that the frame's kind of its column cannot hold.
    """
    names = distinct(answer.columns)
    return answer.project(", ".join(_column(n, name, kind) for n, (name, kind) in enumerate(zip(names, answer.types, strict=True), 1)))


def _column(n: int, name: str, kind: DuckDBPyType) -> str:
    value = f"#{n}" if _plain(kind) else f"#{n}::VARCHAR"
    for kinds, condition, found in _WITHIN:
        if kind.id in kinds:
            told = f"column {name} holds {found}: cast it to VARCHAR".replace("'", "''")
            value = f"CASE WHEN #{n} IS NULL OR ({condition.format(n=n)}) THEN #{n} ELSE error('{told}') END"
    quoted = name.replace('"', '""')
    return f'{value} AS "{quoted}"'


def _plain(kind: DuckDBPyType) -> bool:
    """Whether every value of a kind has its like in a frame."""
    if kind.id in ("array", "list", "struct"):
        return all(_plain(child) for _, child in kind.children if isinstance(child, DuckDBPyType))  # an array's length is no kind
    return kind.id in _PLAIN


def distinct(names: Sequence[str]) -> list[str]:
    """The same names, with a number behind one that stood before, as of both sides of a join.

    >>> distinct(["ts", "price", "ts", "ts"])
    ['ts', 'price', 'ts_2', 'ts_3']
    """
    out: list[str] = []
    for name in names:
        number, free = 1, name
        while free in out or (number > 1 and free in names):
            number += 1
            free = f"{name}_{number}"
        out.append(free)
    return out
