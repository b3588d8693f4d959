"""Describe, build, fit and calibrate: mistakes are named, nothing is fitted twice, a calibrator earns its place."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri

from checks import market_rows
from tickcast.config import Experiment, ForecasterConfig, ScaleConfig
from tickcast.distributions import Quantiles
from tickcast.errors import BundleError, ConfigError
from tickcast.features import FeatureSet
from tickcast.forecast import Forecast
from tickcast.lifecycle.build import build_forecaster, load_forecaster, longest_window
from tickcast.lifecycle.describe import Described, feature_names
from tickcast.lifecycle.fit import Fitted, calibrate, fit
from tickcast.lifecycle.market import Market
from tickcast.lifecycle.progress import Progress

SETS = {"a": ("x", "y"), "b": ("z",)}
LEVELS = np.linspace(0.025, 0.975, 39)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ((), ("x", "y", "z")),
        (("b", "a"), ("z", "x", "y")),
        (("y", "a"), ("y", "x")),
        (("!a",), ("z",)),
        (("a", "!y", "z"), ("x", "z")),
        (("!y", "y"), ("y",)),
    ],
)
def test_feature_names(asked: tuple[str, ...], meant: tuple[str, ...]) -> None:
    assert feature_names(asked, SETS) == meant


@pytest.mark.parametrize("asked", [("w",), ("a", "!w")])
def test_a_feature_nobody_knows(asked: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"called 'w'. Sets: a, b"):
        feature_names(asked, SETS)


def test_rows_are_the_same_for_every_model_and_learning_ends_before_the_test(prepared: tuple[Market, Described]) -> None:
    _, described = prepared
    split, table = described.split, described.table
    assert described.usable[np.concatenate([split.train, split.valid, split.test])].all()
    assert not described.features.needs_fit and set(described.sets) == {"nq24", "har"}
    assert table.ts[split.train[-1]] < table.ts[split.valid[0]] < table.ts[split.test[0]]
    tables = described.features.graph()["tables"]
    rows = prepared[0].rows
    again = FeatureSet.merge([FeatureSet.load("nq24"), FeatureSet.load("har")]).fit(rows, int(table.ts[split.train[-1]]))
    difference = [np.abs(np.array(a["values"]) - np.array(b["values"])).max() for a, b in zip(tables, again.graph()["tables"], strict=True)]
    assert max(difference) < 1e-3, "learned on training rows, up to the rows by which the first pass differs"


def build(config: ForecasterConfig, described: Described, folder: Path) -> object:
    return build_forecaster("mine", config, described, folder, seed=7, progress=lambda what, share: None)


def test_a_kind_nobody_knows(prepared: tuple[Market, Described], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"forecasters.mine.kind: unknown kind 'oracle'. Known kinds: climatology"):
        build(ForecasterConfig(kind="oracle"), prepared[1], tmp_path)
    with pytest.raises(ConfigError, match="slots"):
        build(ForecasterConfig(kind="climatology", options={"slots": "half_hour"}), prepared[1], tmp_path)
    with pytest.raises(ConfigError, match="no_such"):
        build(ForecasterConfig(kind="residual", scale=ScaleConfig(kind="ewma", features=("no_such",))), prepared[1], tmp_path)


def test_a_folder_without_a_forecaster(tmp_path: Path) -> None:
    for text in (None, "", "[]", "{}"):
        if text is not None:
            (tmp_path / "model.json").write_text(text)
        with pytest.raises(BundleError, match="no forecaster can be read"):
            load_forecaster(tmp_path)


def test_classical_forecasters_read_one_row(experiment: Experiment) -> None:
    assert longest_window(experiment) == 1


Fit = Callable[..., Fitted]


@pytest.fixture
def fitting(experiment: Experiment, prepared: tuple[Market, Described], tmp_path: Path) -> Fit:
    """Fit `har` under a clock that ticks once per look; `seconds` is 1.0 when it was fitted now or before, never re-read."""
    ticks = itertools.count()

    def go(*, scale: ScaleConfig | None = None, version: str = "v", seed: int = 7) -> Fitted:
        config = experiment.forecasters["har"]
        config = config.model_copy(update={"scale": scale}) if scale else config
        clock = lambda: float(next(ticks))  # noqa: E731
        return fit("har", config, prepared[1], tmp_path / "har", version=version, seed=seed, clock=clock, progress=Progress())

    return go


def stamp(fitted: Fitted) -> int:
    return (fitted.folder / "model.json").stat().st_mtime_ns


def test_the_same_is_not_fitted_again(fitting: Fit, prepared: tuple[Market, Described]) -> None:
    first, again = fitting(), fitting()
    assert (first.seconds, again.seconds) == (1.0, 1.0)
    assert stamp(first) == stamp(again)
    view = prepared[1].view(prepared[1].split.test[:50])
    assert (first.forecaster.predict(view).mean() == again.forecaster.predict(view).mean()).all()


@pytest.mark.parametrize(
    "change",
    [{"version": "w"}, {"seed": 8}, {"scale": ScaleConfig(kind="log_linear", features=("har_vol_3",))}],
    ids=lambda each: next(iter(each)),
)
def test_other_settings_data_or_seed_are_fitted_anew(change: dict[str, object], fitting: Fit) -> None:
    before = stamp(fitting())
    assert stamp(fitting(**change)) > before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 3}'])
def test_a_note_that_was_cut_off_is_fitted_anew(text: str, fitting: Fit) -> None:
    first = fitting()
    model = (first.folder / "model.json").read_bytes()
    before, done = stamp(first), first.folder.parent / "done.json"
    done.write_text(text)
    again = fitting()
    assert stamp(again) > before
    assert (again.folder / "model.json").read_bytes() == model
    assert json.loads(done.read_text())["seconds"] == 1.0


def normal(wide: float, seed: int) -> tuple[Described, Forecast]:
    """Rows whose outcomes are normal, and the forecast of a normal law `wide` times as wide for the validation rows."""
    table = market_rows.table(2400, session=2400)
    split, labels = market_rows.parts(table)
    rng = np.random.default_rng(seed)
    outcomes = rng.normal(0, 1e-3, labels.values.shape)
    drawn = replace(labels, values=outcomes)
    n = len(split.valid)
    law = Quantiles(LEVELS, np.broadcast_to(ndtri(LEVELS), (n, 2, len(LEVELS))))
    forecast = Forecast(labels.horizons, law, np.full((n, 2), 1e-3 * wide), "sigma")
    return Described(FeatureSet.load("nq24"), {}, table, drawn, table.ready(), split), forecast


def test_a_calibrator_nobody_knows() -> None:
    described, forecast = normal(1.0, 1)
    with pytest.raises(ConfigError, match=r"calibrators: no calibrator is called 'platt'. Known: "):
        calibrate(("platt",), forecast, described)


@pytest.mark.parametrize("wide", [0.4, 2.5])
def test_a_calibrator_that_mends_a_wrong_width_is_kept(wide: float) -> None:
    described, forecast = normal(wide, 1)
    (kept,) = calibrate(("temperature", "pit"), forecast, described)
    assert kept.kind == "pit", "temperature is for buckets"
    outcomes = described.view(described.split.valid).outcomes
    inside = lambda one: (np.abs(one.cdf(outcomes) - 0.5) < 0.4).mean()  # noqa: E731
    assert abs(inside(kept.apply(forecast)) - 0.8) < abs(inside(forecast) - 0.8) - 0.01


def test_a_calibrator_that_only_learns_luck_is_left_out() -> None:
    kept = sum(len(calibrate(("pit",), forecast, described)) for described, forecast in (normal(1.0, seed) for seed in range(10)))
    assert kept <= 4, "a right forecast needs no map; luck lets a few through"
