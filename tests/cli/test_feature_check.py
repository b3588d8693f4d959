"""features check: a set that cannot be tried, one that keeps the laws, one that would look ahead."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

import small_market
from tickcast.checks.verdict import verdicts
from tickcast.cli import execute
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet, FeatureTable


@pytest.fixture
def own_set(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(small_market.WORDS, sort_keys=False))
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"features": {"r": "lead(close, 1)"}}, "lead"),
        ({"features": {"r": "log(volume)"}}, "volume"),
        ({"steam": "bars"}, "steam"),
    ],
)
def test_a_set_that_cannot_be_tried(
    change: dict[str, object], told: str, tmp_path: Path, events_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump({**small_market.WORDS, **change}, sort_keys=False))
    assert execute(["features", "check", str(path), "--data", str(events_file)]) == 2
    err = capsys.readouterr().err
    assert told in err and "Traceback" not in err


def test_rows_that_are_too_few(own_set: Path) -> None:
    with pytest.raises(FeatureError, match="5 rows are too few"):
        verdicts(small_market.WORDS, small_market.bars(5), np.random.default_rng(0))


def test_a_set_that_keeps_the_laws(own_set: Path, events_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["features", "check", str(own_set), "--data", str(events_file), "--json", "--quiet"]) == 0
    found = {each["feature"]: each for each in json.loads(capsys.readouterr().out)}
    assert list(found) == ["r", "rv"]
    assert all(each["ok"] and each["known"] == 1.0 and not each["remark"] for each in found.values())
    assert (found["r"]["warmup"], found["rv"]["warmup"]) == (1, 10)
    assert execute(["features", "check", str(own_set), "--data", str(events_file), "--rows", "60"]) == 0
    assert capsys.readouterr().out.count("keeps the laws") == 2


def test_a_warm_up_that_never_ends_is_said(own_set: Path) -> None:
    gaps = small_market.bars(60).with_columns(session_id=pl.int_range(60) // 5)
    found = verdicts(small_market.WORDS, gaps, np.random.default_rng(0))
    assert [bool(each.remark) for each in found] == [False, True]


def test_a_feature_that_looks_ahead_is_blamed_and_its_neighbour_is_not(
    own_set: Path, events_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = FeatureSet.compute

    def ahead(self: FeatureSet, frame: pl.DataFrame, *, step: int | None = None, tick: float | None = None) -> FeatureTable:
        table = honest(self, frame, step=step, tick=tick)
        if "rv" in self.names:
            table.values[:-1, self.names.index("rv")] = table.values[1:, self.names.index("rv")].copy()
        return table

    monkeypatch.setattr(FeatureSet, "compute", ahead)
    assert execute(["features", "check", str(own_set), "--data", str(events_file), "--json", "--quiet"]) == 1
    found = {each["feature"]: each for each in json.loads(capsys.readouterr().out)}
    assert found["r"]["ok"] and not found["rv"]["ok"]
    assert "when the future is" in found["rv"]["told"][0]
    where = found["rv"]["broken"][0]
    assert where["law"] == "looks back only" and where["cut"] > 0 and 0 < where["row"] <= where["cut"] and where["was"] != where["became"]


def test_a_claim_is_tried(own_set: Path, events_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = {"r": "log(close / lag(close, 1))", "d": "diff(close)", "q": "diff(log(close))"}
    kept = {**small_market.WORDS, "features": lines, "invariant": {"scale": ["r", "q"]}}
    assert all(each.ok for each in verdicts(kept, small_market.bars(300), np.random.default_rng(0)))
    own_set.write_text(yaml.safe_dump(kept | {"invariant": {"scale": ["r", "d"]}}, sort_keys=False))
    assert execute(["features", "check", str(own_set), "--data", str(events_file), "--json", "--quiet"]) == 1
    found = {each["feature"]: each for each in json.loads(capsys.readouterr().out)}
    assert [name for name, each in found.items() if not each["ok"]] == ["d"] and "all prices double" in found["d"]["told"][0]


@pytest.mark.parametrize("claims", [{"scale": ["x"]}, {"scael": ["r"]}, ["r"], {"scale": "r"}])
def test_a_claim_that_names_nothing(claims: object) -> None:
    with pytest.raises(FeatureError, match="invariant"):
        verdicts({**small_market.WORDS, "invariant": claims}, small_market.bars(300), np.random.default_rng(0))


def test_progress_reaches_the_end() -> None:
    heard: list[float] = []
    verdicts(small_market.WORDS, small_market.bars(100), np.random.default_rng(0), lambda what, share: heard.append(share))
    assert heard == sorted(heard) and heard[-1] == 1.0 and len(heard) > 25


def test_files_are_given_by_stream(own_set: Path, events_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["features", "check", str(own_set), "--data", f"bars={events_file}", "--quiet"]) == 0
    for files in ([f"trades={events_file}"], [str(events_file), f"bars={events_file}"]):
        words = [word for file in files for word in ("--data", file)]
        assert execute(["features", "check", str(own_set), *words]) == 2
        assert "one file for each of bars" in capsys.readouterr().err.lower()
