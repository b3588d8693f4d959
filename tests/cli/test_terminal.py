"""Progress without a terminal to draw on: few lines, with the time left."""

from __future__ import annotations

import time

import pytest

from tickcast.cli.terminal import Terminal


def test_lines_are_few_and_tell_the_time_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand days in a thousand seconds: about a line a second while days pass, each with what is left."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Terminal().progress() as listener:
        for day in range(10_001):
            listener("fill", f"A day {day}", day / 10_000)
            now[0] += 0.1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "fill: A day 0 0%" and 900 <= len(lines) <= 1001
    assert sum(line.endswith("50%, about 8 min left") for line in lines) >= 5 and lines[-1].startswith("fill: A day 10000 100%")


def test_a_step_that_says_the_same_is_told_every_ten_seconds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with Terminal().progress() as listener:
        for second in range(31):
            listener("fit", "har", second / 40)
            now[0] += 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["fit: har 0%", "fit: har 25%, about 30 s left", "fit: har 50%, about 20 s left", "fit: har 75%, about 10 s left"]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(quiet=True).progress() as listener:
        listener("fit", "har", 0.5)
    assert capsys.readouterr().err == ""
