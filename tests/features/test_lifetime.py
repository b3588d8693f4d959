"""Times to live: durations as text or nanoseconds, for all features or by name."""

from __future__ import annotations

import pytest

from tickcast.errors import FeatureError
from tickcast.features.lifetime import FOREVER, Lifetime, lifetimes


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [(None, (FOREVER, FOREVER)), ("2s", (2 * 10**9, 2 * 10**9)), (0, (0, 0)), ({"b": "1ms"}, (FOREVER, 10**6)), ({}, (FOREVER, FOREVER))],
)
def test_what_is_written_is_meant(ttl: Lifetime, expected: tuple[int, int]) -> None:
    assert lifetimes(("a", "b"), ttl) == expected


@pytest.mark.parametrize("ttl", [-1, "soon", {"c": 1}, {"a": "-1s"}])
def test_what_is_no_time_to_live_is_refused(ttl: Lifetime) -> None:
    with pytest.raises(FeatureError):
        lifetimes(("a", "b"), ttl)
