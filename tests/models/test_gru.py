from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tickcast.errors import ConfigError, ModelError  # noqa: E402
from tickcast.heads import BucketOptions, SigmaGrid  # noqa: E402
from tickcast.models.gru import GruOptions  # noqa: E402
from tickcast.train.export import ServedNetwork, export_onnx, parity  # noqa: E402

X = torch.randn(3, 20, 5, generator=torch.Generator().manual_seed(0))


def _gru(layers: int):
    torch.manual_seed(layers)
    return GruOptions(width=8, layers=layers).build(5).eval()


@pytest.mark.parametrize("layers", [1, 3])
@torch.no_grad()
def test_steps_one_by_one_are_the_whole_sequence(layers: int) -> None:
    gru = _gru(layers)
    whole, last = gru(X, gru.initial(3))
    state = gru.initial(3)
    for t in range(20):
        out, state = gru.step(X[:, t], state)
        assert (out - whole[:, t]).abs().max() <= 1e-5
    assert max((a - b).abs().max() for a, b in zip(state, last, strict=True)) <= 1e-5


@torch.no_grad()
def test_a_sequence_may_be_cut_anywhere() -> None:
    gru = _gru(2)
    whole, _ = gru(X, gru.initial(3))
    first, state = gru(X[:, :7], gru.initial(3))
    second, _ = gru(X[:, 7:], state)
    assert (torch.cat([first, second], dim=1) - whole).abs().max() <= 1e-6


@torch.no_grad()
def test_the_future_does_not_reach_the_past_but_the_past_reaches_the_future() -> None:
    gru, other = _gru(2), X.clone()
    other[:, 11] += 1.0
    before, after = gru(X, gru.initial(3))[0], gru(other, gru.initial(3))[0]
    assert torch.equal(before[:, :11], after[:, :11])
    assert ((before - after)[:, 11:].abs().amax(dim=(0, 2)) > 0).all()


@torch.no_grad()
def test_streams_of_one_batch_do_not_see_each_other() -> None:
    gru = _gru(1)
    together, _ = gru(X, gru.initial(3))
    alone, _ = gru(X[1:2], gru.initial(1))
    assert (together[1] - alone[0]).abs().max() <= 1e-6


@pytest.mark.parametrize("layers", [1, 2])
def test_what_is_exported_is_what_was_trained(layers: int, tmp_path: Path, caplog, recwarn) -> None:
    head = BucketOptions(SigmaGrid(11), rank=4).build(8, 2)
    head.start(np.random.default_rng(0).standard_normal((200, 2)))
    torch.nn.init.normal_(head.tilt.weight)
    served = ServedNetwork(_gru(layers), head)
    export_onnx(served, 5, tmp_path / "model.onnx")
    assert parity(served, 5, tmp_path / "model.onnx") <= 1e-5
    assert not [record for record in caplog.records if "torchvision" in record.getMessage()]
    assert not [warning for warning in recwarn if "axis name" in str(warning.message)]
    with torch.no_grad():
        served.head.tilt.weight.mul_(2.0)
    with pytest.raises(ModelError, match="differ"):
        parity(served, 5, tmp_path / "model.onnx")


def test_a_gru_of_no_size_is_refused() -> None:
    for options in ({"width": 0}, {"layers": 0}, {"dropout": 1.0}):
        with pytest.raises(ConfigError, match="cannot be built"):
            GruOptions(**options)
