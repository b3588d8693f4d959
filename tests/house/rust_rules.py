"""House rules of one Rust file: each takes (path inside the repository, its text) and returns what breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from house.python_rules import FILE_LINES, FUNCTION_LINES, PATH_PARTS

Rule = Callable[[PurePosixPath, str], list[str]]

PANICS = re.compile(r"\.unwrap\(\)|\.expect\(|\bpanic!|\btodo!|\bunimplemented!|\bunreachable!")
TEST_MODULE = re.compile(r"^\s*#\[cfg\(test\)\]", re.MULTILINE)
FUNCTION = re.compile(r"^(\s*)(?:pub(?:\([a-z]+\))? )?(?:const |async |unsafe |extern \"C\" )*fn (\w+)")


def shipped(path: PurePosixPath, text: str) -> str:
    """The part that is not tests: everything before the test module; nothing of a tests/ or benches/ file."""
    if {"tests", "benches", "examples"} & set(path.parts) or path.name in ("tests.rs", "build.rs"):
        return ""
    found = TEST_MODULE.search(text)
    return text[: found.start()] if found else text


def file_length(path: PurePosixPath, text: str) -> list[str]:
    """A file stays under 400 lines."""
    lines = text.count("\n")
    return [f"{path}: {lines} lines; a file stays under {FILE_LINES}"] if lines >= FILE_LINES else []


def function_length(path: PurePosixPath, text: str) -> list[str]:
    """A function stays under 60 lines; rustfmt puts its closing brace under its first letter."""
    out, lines = [], text.splitlines()
    for i, line in enumerate(lines):
        found = FUNCTION.match(line)
        if not found or line.rstrip().endswith((";", "}")):
            continue
        closing = found[1] + "}"
        end = next((j for j in range(i + 1, len(lines)) if lines[j].rstrip() == closing), i)
        if end - i + 1 >= FUNCTION_LINES:
            out.append(f"{path}:{i + 1} {found[2]}: {end - i + 1} lines; a function stays under {FUNCTION_LINES}")
    return out


def path_names(path: PurePosixPath, text: str) -> list[str]:
    """Modules are named with the field's words."""
    bad = [part for part in (p.removesuffix(".rs") for p in path.parts) if part in PATH_PARTS]
    return [f"{path}: no path part is named {part!r}" for part in bad]


def panics(path: PurePosixPath, text: str) -> list[str]:
    """Nothing shipped can panic on purpose: a panic would take a Python process or a server with it."""
    out = []
    for i, line in enumerate(shipped(path, text).splitlines(), 1):
        found = PANICS.search(line.split("//")[0])
        if found:
            out.append(f"{path}:{i}: {found[0].strip('.(')} in shipped code; return an error")
    return out


def lint_exemptions(path: PurePosixPath, text: str) -> list[str]:
    """The lints against panics are not switched off outside tests."""
    pattern = re.compile(r"allow\([^)]*clippy::(unwrap_used|expect_used|panic)\b")
    lines = enumerate(shipped(path, text).splitlines(), 1)
    return [f"{path}:{i}: {found[0]} outside tests" for i, line in lines if (found := pattern.search(line))]


RULES: tuple[Rule, ...] = (file_length, function_length, path_names, panics, lint_exemptions)
