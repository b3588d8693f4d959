"""demo: what it cannot do is said in a line; the fan draws an answer to scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tickcast.cli import execute
from tickcast.cli.demo import fan

ANSWER = {
    "ts": 1_378_233_904_000_000_000,
    "price": 1640.25,
    "bundle": "cc091ffabc7fcf19",
    "horizons": ["60s", "5m", "1s"],
    "q05": [-3e-4, -8e-4, -1e-4],
    "q50": [0.0, 1e-5, 0.0],
    "q95": [3e-4, 8e-4, 1e-4],
    "p_up": [0.35, 0.42, 0.05],
}


def test_an_experiment_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["demo", "absent.yaml", "--simulated", "--quiet", "--store", str(tmp_path), "--runs", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "absent.yaml: cannot be read" in err and len(err.strip().splitlines()) == 1


def test_the_fan_is_in_order_of_time_and_to_one_scale() -> None:
    lines = fan(ANSWER).plain.splitlines()
    assert "2013-09-03 18:45:04 UTC" in lines[0] and "1,640.25" in lines[0] and "cc091ffabc7f" in lines[0]
    assert [line.split()[0] for line in lines[2:]] == ["1s", "60s", "5m"]
    assert f"{1640.25 * np.exp(8e-4):,.2f}" in lines[4] and "42.0%" in lines[4]
    widths = [sum(line.count(mark) for mark in "━●") for line in lines[2:]]
    assert widths == sorted(widths) and widths[-1] == len(lines[4].split()[-1])
    assert len({line.index("●") for line in lines[2:]}) == 1, "the medians stand in the middle"


def test_a_fan_of_no_width_is_drawn() -> None:
    still = {**ANSWER, "q05": [0.0] * 3, "q50": [0.0] * 3, "q95": [0.0] * 3}
    assert fan(still).plain.count("●") == 3
