"""What may be asked: one SELECT that names the store's tables and functions that only compute.

The statement is parsed by DuckDB and its tree is walked, so comments, quoting and nesting hide nothing. This is the first of two walls; the
second is the process in which it runs, see `worker`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

__all__ = ["Refused", "Wanted", "admitted"]

_TABLE_FUNCTIONS = frozenset({"generate_series", "range", "unnest"})
_NEVER = re.compile(
    r"pg_.*|has_.*|current_(?!date$|time$|timestamp$|localtime$|localtimestamp$).*|.*setting.*|.*secret.*|.*variable.*|.*env|.*sleep.*|.*_log|"
    r"nextval|currval|setval|setseed|txid_.*|.*user.*|.*role.*|in_search_path|read_.*|write_.*|query.*|parquet_.*|add_parquet_key|"
    r"st_setcrs|to_aggregate_state|get_.*oid|.*_oid|version|platform|json_(de)?serialize_.*|json_execute.*|parse_duckdb_log_message|.*_viewdef"
)


class Refused(Exception):
    """A statement that may not be asked; the text says why."""


@dataclass(frozen=True)
class Wanted:
    """Tables that a statement reads, each with the names of columns that it may mention; None for all."""

    columns: Mapping[str, frozenset[str] | None]


def admitted(connection: duckdb.DuckDBPyConnection, sql: str, tables: Mapping[str, Collection[str]]) -> Wanted:
    """What a statement reads of `tables` (name → columns). Raises Refused for anything but one SELECT over them."""
    import duckdb

    try:
        statements = connection.extract_statements(sql)
        kinds = [statement.type.name for statement in statements]
    except duckdb.Error as error:
        raise Refused(str(error).splitlines()[0]) from None
    except ValueError:  # a kind of statement that the Python of this release has no name for
        kinds = ["a statement of another kind"]
    if kinds != ["SELECT"]:
        raise Refused(f"one SELECT or WITH may be asked, not {f'{len(kinds)} statements' if len(kinds) != 1 else kinds[0]}")
    text = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [statements[0].query]).fetchall()
    tree = json.loads(str(text[0][0]))
    if tree.get("error"):
        raise Refused(f"cannot be read: {tree.get('error_message', 'no tree')}")
    nodes = list(_nodes(tree["statements"]))
    ctes = {str(entry["key"]).lower() for node in nodes if "cte_map" in node for entry in node["cte_map"]["map"]}
    known = {name.lower(): name for name in tables}
    read: set[str] = set()
    rows: set[str] = set()
    for node in nodes:
        _refuse(node, {**known, **dict.fromkeys(ctes, "")})
        if node.get("type") == "BASE_TABLE" and str(node["table_name"]).lower() in known:
            read.add(known[str(node["table_name"]).lower()])
            rows.add(str(node.get("alias") or node["table_name"]).lower())
    everything = any(node.get("class") == "STAR" or "COLUMNS" in str(node.get("type", "")) for node in nodes)
    mentioned = {str(name).lower() for node in nodes for name in _names(node)}
    named = {str(node["alias"]).lower() for node in nodes if node.get("alias") and node.get("type") != "BASE_TABLE"}
    for whole in sorted(_alone(nodes) & rows - named - {each.lower() for table in read for each in tables[table]}):
        raise Refused(f"{whole} stands for whole rows; name columns, or write {whole}.*")
    columns = {table: None if everything else frozenset(each for each in tables[table] if each.lower() in mentioned) for table in read}
    return Wanted(columns)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree."""
    if isinstance(tree, dict):
        yield tree
        for child in tree.values():
            yield from _nodes(child)
    elif isinstance(tree, list):
        for child in tree:
            yield from _nodes(child)


def _names(node: Mapping[str, Any]) -> list[str]:
    """Names that may be columns: of references, of USING and NATURAL joins, of aliases."""
    return [*node.get("column_names", ()), *node.get("using_columns", ()), *node.get("column_name_alias", ())]


def _alone(nodes: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names that stand where a column does, with nothing before them."""
    return {str(node["column_names"][0]).lower() for node in nodes if len(node.get("column_names", ())) == 1}


def _refuse(node: Mapping[str, Any], names: Mapping[str, str]) -> None:
    kind = node.get("type")
    if kind == "BASE_TABLE":
        table = str(node["table_name"])
        if node.get("schema_name") or node.get("catalog_name") or table.lower() not in names:
            told = ".".join(part for part in (node.get("catalog_name"), node.get("schema_name"), table) if part)
            raise Refused(f"no table {told!r}; there are {', '.join(sorted(name for name in names.values() if name))}")
    elif kind == "JOIN" and node.get("ref_type") == "NATURAL":
        raise Refused("a NATURAL JOIN reads columns that it does not name; write USING")
    elif kind == "TABLE_FUNCTION":
        function = str(node["function"].get("function_name", "")).lower()
        if function not in _TABLE_FUNCTIONS or node["function"].get("schema") or node["function"].get("catalog"):
            raise Refused(f"function {function} gives tables that are not the store's")
    elif isinstance(kind, str) and kind.endswith("_REF") and kind not in ("COLUMN_REF", "LAMBDA_REF", "POSITIONAL_REF"):
        raise Refused(f"{kind.removesuffix('_REF').lower()} is no part of a SELECT over tables")
    name = node.get("function_name")
    if isinstance(name, str) and kind != "TABLE_FUNCTION":
        if node.get("schema") not in ("", "main", None) or node.get("catalog"):
            raise Refused(f"function {name} of another schema may not be called")
        if _NEVER.fullmatch(name.lower()):
            raise Refused(f"function {name} tells or changes more than the rows; it may not be called")
