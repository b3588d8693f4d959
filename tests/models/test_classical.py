from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tickcast.clock import SECOND
from tickcast.errors import BundleError, ModelError
from tickcast.features.table import FeatureTable
from tickcast.models import CLASSICAL, Climatology, Forecaster, ResidualQuantiles, build, load
from tickcast.models.residual import LEVELS
from tickcast.scales import Ticks
from tickcast.targets import ForwardReturn
from tickcast.views import View


def _views(n: int = 4000) -> tuple[View, View]:
    rng = np.random.default_rng(3)
    moves = rng.choice([-1, 0, 1], n, p=[0.12, 0.763, 0.117])
    price = 1600 + 0.25 * np.cumsum(moves)
    ts = np.arange(n, dtype=np.int64) * SECOND
    values = (np.arange(n) % 4).astype(np.float64)[:, None]
    table = FeatureTable(("slot",), ts, ts[-1:].repeat(n), np.zeros(n, np.int64), price, values, SECOND, 0.25)
    labels = ForwardReturn(("1s", "10s")).label(table)
    return View(table, labels, np.arange(3000)), View(table, labels, np.arange(3000, n))


@pytest.mark.parametrize("made", [Climatology(), Climatology("slot"), ResidualQuantiles(Ticks())], ids=["overall", "slot", "ticks"])
def test_saved_and_loaded_is_the_same_forecast_to_the_bit(made: Forecaster, tmp_path: Path) -> None:
    train, test = _views()
    with pytest.raises(ModelError, match="not fitted"):
        made.predict(test)
    before = made.fit(train, test).predict(test)
    made.save(tmp_path)
    after = load(tmp_path, made.spec.name).predict(test)
    assert np.array_equal(before.quantile(LEVELS), after.quantile(LEVELS))
    first = (tmp_path / "model.json").read_bytes()
    load(tmp_path, made.spec.name).save(tmp_path)
    assert (tmp_path / "model.json").read_bytes() == first


@pytest.mark.parametrize("made", [Climatology(), ResidualQuantiles(Ticks())], ids=["overall", "ticks"])
def test_the_atom_at_zero_has_the_mass_seen_in_training(made: Forecaster) -> None:
    train, test = _views()
    forecast = made.fit(train, test).predict(test)
    seen = train.outcomes
    for j in range(2):
        column = seen[np.isfinite(seen[:, j]), j]
        atom = forecast.cdf(0.0)[0, j] - forecast.cdf_left(0.0)[0, j]
        assert atom == pytest.approx(np.mean(column == 0), abs=1e-6)


def test_every_classical_forecaster_is_built_by_name() -> None:
    assert {build(kind).spec.name for kind in CLASSICAL} == set(CLASSICAL)


def test_a_damaged_model_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(BundleError, match="not JSON"):
        load(tmp_path, "climatology")
