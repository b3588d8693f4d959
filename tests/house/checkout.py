"""The files that the rules read: what git tracks and what it would track."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[PurePosixPath, ...]:
    """Paths inside the repository, sorted; ignored files are left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:  # a source archive without git: everything but what is built
        skipped = {".venv", "target", "site", "runs", "data", "__pycache__"}
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return tuple(sorted(PurePosixPath(path) for path in found if not skipped & set(path.parts)))
    return tuple(sorted(PurePosixPath(name) for name in listed.stdout.splitlines() if (ROOT / name).is_file()))


@cache
def text(path: PurePosixPath) -> str:
    """The file's text; bytes that are no UTF-8 are replaced."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


@cache
def tree(path: PurePosixPath) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(text(path), filename=str(path))


def python(*tops: str) -> tuple[PurePosixPath, ...]:
    """Python files below these folders, all without arguments."""
    return tuple(path for path in files() if path.suffix == ".py" and (not tops or path.parts[0] in tops))


def rust() -> tuple[PurePosixPath, ...]:
    """Rust files."""
    return tuple(path for path in files() if path.suffix == ".rs")


def module(path: PurePosixPath) -> str:
    """Dotted name of a file below src/."""
    return ".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__")
