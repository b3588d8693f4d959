from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tickcast.errors import ConfigError, ModelError  # noqa: E402
from tickcast.features.table import FeatureTable  # noqa: E402
from tickcast.heads import BucketOptions, QuantileOptions, SigmaGrid  # noqa: E402
from tickcast.losses import Pinball, SoftCrossEntropy  # noqa: E402
from tickcast.models.gru import GruOptions  # noqa: E402
from tickcast.models.onnx_network import OnnxNetwork  # noqa: E402
from tickcast.models.price_transformer import PriceTransformerOptions  # noqa: E402
from tickcast.scales import Unit  # noqa: E402
from tickcast.targets.base import Labels  # noqa: E402
from tickcast.train import Network, Progress, TrainingOptions  # noqa: E402
from tickcast.views.view import View  # noqa: E402

BACKBONES = [GruOptions(8), PriceTransformerOptions(window=6, width=8, heads=2, layers=1, pooling="cls", causal=True, positions="rotary")]


def _table(rows: int = 900) -> tuple[FeatureTable, Labels]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, 2))
    x[:20], x[400, 1] = np.nan, np.nan
    y = np.exp(np.nan_to_num(x[:, :1])) * rng.standard_normal((rows, 2)) * 1e-3
    y[::17, 0] = np.nan
    ts = np.arange(rows) * 10**9
    table = FeatureTable(("a", "b"), ts, np.zeros(rows, np.int64), (np.arange(rows) > 300).astype(np.int64), np.full(rows, 100.0), x, 10**9)
    return table, Labels(("1s", "2s"), y, ts, ts[:, None].repeat(2, 1))


TABLE, LABELS = _table()
TRAIN, VALID, TEST = (View(TABLE, LABELS, np.arange(*part)) for part in ((0, 600), (600, 750), (750, 900)))


def _network(backbone=BACKBONES[0], folder=None, progress=None, quantiles: bool = False, **training) -> Network:
    head, loss = (QuantileOptions(), Pinball()) if quantiles else (BucketOptions(SigmaGrid(21)), SoftCrossEntropy())
    options = TrainingOptions(**{"epochs": 2, "batch": 8, "chunk": 16, "checkpoint_every": 1, **training})
    return Network(backbone, head, loss, Unit(), ("a", "b"), options, folder, progress)


def _law(forecast) -> np.ndarray:
    return forecast.law.probabilities if forecast.kind == "buckets" else forecast.law.values


@pytest.mark.parametrize("quantiles", [False, True])
@pytest.mark.parametrize("backbone", BACKBONES, ids=["stream", "window"])
def test_saved_loaded_and_streamed_forecasts_agree(backbone, quantiles: bool, tmp_path: Path) -> None:
    network = _network(backbone, quantiles=quantiles).fit(TRAIN, VALID)
    wanted = _law(network.predict(TEST))
    network.save(tmp_path)
    assert np.abs(_law(OnnxNetwork.load(tmp_path).predict(TEST)) - wanted).max() <= 1e-5
    assert np.array_equal(_law(Network.load(tmp_path).predict(TEST)), wanted)
    assert str(Path.cwd()).encode() not in (tmp_path / "model.onnx").read_bytes()


def test_a_stopped_training_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.update == at:
            raise Stop

    _network().fit(TRAIN, VALID).save(tmp_path / "whole")
    for at in (3, 6):
        folder = tmp_path / f"run{at}"
        with pytest.raises(Stop):
            _network(folder=folder, progress=stop).fit(TRAIN, VALID)
        _network(folder=folder).fit(TRAIN, VALID).save(folder)
        for name in ("weights.safetensors", "model.onnx", "model.json"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    with pytest.raises(ModelError, match="other options"):
        _network(folder=folder, seed=1).fit(TRAIN, VALID)


@pytest.mark.parametrize("backbone", BACKBONES, ids=["stream", "window"])
def test_the_future_does_not_change_a_forecast(backbone) -> None:
    network = _network(backbone, epochs=1).fit(TRAIN, VALID)
    values = TABLE.values.copy()
    values[800:] *= -10
    other = FeatureTable(TABLE.names, TABLE.ts, TABLE.session, TABLE.segment, TABLE.price, values, TABLE.step)
    before = np.arange(750, 800)
    same = _law(network.predict(View(other, LABELS, before)))
    assert np.array_equal(same, _law(network.predict(View(TABLE, LABELS, before))))


def test_a_row_that_is_not_ready_is_named() -> None:
    network = _network(epochs=1).fit(TRAIN, VALID)
    with pytest.raises(ModelError, match="row 401"):
        network.predict(View(TABLE, LABELS, np.array([399, 400, 401])))


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="loss for quantiles"):
        Network(GruOptions(), BucketOptions(), Pinball(), Unit(), ("a",))
    with pytest.raises(ModelError, match="not fitted"):
        _network().predict(TEST)


def test_a_model_that_fails_parity_leaves_the_old_one_untouched(tmp_path: Path, monkeypatch) -> None:
    def differ(*given) -> None:
        raise ModelError("torch and ONNX Runtime differ by 1")

    network = _network(epochs=1).fit(TRAIN, VALID)
    network.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ["model.json", "model.onnx", "network.json", "weights.safetensors"]
    monkeypatch.setattr("tickcast.train.network.parity", differ)
    with pytest.raises(ModelError, match="differ"):
        _network(epochs=1, seed=3).fit(TRAIN, VALID).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_sample_of_the_validation_rows_is_even_and_no_larger_than_asked() -> None:
    assert _network(valid_rows=10)._sample(VALID, 4).rows.tolist() == sorted({*_network(valid_rows=10)._sample(VALID, 4).rows.tolist()})
    assert len(_network(valid_rows=10)._sample(VALID, 4)) == 40
    assert _network(valid_rows=None)._sample(VALID, 1) is VALID
    with pytest.raises(ConfigError, match="none"):
        _network(valid_rows=0)
