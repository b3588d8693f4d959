"""Evaluation and report on a small simulated market whose conditional law is known."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from tickcast.distributions import Buckets, Quantiles
from tickcast.errors import ForecastError
from tickcast.evaluate import Evaluation, ForecasterFacts, RunFacts, evaluate, write_report
from tickcast.evaluate.scoring import label_rows
from tickcast.features.table import FeatureTable
from tickcast.forecast import Forecast
from tickcast.targets.base import Labels
from tickcast.views.view import View

STEP = 300_000_000_000
LEVELS = np.linspace(0.025, 0.975, 39)
HORIZONS, AHEAD = ("5m", "15m"), (1, 3)


def market(n: int = 1500) -> tuple[View, np.ndarray]:
    """A view of rows 100… of a market with a volatility that switches, and the true scale of each label."""
    rng = np.random.default_rng(3)
    sigma = np.where((np.arange(n) // 100) % 2 == 0, 2e-4, 8e-4)
    ts = 1_700_000_000_000_000_000 + np.arange(n) * STEP
    price = 100 * np.exp(np.cumsum(sigma * rng.normal(size=n)))
    values, end = np.full((n, 2), np.nan), np.repeat(ts[:, None], 2, axis=1)
    for j, k in enumerate(AHEAD):
        values[:-k, j] = np.log(price[k:] / price[:-k])
        end[:-k, j] = ts[k:]
    zero = np.zeros(n, np.int64)
    view = View(
        FeatureTable(("x",), ts, zero, zero, price, sigma[:, None], STEP, 0.01), Labels(HORIZONS, values, ts, end), np.arange(100, n)
    )
    return view, sigma[100:, None] * np.sqrt(AHEAD)


def made() -> tuple[View, dict[str, Forecast]]:
    view, scale = market()
    z = np.broadcast_to(norm.ppf(LEVELS), (len(view), 2, 39))
    edges = np.linspace(-1.5, 1.5, 12)
    mass = np.diff(norm.cdf(edges[1:-1]), prepend=0, append=1)
    narrow = Buckets(np.stack([edges] * 2), np.broadcast_to(mass, (len(view), 2, 11)))
    return view, {
        "climatology": Forecast(HORIZONS, Quantiles(LEVELS, z), np.broadcast_to(6e-4 * np.sqrt(AHEAD), scale.shape), "sigma"),
        "oracle": Forecast(HORIZONS, Quantiles(LEVELS, z), scale, "sigma"),
        "narrow <grid>": Forecast(HORIZONS, narrow, scale, "sigma"),
    }


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    view, forecasts = made()
    return evaluate(forecasts, view, rng=np.random.default_rng(0), resamples=200)


def test_the_oracle_wins_beyond_chance_and_the_baseline_has_no_skill(evaluation: Evaluation) -> None:
    oracle, base = evaluation.forecasters.index("oracle"), evaluation.forecasters.index("climatology")
    assert evaluation.best == "oracle" and set(evaluation.best_baseline) == {"climatology"}
    assert (evaluation.skill_low[oracle] > 0).all()
    assert (evaluation.skill[base] == 0).all() and (evaluation.skill_high[base] == 0).all()
    assert (evaluation.low[..., 0] <= evaluation.values[..., 0]).all() and (evaluation.values[..., 0] <= evaluation.high[..., 0]).all()


def test_rows_edges_and_blocks_are_counted(evaluation: Evaluation) -> None:
    view, _ = made()
    assert evaluation.rows.tolist() == [1399, 1397]
    assert label_rows(view).tolist() == [1.0, 3.0] and evaluation.block >= 3
    assert np.isnan(evaluation.edge_share[:2]).all() and (evaluation.edge_share[2] > 0.1).all()


def test_the_same_seed_gives_the_same_bytes_and_valid_json(evaluation: Evaluation) -> None:
    view, forecasts = made()
    again = evaluate(forecasts, view, rng=np.random.default_rng(0), resamples=200)
    assert again.to_json() == evaluation.to_json()
    read = json.loads(evaluation.to_json())
    assert read["best"] == "oracle" and read["edge_share"][0] == [None, None]


def test_without_a_baseline_there_is_no_skill() -> None:
    view, forecasts = made()
    found = evaluate({"oracle": forecasts["oracle"]}, view, rng=np.random.default_rng(0), resamples=20, tick=0.01)
    assert found.best_baseline == ("", "") and np.isnan(found.skill).all() and found.lattice


def test_a_horizon_without_labels_is_reported_empty(tmp_path: Path) -> None:
    view, forecasts = made()
    values = view.labels.values.copy()
    values[:, 1] = np.nan
    bare = View(view.table, Labels(HORIZONS, values, view.labels.start, view.labels.end), view.rows)
    found = evaluate(forecasts, bare, rng=np.random.default_rng(0), resamples=20)
    assert found.rows.tolist() == [1399, 0] and np.isnan(found.values[:, 1, 0]).all() and found.best_baseline[1] == ""
    assert "5m" in write_report(found, RunFacts("bare"), tmp_path).read_text(encoding="utf-8")


def test_forecasts_of_other_rows_or_none_are_refused() -> None:
    view, forecasts = made()
    with pytest.raises(ForecastError, match="nothing to evaluate"):
        evaluate({}, view, rng=np.random.default_rng(0))
    with pytest.raises(ForecastError, match="test rows are not"):
        evaluate({"a": forecasts["oracle"].take(slice(0, 5))}, view, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def page(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    facts = RunFacts(
        "A <small> market", "SIM", "configs/x.yaml", "c0ffee", "feed", "2026-01-01", 10, 20, 30, 4, {"gaps": "none"}, ("mind the gap",)
    )
    facts = RunFacts(**{**vars(facts), "forecasters": (ForecasterFacts("oracle", "truth", 1.5, 12, ("pit",)),)})
    return write_report(evaluation, facts, tmp_path_factory.mktemp("report"))


def test_the_page_is_self_contained_escaped_and_small(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""https?:|//[a-z]|@import|url\(|<link|src=""", text)
    assert "A &lt;small&gt; market" in text and "narrow &lt;grid&gt;" in text and "<grid>" not in text
    assert "outer bucket" in text and "mind the gap" in text and "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", text.lower())
    assert len(text) < 600_000
    assert json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["facts"]["purged"] == 4


def test_the_page_renders_in_a_browser(page: Path, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine; apt-get install chromium")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    quiet = "--disable-background-networking --disable-component-update"
    command = [chromium, *flags.split(), *quiet.split(), f"--user-data-dir={tmp_path}", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    for section in ("skill", "scores", "fans", "calibration", "data", "forecasters"):
        assert f'<section id="{section}">' in dom
    assert dom.count("<svg") >= 2 + 4 + 3 * 5
