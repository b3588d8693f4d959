from __future__ import annotations

import json

import numpy as np
import pytest

from tickcast.clock import MINUTE
from tickcast.errors import BundleError, ConfigError, ModelError
from tickcast.features.table import FeatureTable
from tickcast.scales import SCALES, Forest, Scale, build, parse
from tickcast.scales.log_linear import least_squares
from tickcast.targets import ForwardReturn
from tickcast.views import View


def _views(n: int = 3000) -> tuple[View, View, View]:
    rng = np.random.default_rng(5)
    log_vol = np.cumsum(rng.normal(0, 0.02, n)) - 7
    price = 100 * np.exp(np.cumsum(np.exp(log_vol) * rng.normal(0, 1, n)))
    values = np.column_stack([log_vol, rng.normal(0, 1, n), np.full(n, 3.0)])
    ts = np.arange(n, dtype=np.int64) * MINUTE
    table = FeatureTable(("har_vol_3", "har_vol_9", "flat"), ts, ts[-1:].repeat(n), np.zeros(n, np.int64), price, values, MINUTE, 0.25)
    labels = ForwardReturn(("1m", "5m")).label(table)
    cut = (n // 2, 3 * n // 4)
    return tuple(View(table, labels, rows) for rows in np.split(np.arange(n), cut))  # type: ignore[return-value]


def _fitted(name: str) -> tuple[Scale, View]:
    train, valid, test = _views()
    if name == "trees":
        pytest.importorskip("lightgbm", reason="trees are trained with lightgbm")
    options = {"rounds": 20, "leaf_rows": 50} if name == "trees" else {}
    return build(name, train.table.names, options).fit(train, valid), test


@pytest.mark.parametrize("name", SCALES)
def test_every_scale_is_positive_and_survives_json(name: str) -> None:
    scale, test = _fitted(name)
    value = scale.evaluate(test)
    assert value.shape == (len(test), 2)
    assert (value > 0).all()
    assert np.isfinite(value).all()
    again = parse(json.loads(json.dumps(scale.parameters(), allow_nan=False)))
    assert np.array_equal(again.evaluate(test), value)


@pytest.mark.parametrize("name", ["ewma", "log_linear", "trees", "ticks"])
def test_an_unfitted_scale_refuses(name: str) -> None:
    with pytest.raises(ModelError, match="fitted"):
        build(name, ("har_vol_3",)).evaluate(_views()[2])


def test_ewma_chooses_the_column_that_knows() -> None:
    scale, _ = _fitted("ewma")
    assert scale.parameters()["columns"] == ["har_vol_3"]
    assert np.diff(scale.parameters()["intercept"])[0] == pytest.approx(0.5 * np.log(5))


def test_flattened_trees_have_lightgbms_bits_with_nan_too() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(1)
    x, settings = rng.normal(0, 1, (2000, 4)), {"num_threads": 1, "verbosity": -1, "deterministic": True}
    holes = np.where(rng.random(x.shape) < 0.1, np.nan, x)
    for seen in (x, holes):
        booster = lightgbm.train(settings, lightgbm.Dataset(seen, np.nan_to_num(seen[:, 0]) ** 2 + x[:, 1]), 30)
        forest = Forest.parse(json.loads(json.dumps(Forest.from_text(booster.model_to_string()).parameters())))
        for asked in (x, holes):
            assert np.array_equal(forest.evaluate(asked), booster.predict(asked))


def test_a_forest_that_walks_in_circles_is_refused() -> None:
    one = {"roots": [0], "feature": [0], "threshold": [0.0], "left": [0], "right": [-1], "default_left": [True], "value": [1.0]}
    with pytest.raises(BundleError, match="back"):
        Forest.parse(one)


def test_least_squares_agrees_with_numpy_and_drops_constants() -> None:
    rng = np.random.default_rng(2)
    matrix = np.column_stack([rng.normal(5, 2, 400), rng.normal(0, 1e-3, 400), np.full(400, 7.0)])
    target = matrix[:, 0] - 40 * matrix[:, 1] + rng.normal(0, 1, 400)
    weights, intercept = least_squares(matrix, target)
    oracle, *_ = np.linalg.lstsq(np.column_stack([matrix[:, :2], np.ones(400)]), target, rcond=None)
    assert [*weights, intercept] == pytest.approx([*oracle[:2], 0.0, oracle[2]], rel=1e-6)


def test_a_misspelt_option_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'rounds'|Did you mean 'rounds'"):
        build("trees", ("a",), {"round": 3})
