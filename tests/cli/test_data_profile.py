"""`tickcast data profile` at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tickcast.cli import execute
from tickcast.cli.data_profile import profile
from tickcast.store import Store


def test_writes_four_files_and_tells_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store.open(tmp_path / "store") as kept:
        rows = {"ts": [86_400 * 10**9 * day for day in (1, 2, 5)], "price": [1.5, 2.5, 3.5], "size": [1.0] * 3}
        kept.write("trades", pl.DataFrame({"symbol": ["A"] * 3, **rows}), source="made")
    words = [
        "data",
        "profile",
        "trades",
        "--calendar",
        "24/7",
        "--out",
        str(tmp_path / "out"),
        "--store",
        str(tmp_path / "store"),
        "--json",
    ]
    assert execute(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["symbols"][0]["missing"]) == (3, ["1970-01-04", "1970-01-05"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(Path(name).name for name in told["files"])
    assert execute([*words[:2], "bars", *words[3:]]) == 1
    assert "holds no bars" in capsys.readouterr().err
    assert "quality.html" in str(profile.__doc__)
