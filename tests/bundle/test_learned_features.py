"""What features learned travels in the bundle: the predictor runs it, and a changed number is found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import small_market
from tickcast.bundle import Bundle
from tickcast.errors import BundleError, FeatureError
from tickcast.features import FeatureSet
from tickcast.models.residual import ResidualQuantiles
from tickcast.serve import Predictor
from tickcast.targets.base import Labels
from tickcast.views.view import View

pytest.importorskip("hmmlearn")
LINES = {"r": "log(close / lag(close, 1))", "wild": 'fitted("hmm_2", r)', "run": 'log(fitted("bocpd_run", r, run=30, longest=40)) / 10'}


def unfitted() -> FeatureSet:
    return FeatureSet.from_dict({**small_market.WORDS, "features": LINES})


def test_a_predictor_runs_what_was_learned(tmp_path: Path) -> None:
    bars = small_market.bars()
    features = unfitted().fit(bars, int(bars["ts"][79]))
    made = small_market.bundle(tmp_path, features, ("wild", "run"))
    assert FeatureSet.from_graph(json.loads((made.folder / "features.json").read_text("utf-8"))).document == features.document

    table = features.compute(bars)
    known = np.flatnonzero(table.ready())
    horizons = len(small_market.HORIZONS)
    labels = Labels(
        small_market.HORIZONS, np.full((len(table), horizons), np.nan), table.ts, np.repeat(table.ts[:, None], horizons, axis=1)
    )
    offline = ResidualQuantiles.load(tmp_path / "model").predict(View(table, labels, known))
    predictor = Predictor(Bundle.open(made.folder))
    predictor.replay(bars[:90])
    again = Predictor(Bundle.open(made.folder))
    again.restore(predictor.save())
    again.replay(bars[90:])
    predictor.replay(bars[90:])
    forecast = predictor.predict()[1]
    assert (forecast.scale == again.predict()[1].scale).all()
    assert np.allclose(forecast.scale, offline.scale[-1:], rtol=1e-12)
    assert offline.scale.std(axis=0).min() > 0


def test_a_bundle_of_features_without_what_they_learn_is_refused(tmp_path: Path) -> None:
    with pytest.raises((BundleError, FeatureError), match="wild has no values yet"):
        small_market.bundle(tmp_path, unfitted(), ("wild", "run"))
