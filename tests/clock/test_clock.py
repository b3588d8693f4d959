from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickcast.clock import DAY, HOUR, MINUTE, SECOND, format_duration, parse_duration
from tickcast.errors import ConfigError


@given(st.integers(1, 400 * DAY))
def test_what_is_formatted_is_read_back(nanoseconds: int) -> None:
    # beyond 2**53 ns a count in ns is read through a float; such durations carry a coarser unit in practice
    text = format_duration(nanoseconds)
    assert abs(parse_duration(text) - nanoseconds) <= nanoseconds // 2**52


@pytest.mark.parametrize(
    ("text", "nanoseconds"), [("250ms", SECOND // 4), (" 5 m ", 5 * MINUTE), ("1.5h", 90 * MINUTE), ("4h", 4 * HOUR), ("1d", DAY)]
)
def test_units(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "0s", "5 minutes", "1e3s", "nan s", None, 5])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ConfigError, match="is not a duration"):
        parse_duration(text)  # type: ignore[arg-type]
