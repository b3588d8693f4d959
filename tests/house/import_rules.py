"""Imports flow one way: a room imports only from the rooms before it in this list."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

ROOM_ORDER = [
    "errors",
    "durable",
    "pages",
    "schema",
    "clock",
    "calendars",
    "distributions",
    "forecast",
    "config",
    "cleaning",
    "book",
    "sources",
    "store",
    "query",
    "profile",
    "rolls",
    "bars",
    "options",
    "record",
    "upkeep",
    "features",
    "targets",
    "splits",
    "views",
    "selectors",
    "scales",
    "models",
    "heads",
    "losses",
    "train",
    "calibrators",
    "ensembles",
    "metrics",
    "evaluate",
    "bundle",
    "serve",
    "lifecycle",
    "checks",
    "cli",
]
COMPILED = "_engine"  # the Rust core, below every room
TRAINING_ONLY = ("torch", "lightgbm", "onnx", "onnxscript", "safetensors", "matplotlib", "pandas", "sklearn", "talib")


def room(module: str) -> str | None:
    """The room of `tickcast.<room>...`; None for the package itself and other packages."""
    parts = module.split(".")
    return parts[1] if parts[0] == "tickcast" and len(parts) > 1 else None


def imported(path: PurePosixPath, tree: ast.Module) -> list[tuple[int, str]]:
    """(line, dotted module) of every import in the file, those inside functions too; relative ones are resolved."""
    here = list(path.with_suffix("").parts[1:])
    out = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            out += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) - node.level] if node.level else []
            name = ".".join([*above, *([node.module] if node.module else [])])
            out += [(node.lineno, f"{name}.{alias.name}") for alias in node.names] if name == "tickcast" else [(node.lineno, name)]
    return out


def one_way(path: PurePosixPath, text: str, tree: ast.Module) -> list[str]:
    """A room imports only from rooms before it."""
    own = room(".".join(path.with_suffix("").parts[1:]))
    if own in (None, "__init__", "__main__"):
        return []
    if own not in ROOM_ORDER:
        return [f"{path}: room {own!r} has no place in ROOM_ORDER; give it one"]
    out = []
    for line, name in imported(path, tree):
        other = room(name)
        if other is None or other in (own, COMPILED) or name in ("tickcast.__version__",):
            continue
        if other not in ROOM_ORDER:
            out.append(f"{path}:{line}: imports {name}, which has no place in ROOM_ORDER")
        elif ROOM_ORDER.index(other) > ROOM_ORDER.index(own):
            out.append(f"{path}:{line}: {own} imports {other}, which comes after it; what both need belongs further left")
    return out
