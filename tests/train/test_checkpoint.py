"""Checkpoints and feeds: what is damaged or foreign is refused, what is read back goes on to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tickcast.errors import ModelError  # noqa: E402
from tickcast.heads import BucketOptions, SigmaGrid  # noqa: E402
from tickcast.models.backbone import StreamBackbone, WindowBackbone  # noqa: E402
from tickcast.models.gru import GruOptions  # noqa: E402
from tickcast.models.price_transformer import PriceTransformerOptions  # noqa: E402
from tickcast.train.checkpoint import Position, read_checkpoint, write_checkpoint, write_weights  # noqa: E402
from tickcast.train.export import ServedNetwork, export_onnx, parity  # noqa: E402
from tickcast.train.feed import StreamFeed, WindowFeed  # noqa: E402
from tickcast.train.options import TrainingOptions  # noqa: E402


def stepped(seed: int) -> tuple[torch.nn.Linear, torch.optim.Optimizer]:
    """A layer after one step of Adam, so that the optimiser has moments."""
    torch.manual_seed(seed)
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    layer(torch.ones(4, 3)).square().sum().backward()
    optimizer.step()
    return layer, optimizer


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    layer, optimizer = stepped(1)
    place = Position("mine", epoch=2, update=5, best=0.25, scores=[0.5, 0.25])
    write_checkpoint(tmp_path / "c.safetensors", layer, layer.state_dict(), optimizer, {"0": torch.arange(3.0)}, place)
    return tmp_path / "c.safetensors"


def test_a_damaged_or_foreign_checkpoint_is_refused(saved: Path) -> None:
    layer, optimizer = stepped(2)
    with pytest.raises(ModelError, match="other options or data"):
        read_checkpoint(saved, layer, optimizer, "another")
    raw = saved.read_bytes()
    for damaged in (b"", raw[:20], raw[: len(raw) // 2], b"\xff" * 8 + raw[8:]):
        saved.write_bytes(damaged)
        with pytest.raises(ModelError, match="cannot be read"):
            read_checkpoint(saved, layer, optimizer, "mine")


def test_what_is_read_goes_on_to_the_bit(saved: Path) -> None:
    (one, adam), (other, again) = stepped(1), stepped(2)
    position, best, carried = read_checkpoint(saved, other, again, "mine")
    assert position == Position("mine", epoch=2, update=5, best=0.25, scores=[0.5, 0.25])
    assert carried["0"].tolist() == [0, 1, 2] and set(best) == {"weight", "bias"}
    for layer, optimizer in ((one, adam), (other, again)):
        optimizer.zero_grad()
        layer(torch.full((4, 3), 0.5)).square().sum().backward()
        optimizer.step()
    assert torch.equal(one.weight, other.weight) and torch.equal(one.bias, other.bias)


def test_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    layer, _ = stepped(1)
    names = list(layer.state_dict())
    for name, order in (("a", names), ("b", names[::-1])):
        write_weights(tmp_path / f"{name}.safetensors", {each: layer.state_dict()[each] for each in order})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_every_window_is_read_once_per_epoch_in_an_order_of_the_seed() -> None:
    backbone = PriceTransformerOptions(window=4, width=8, heads=2, layers=1).build(2)
    assert isinstance(backbone, WindowBackbone)
    values, rows = np.zeros((60, 2), np.float32), np.arange(10, 57)
    orders = []
    for epoch in (0, 1, 0):
        feed = WindowFeed(backbone, values, rows, TrainingOptions(batch=10, seed=3))
        feed.begin(epoch)
        orders.append(np.concatenate([feed.embed(update)[1] for update in range(feed.updates)]))
        assert np.array_equal(np.sort(orders[-1]), rows)
    assert np.array_equal(orders[0], orders[2]) and not np.array_equal(orders[0], orders[1])


def test_a_stream_cut_into_parts_reads_the_same_and_forgets_at_a_new_segment() -> None:
    torch.manual_seed(0)
    backbone = GruOptions(8).build(2)
    assert isinstance(backbone.eval(), StreamBackbone)
    values = np.random.default_rng(0).standard_normal((90, 2)).astype(np.float32)
    segment, scored = (np.arange(90) >= 60).astype(np.int64), np.ones(90, bool)
    feed = StreamFeed(backbone, values, segment, np.arange(90), scored, TrainingOptions(batch=1, chunk=16), warm=0, streams=1)
    feed.begin(0)
    with torch.no_grad():
        parts = [feed.embed(update) for update in range(feed.updates)]
        whole = [backbone(torch.from_numpy(values[None, part]), backbone.initial(1))[0][0] for part in (slice(0, 60), slice(60, 90))]
    assert np.concatenate([rows for _, rows in parts]).tolist() == list(range(90))
    assert torch.allclose(torch.cat([embedding for embedding, _ in parts]), torch.cat(whole), atol=1e-6)


def test_export_is_proved_and_a_difference_is_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone, head = GruOptions(8).build(2), BucketOptions(SigmaGrid(21)).build(8, 2)
    head.start(np.random.default_rng(0).standard_normal((500, 2)))
    served = ServedNetwork(backbone, head)
    export_onnx(served, 2, tmp_path / "m.onnx")
    assert parity(served, 2, tmp_path / "m.onnx") < 1e-5
    with torch.no_grad():
        head.bias += torch.linspace(0, 1, head.bias.shape[1])
    with pytest.raises(ModelError):
        parity(served, 2, tmp_path / "m.onnx")
