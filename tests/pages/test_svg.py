"""Scales of a drawing: ticks are round and inside, positions keep their order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tickcast.pages.svg import Frame, ticks


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_even_and_inside(low: float, width: float) -> None:
    high = low + width
    found = ticks(low, high)
    assert 2 <= len(found) <= 12
    slack = 1e-6 * width
    assert all(low - slack <= tick <= high + slack for tick in found)
    steps = [b - a for a, b in zip(found[:-1], found[1:], strict=True)]
    assert max(steps) - min(steps) <= 1e-6 * max(steps) + 1e-9


def test_an_empty_range_has_one_tick() -> None:
    assert ticks(3.0, 3.0) == [3.0]


def test_right_is_more_and_up_is_more_inside_the_margins() -> None:
    frame = Frame(200, 100, (0.0, 10.0), (-1.0, 1.0))
    assert frame.px(0) < frame.px(5) < frame.px(10) <= 200
    assert 0 <= frame.py(1) < frame.py(0) < frame.py(-1) <= 100
    assert frame.line([0, float("nan"), 10], [0, 0, 1], "hot").count(",") == 2
    assert 'aria-label="a &lt; b"' in frame.svg([], "a < b")
