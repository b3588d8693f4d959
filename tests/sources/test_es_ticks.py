"""The ES sample: kept where it is, refused in one line where it cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickcast.errors import SourceError
from tickcast.sources.es_ticks import WHEEL, fetch_es_ticks


def test_a_wheel_already_there_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"here")
    assert fetch_es_ticks(tmp_path).read_bytes() == b"here"


def test_no_index_is_one_line_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(SourceError, match="cannot be had.*simulated market"):
        fetch_es_ticks(tmp_path)
