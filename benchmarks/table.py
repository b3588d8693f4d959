"""Ours and its rivals, measured in one run on one core, as one table: `python benchmarks/table.py [--json FILE] [part ...]`.

A part is a file beside this one with a function `rows()` that gives {what, who, value, unit}; a rival that is not installed has the value
None and a `reason`. Absolute figures depend on the machine; the last column, the ratio to ours in the same run, is what may be compared.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # parts share a file or two beside them
PARTS = ("features", "lob", "ticks", "alpha", "frames", "book", "store", "server_store", "serve")
OURS = "tickcast"
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


def measured(part: str, folder: Path = HERE) -> list[dict[str, Any]]:
    """Rows of one part; one row that says why where the part cannot be run."""
    path = folder / f"{part}.py"
    absent = {"what": part, "who": OURS, "value": None, "unit": ""}
    if not path.is_file():
        return [{**absent, "reason": f"there is no {path.name}"}]
    spec = importlib.util.spec_from_file_location(f"benchmark_{part}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return list(module.rows())
    except ImportError as error:
        return [{**absent, "reason": f"{error.name or 'a package'} is not installed"}]


def compared(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with `ratio`: how many times better our first row of the same kind is; None for our own and for what was not measured."""
    out = []
    for row in rows:
        same = [each for each in rows if (each["what"], each["unit"]) == (row["what"], row["unit"]) and each["value"]]
        ours = next((each["value"] for each in same if each["who"].startswith(OURS)), None)
        ratio = None
        if ours is not None and row["value"] and not row["who"].startswith(OURS):
            ratio = ours / row["value"] if row["unit"].endswith("/s") else row["value"] / ours
        out.append({**row, "ratio": ratio})
    return out


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: grouped by what was measured, in the order of measuring."""
    lines = ["| what | who | measured | ours is better by |", "|---|---|---|---|"]
    last = None
    for row in rows:
        digits = ",.0f" if (row["value"] or 0) >= 100 else ".3g"
        found = f"{row['value']:{digits}} {row['unit']}" if row["value"] is not None else f"not measured: {row['reason']}"
        ratio = f"{row['ratio']:.2f} ×" if row["ratio"] is not None else ""
        lines.append(f"| {'' if row['what'] == last else row['what']} | {row['who']} | {found} | {ratio} |")
        last = row["what"]
    return "\n".join(lines)


def main(words: Sequence[str]) -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parts", nargs="*", default=list(PARTS), help=f"any of {', '.join(PARTS)}; all when none is named")
    asked.add_argument("--json", type=Path, help="also write the rows to this file")
    given = asked.parse_args(words)
    for name in ONE_THREAD:  # before a part imports what reads them
        os.environ.setdefault(name, "1")
    rows: list[dict[str, Any]] = []
    for part in given.parts:
        print(f"bench: {part}", file=sys.stderr)
        rows += measured(part)
    found = compared(rows)
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main(sys.argv[1:])
