"""Every kind of forecaster keeps the laws, and planted violators are caught."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from checks import market_rows
from tickcast.checks import LAWS
from tickcast.checks import forecaster as laws
from tickcast.errors import LawBroken
from tickcast.forecast import Forecast
from tickcast.models import CLASSICAL, Climatology, Forecaster, ResidualQuantiles, Spec
from tickcast.scales import SCALES, build
from tickcast.views import View

TABLE = market_rows.table(1500, session=500)
TRAIN, VALID, TEST = market_rows.views(TABLE)
SCALE_OPTIONS: Mapping[str, dict[str, object]] = {
    "ewma": {"prefix": ("log_size",), "ahead": None},
    "trees": {"rounds": 5, "leaf_rows": 50},
}
Recipe = Callable[[], Forecaster]


def residual(scale: str) -> Recipe:
    return lambda: ResidualQuantiles(build(scale, ("log_size",), SCALE_OPTIONS.get(scale)))


RECIPES: Mapping[str, Recipe] = {
    "climatology": Climatology,
    "climatology by time": lambda: Climatology(slot="time"),
    **{f"residual {scale}": residual(scale) for scale in SCALES},
}


@pytest.fixture(scope="module", params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return RECIPES[request.param]


def test_forecasts_are_distributions(recipe: Recipe) -> None:
    assert laws.forecasts_are_distributions(recipe().fit(TRAIN, VALID), TEST) is None


def test_looks_back_only(recipe: Recipe) -> None:
    assert laws.looks_back_only(recipe().fit(TRAIN, VALID), TEST, np.random.default_rng(3)) is None


def test_survives_its_folder(recipe: Recipe, tmp_path: Path) -> None:
    assert laws.survives_its_folder(recipe().fit(TRAIN, VALID), TEST, tmp_path / "model") is None


def test_same_seed_same_bytes(recipe: Recipe, tmp_path: Path) -> None:
    assert laws.same_seed_same_bytes(recipe, TRAIN, VALID, tmp_path) is None


def test_no_kind_and_no_law_is_skipped() -> None:
    assert {name.split()[0] for name in RECIPES} == set(CLASSICAL)
    assert {name.split()[1] for name in RECIPES if name.startswith("residual")} == set(SCALES)
    assert len(RECIPES) * len(LAWS["forecaster"]) == 28


class Planted(ResidualQuantiles):
    """Sound as it stands; each subclass breaks one law."""


class Peeking(Planted):
    """Scales by the price of the next row."""

    def predict(self, view: View) -> Forecast:
        made = super().predict(view)
        following = view.table.price[np.minimum(view.rows + 1, len(view.table) - 1)]
        return replace(made, scale=made.scale * np.where(following > 100, 2.0, 1.0)[:, None])


class Forgetful(Planted):
    """Loses what it learned on the way through its folder."""

    @classmethod
    def load(cls, folder: Path) -> Forgetful:
        made = super().load(folder)
        made.values = None if made.values is None else made.values * 1.001
        return made


class Misnamed(Planted):
    """Says it gives buckets."""

    @property
    def spec(self) -> Spec:
        return replace(super().spec, output="buckets")


def test_planted_violators_are_caught(tmp_path: Path) -> None:
    assert laws.looks_back_only(Planted().fit(TRAIN, VALID), TEST, np.random.default_rng(3)) is None
    with pytest.raises(LawBroken, match="when the future is"):
        laws.looks_back_only(Peeking().fit(TRAIN, VALID), TEST, np.random.default_rng(3))
    with pytest.raises(LawBroken, match="after a save and a load"):
        laws.survives_its_folder(Forgetful().fit(TRAIN, VALID), TEST, tmp_path / "forgetful")
    with pytest.raises(LawBroken):
        laws.forecasts_are_distributions(Misnamed().fit(TRAIN, VALID), TEST)
    draws = np.random.default_rng(1)

    def unseeded() -> Forecaster:
        return ResidualQuantiles(levels=(0.1, 0.5, 0.8 + 0.1 * float(draws.random())))

    with pytest.raises(LawBroken, match="same seed"):
        laws.same_seed_same_bytes(unseeded, TRAIN, VALID, tmp_path / "unseeded")
