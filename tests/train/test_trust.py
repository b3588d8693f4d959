"""Trust: noise is taken back to the training law, what validation confirms is kept."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tickcast.heads import BucketOptions, QuantileOptions, SigmaGrid  # noqa: E402
from tickcast.train.loop import crps  # noqa: E402
from tickcast.train.trust import shrink  # noqa: E402

HEADS = [BucketOptions(SigmaGrid(11), rank=4), BucketOptions(SigmaGrid(11), rank=0), QuantileOptions(levels=(0.1, 0.5, 0.9), rank=2)]
ROWS = np.arange(300)


class _Fixed:
    """The same embeddings in one update."""

    updates = 1

    def __init__(self, embedding) -> None:
        self.embedding = embedding

    def begin(self, epoch: int) -> None:
        return None

    def embed(self, update: int):
        return self.embedding, ROWS


def _task(options, seed: int, size: float):
    """A head moved at random from the law of noise that no embedding tells of."""
    torch.manual_seed(seed)
    z = np.random.default_rng(seed).standard_normal((300, 2)).astype(np.float32)
    z[::7, 1] = np.nan
    head = options.build(4, 2)
    head.start(z.astype(np.float64))
    start = head.bias.detach().clone()
    with torch.no_grad():
        head.tilt.weight.normal_(0, size)
        head.bias.add_(0.1 * torch.randn_like(head.bias))
    task = SimpleNamespace(network=head, head=head, judged=_Fixed(torch.randn(300, 4)), z=z, scale=np.ones_like(z))
    return task, start


def _scores(task, raw) -> np.ndarray:
    each = crps(task.head, raw, torch.from_numpy(task.z)).numpy()
    return np.where(np.isfinite(task.z), each, 0.0).sum(axis=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", HEADS)
@torch.no_grad()
def test_no_horizon_ends_worse_than_its_start_and_the_share_is_in_the_weights(options, seed: int) -> None:
    task, start = _task(options, seed, 0.02)
    learned = task.head(task.judged.embedding)
    shares = shrink(task, start)
    raw = task.head(task.judged.embedding)
    wanted = start + torch.tensor(shares)[:, None] * (learned - start)
    assert (raw - wanted).abs().max() <= 1e-4
    for other in (start.expand_as(learned), learned):
        assert (_scores(task, raw) <= _scores(task, other) * (1 + 1e-5)).all()


@pytest.mark.parametrize("options", HEADS)
@torch.no_grad()
def test_pure_noise_leaves_the_training_law_exactly(options) -> None:
    task, start = _task(options, 0, 30.0)
    assert shrink(task, start) == (0.0, 0.0)
    assert torch.equal(task.head(torch.randn(5, 4)), start.expand(5, -1, -1))


MANY = 2000


def task(sign: float) -> tuple[SimpleNamespace, torch.Tensor]:
    """A head that moves its quantiles with x, where the outcome moves with x (first horizon) or not at all (second)."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((MANY, 1)).astype(np.float32)
    z = rng.standard_normal((MANY, 2)).astype(np.float32)
    z[:, 0] += sign * x[:, 0]
    head = QuantileOptions().build(1, 2)
    head.start(z.astype(np.float64))
    start = head.bias.detach().clone()
    with torch.no_grad():
        head.tilt.weight.normal_(0, 0.3)
    feed = SimpleNamespace(updates=1, begin=lambda epoch: None, embed=lambda update: (torch.from_numpy(x), np.arange(MANY)))
    made = SimpleNamespace(network=head, head=head, judged=feed, z=z, scale=np.ones_like(z))
    return made, start


def test_a_head_that_learned_noise_gives_its_training_law_again() -> None:
    made, start = task(0.0)
    assert shrink(made, start) == (0.0, 0.0)
    raw = made.head(torch.ones(3, 1))
    assert torch.allclose(raw, start.expand_as(raw))


def test_shares_are_tenths_and_never_make_validation_worse() -> None:
    made, start = task(1.0)
    shares = shrink(made, start)
    assert shares[1] == 0.0
    assert all(round(10 * share, 9) == int(round(10 * share)) for share in shares)
