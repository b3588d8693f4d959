"""Trust: noise is taken back to the training law, what validation confirms is kept."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tickcast.heads import QuantileOptions  # noqa: E402
from tickcast.train.trust import shrink  # noqa: E402

ROWS = 2000


def task(sign: float) -> tuple[SimpleNamespace, torch.Tensor]:
    """A head that moves its quantiles with x, where the outcome moves with x (first horizon) or not at all (second)."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, 1)).astype(np.float32)
    z = rng.standard_normal((ROWS, 2)).astype(np.float32)
    z[:, 0] += sign * x[:, 0]
    head = QuantileOptions().build(1, 2)
    head.start(z.astype(np.float64))
    start = head.bias.detach().clone()
    with torch.no_grad():
        head.tilt.weight.normal_(0, 0.3)
    feed = SimpleNamespace(updates=1, begin=lambda epoch: None, embed=lambda update: (torch.from_numpy(x), np.arange(ROWS)))
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
    assert shares[1] == 0.0 and all(round(10 * share, 9) == int(round(10 * share)) for share in shares)
