"""features generate, select and validate: moments that are none, then from a small set to a page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

import small_market
from tickcast.cli import execute
from tickcast.cli.events import moment
from tickcast.clock import DAY, HOUR, MINUTE
from tickcast.errors import ConfigError, FeatureError
from tickcast.features import FeatureSet
from tickcast.features.generate import narrowed


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A small set and 800 bars in one session."""
    own, bars = tmp_path / "small.yaml", tmp_path / "bars.parquet"
    own.write_text(yaml.safe_dump(small_market.WORDS, sort_keys=False))
    frame = small_market.bars(800)
    calm = np.where(np.arange(800) // 50 % 2, 0.2, 1.0)  # the size of returns has a memory
    close = 100 * np.exp(np.cumsum(1e-3 * calm * np.random.default_rng(3).standard_normal(800)))
    frame = frame.with_columns(close=pl.Series(close), session_id=pl.lit(800 * MINUTE))
    frame.write_parquet(bars)
    return own, bars


@pytest.mark.parametrize("text", ["yesterday", "2022-13-01", "", "2022-1-1x"])
def test_a_moment_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="is no moment"):
        moment(text)


def test_moments() -> None:
    assert moment("1970-01-01") == DAY - 1
    assert moment("1970-01-02T01:00") == moment("1970-01-02T02:00+01:00") == DAY + HOUR
    assert moment("1700000000000000000") == 1_700_000_000_000_000_000


def test_generate_then_select(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, bars = files
    grown = tmp_path / "new" / "grown.yaml"
    assert execute(["features", "generate", str(own), "--out", str(grown), "--lags", "1", "--stds", "20", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert "true:" not in grown.read_text(), "YAML 1.1 reads the word on as true"
    assert made["r_lag_1"] == "lag(r, 1)" and list(FeatureSet.load(grown).names) == ["r", "rv", *made]
    out = tmp_path / "out"
    words = ["features", "select", str(grown), "--data", str(bars), "--until", str(700 * MINUTE), "--horizon", "1 bar"]
    assert execute([*words, "--about", "size", "--out", str(out), "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kept"] and {one["feature"] for one in found["dropped"]} | set(found["kept"]) == {"r", "rv", *made}
    assert set(found["kept"]) <= set(FeatureSet.load(out / "selected.yaml").names)
    assert (out / "selection.csv").read_text().count("\n") == len(made) + 3


def test_narrowed_keeps_what_a_line_leads_to() -> None:
    assert list(narrowed(small_market.WORDS, ["rv"])["features"]) == ["r", "rv"]
    assert list(narrowed(small_market.WORDS, ["r"])["features"]) == ["r"]
    with pytest.raises(FeatureError, match="no feature 'q'"):
        narrowed(small_market.WORDS, ["q"])


def test_validate_writes_a_page(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, bars = files
    out = tmp_path / "validation"
    words = ["features", "validate", str(own), "--data", str(bars), "--until", str(400 * MINUTE), "--out", str(out)]
    assert execute([*words, "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["page"]).is_file() and [each["name"] for each in told["features"]] == ["r", "rv"]
    assert execute([*words, "--periods", "3"]) == 0
    assert "features" in capsys.readouterr().out and len(json.loads((out / "validation.json").read_text())["periods"]) == 3
    assert execute([*words[:6], "2030-01-01"]) == 2
    assert "too few to compare" in capsys.readouterr().err
