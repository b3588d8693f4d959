"""Every backbone with every kind of head keeps the laws of a forecaster; one short epoch each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from checks import market_rows

pytest.importorskip("torch", reason="networks need tickcast[train]")

from tickcast.checks import LAWS
from tickcast.checks import forecaster as laws
from tickcast.heads.buckets import BucketOptions
from tickcast.heads.quantiles import QuantileOptions
from tickcast.losses.cross_entropy import SoftCrossEntropy
from tickcast.losses.pinball import Pinball
from tickcast.models.gru import GruOptions
from tickcast.models.price_transformer import PriceTransformerOptions
from tickcast.scales import build
from tickcast.train import NETWORKS, Network, TrainingOptions
from tickcast.views import View

TABLE = market_rows.table(1500, session=500)
TRAIN, VALID, TEST = market_rows.views(TABLE)
BACKBONES: Mapping[str, GruOptions | PriceTransformerOptions] = {
    "gru": GruOptions(width=8),
    "price_transformer": PriceTransformerOptions(window=16, width=8, heads=2, layers=1),
}


def make(backbone: str, output: str) -> Network:
    head, loss = (BucketOptions(), SoftCrossEntropy()) if output == "buckets" else (QuantileOptions(), Pinball())
    training = TrainingOptions(epochs=1, batch=8, chunk=16)
    return Network(BACKBONES[backbone], head, loss, build("log_linear", ("log_size",)), ("log_size", "last", "time"), training)


def askable(fitted: Network) -> View:
    return TEST.take(np.flatnonzero(fitted.eligible(TABLE, TEST.rows)))


@pytest.mark.parametrize("output", ["buckets", "quantiles"])
@pytest.mark.parametrize("backbone", sorted(BACKBONES))
def test_network(backbone: str, output: str, tmp_path: Path) -> None:
    fitted = make(backbone, output).fit(TRAIN, VALID)
    view = askable(fitted)
    assert laws.forecasts_are_distributions(fitted, view) is None
    assert laws.looks_back_only(fitted, view, np.random.default_rng(3)) is None
    assert laws.survives_its_folder(fitted, view, tmp_path / "model") is None
    assert laws.same_seed_same_bytes(lambda: make(backbone, output), TRAIN, VALID, tmp_path / "twice") is None
    assert len(LAWS["forecaster"]) == 4, "a new law is called here too"


def test_no_network_is_skipped() -> None:
    assert {f"{backbone}_{output}" for backbone in BACKBONES for output in ("buckets", "quantiles")} == set(NETWORKS)
