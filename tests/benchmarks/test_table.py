"""The table of measurements: what cannot be measured is said, ratios point the right way."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from house import checkout

PATH = checkout.ROOT / "benchmarks" / "table.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("table", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_part_that_is_missing_or_needs_what_is_not_installed(bench: ModuleType, tmp_path: Path) -> None:
    (only,) = bench.measured("nothing", tmp_path)
    assert only["value"] is None and "nothing.py" in only["reason"]
    (tmp_path / "bare.py").write_text("import a_package_nobody_has\n")
    (only,) = bench.measured("bare", tmp_path)
    assert only["reason"] == "a_package_nobody_has is not installed"
    assert "not measured: a_package_nobody_has" in bench.table(bench.compared([only]))


def test_ratios_say_how_much_better_ours_is(bench: ModuleType) -> None:
    rows = [
        {"what": "speed", "who": "rival", "value": 5.0, "unit": "M bars/s"},
        {"what": "speed", "who": "tickcast", "value": 20.0, "unit": "M bars/s"},
        {"what": "wait", "who": "tickcast", "value": 2.0, "unit": "us"},
        {"what": "wait", "who": "rival", "value": 3.0, "unit": "us"},
        {"what": "wait", "who": "absent", "value": None, "unit": "us", "reason": "it is not installed"},
        {"what": "alone", "who": "rival", "value": 1.0, "unit": "us"},
    ]
    found = bench.compared(rows)
    assert [row["ratio"] for row in found] == [4.0, None, None, 1.5, None, None]
    lines = bench.table(found).splitlines()
    assert len(lines) == 2 + len(rows)
    assert lines[2] == "| speed | rival | 5 M bars/s | 4.00 × |"
    assert lines[3].startswith("|  | tickcast")


def test_every_part_that_is_there_can_be_measured(bench: ModuleType) -> None:
    for part in bench.PARTS:
        path = PATH.parent / f"{part}.py"
        if path.is_file():
            assert "def rows(" in path.read_text(), f"{path.name} has no rows()"
