from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")

from tickcast.errors import ModelError  # noqa: E402
from tickcast.features.table import FeatureTable  # noqa: E402
from tickcast.heads import QuantileOptions  # noqa: E402
from tickcast.losses import Pinball  # noqa: E402
from tickcast.models.gru import GruOptions  # noqa: E402
from tickcast.models.onnx_network import OnnxNetwork, read_rows  # noqa: E402
from tickcast.scales import Unit  # noqa: E402
from tickcast.targets.base import Labels  # noqa: E402
from tickcast.train import Network, TrainingOptions  # noqa: E402
from tickcast.views.view import View  # noqa: E402

ROWS = 400
SEGMENT = np.repeat([0, 1, 2, 1], ROWS // 4)


def _view(rows) -> View:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((ROWS, 2)), rng.standard_normal((ROWS, 1)) * 1e-3
    x[[130, 250, 300], 0] = np.nan
    ts = np.arange(ROWS) * 10**9
    table = FeatureTable(("a", "b"), ts, np.zeros(ROWS, np.int64), SEGMENT, np.full(ROWS, 100.0), x, 10**9)
    return View(table, Labels(("1s",), y, ts, ts[:, None]), np.asarray(rows))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("network")
    training = TrainingOptions(epochs=1, batch=4, chunk=16)
    network = Network(GruOptions(8, layers=2), QuantileOptions(levels=(0.1, 0.5, 0.9), rank=0), Pinball(), Unit(), ("a", "b"), training)
    ready = np.setdiff1d(np.arange(ROWS), [130, 250, 300])
    fitted = network.fit(_view(ready[ready < 200]), _view(ready[ready >= 200]))
    torch.nn.init.normal_(fitted._network.head.tilt.weight)
    fitted.save(made)
    return made


def _one_by_one(folder: Path, view: View) -> np.ndarray:
    """The law of every ready row of the table, by the plainest loop over the served graph."""
    model = json.loads((folder / "model.json").read_text())
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    mean, std = (np.array(model["standardize"][name]) for name in ("mean", "std"))
    laws = np.full((ROWS, 1, 3), np.nan)
    state, segment = {}, None
    for row in np.flatnonzero(view.table.ready()):
        if view.table.segment[row] != segment:
            state, segment = {name: np.zeros((1, *shape), np.float32) for name, shape in model["network"]["state"]}, view.table.segment[row]
        x = np.clip((view.table.values[row : row + 1] - mean) / std, -8, 8).astype(np.float32)
        law, *after = session.run(None, {"x": x, **state})
        state = dict(zip(state, after, strict=True))
        laws[row] = law
    return laws


@pytest.mark.parametrize("rows", [range(1), range(90, 110), [99], [100], [150, 299, 301, 399], range(310, 320)])
def test_a_stream_is_the_served_graph_row_by_row_whatever_is_asked(folder: Path, rows) -> None:
    view = _view(list(rows))
    got = OnnxNetwork.load(folder).predict(view).law.values
    assert np.array_equal(got, np.maximum.accumulate(_one_by_one(folder, view)[view.rows], axis=-1))


def test_two_laws_of_different_rows_differ(folder: Path) -> None:
    law = OnnxNetwork.load(folder).predict(_view([10, 11, 12])).law.values
    assert len(np.unique(law[:, 0, 1])) == 3


def test_a_stream_reads_from_the_start_of_the_segment_of_its_first_row() -> None:
    assert read_rows(_view([250 + 1]), ("a", "b"))[0] == 200
    assert read_rows(_view([301]), ("a", "b"))[0] == 301
    assert read_rows(_view([99, 350]), ("a", "b"))[0] == 0


def test_nothing_asked_is_nothing_forecast(folder: Path) -> None:
    assert OnnxNetwork.load(folder).predict(_view(np.zeros(0, np.int64))).law.values.shape == (0, 1, 3)


def test_an_unready_row_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="row 131"):
        OnnxNetwork.load(folder).predict(_view([129, 130]))


def test_a_copy_forecasts_the_same(folder: Path, tmp_path: Path) -> None:
    network, view = OnnxNetwork.load(folder), _view([5, 6])
    network.save(tmp_path / "copy")
    assert np.array_equal(OnnxNetwork.load(tmp_path / "copy").predict(view).law.values, network.predict(view).law.values)
    with pytest.raises(ModelError, match="cannot be fitted"):
        network.fit(view, view)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"network": null}', '{"network": {"file": "absent.onnx"}}'])
def test_a_folder_without_a_network_is_told_in_one_line(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match="no network can be read") as caught:
        OnnxNetwork.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_graph_is_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes((folder / "model.json").read_bytes())
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:100])
    with pytest.raises(ModelError, match="no network can be read"):
        OnnxNetwork.load(tmp_path)
