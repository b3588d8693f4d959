"""Reasons: whatever a row is set aside for, somebody can be told what it means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tickcast
from tickcast.cleaning import REASONS, explain

GIVEN = re.compile(r'then\(pl\.lit\("([a-z_]+)"\)')
"""How sources and rules write a reason down: the value of a condition."""
FILES = sorted(path for room in ("cleaning", "sources") for path in (Path(tickcast.__file__).parent / room).glob("*.py"))


def given(path: Path) -> set[str]:
    return set(GIVEN.findall(path.read_text(encoding="utf-8")))


def test_the_reasons_that_the_code_gives_are_found() -> None:
    assert {"outside_session", "flagged_by_vendor", "too_many_levels"} <= set(REASONS)
    assert {"flagged_by_vendor", "too_many_levels", "ambiguous_local_time", "levels_missing"} <= set().union(*map(given, FILES))


@pytest.mark.parametrize("path", [path for path in FILES if given(path)], ids=lambda path: path.name)
def test_every_reason_that_a_source_gives_is_explained(path: Path) -> None:
    assert [reason for reason in sorted(given(path)) if explain(reason) == reason] == []
