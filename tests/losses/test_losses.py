from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tickcast.errors import ConfigError  # noqa: E402
from tickcast.heads import BucketOptions, LatticeGrid, QuantileOptions, SigmaGrid  # noqa: E402
from tickcast.losses import BucketCrps, CrossEntropy, EarthMover, Pinball, SoftCrossEntropy, bucket_crps  # noqa: E402

BUCKET = [BucketCrps(), CrossEntropy(), EarthMover(1), EarthMover(2), EarthMover(2, even=True), SoftCrossEntropy(0.8)]
Z = np.random.default_rng(0).standard_normal((500, 2))


def _head(kind: str):
    head = (BucketOptions(SigmaGrid(21)) if kind == "buckets" else QuantileOptions()).build(4, 2)
    head.start(Z)
    return head


@pytest.mark.parametrize("loss", [*BUCKET, Pinball()])
def test_a_missing_label_changes_nothing_and_has_no_gradient(loss) -> None:
    head, z = _head(loss.output), torch.from_numpy(Z[:6]).float()
    raw = torch.randn(6, 2, head.size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    z[2, 1] = float("nan")
    loss(head, raw, z).backward()
    assert torch.isfinite(raw.grad).all()
    assert not raw.grad[2, 1].any()
    assert raw.grad[2, 0].any()


@pytest.mark.parametrize("loss", [BucketCrps(), CrossEntropy(), EarthMover(2)])
def test_a_proper_loss_is_least_at_the_empirical_law(loss) -> None:
    head, z = _head("buckets"), torch.from_numpy(Z).float()
    best = head.bias.detach().expand(500, 2, 21)
    least = loss(head, best, z)
    for seed in range(5):
        worse = best + 0.5 * torch.randn(2, 21, generator=torch.Generator().manual_seed(seed))
        assert loss(head, worse, z) > least


@pytest.mark.parametrize("lattice", [False, True])
def test_crps_equals_the_integral(lattice: bool) -> None:
    edges = torch.from_numpy(LatticeGrid(3).edges(Z[:, :1])) if lattice else torch.tensor([[-3.0, -1.0, -0.2, 0.5, 1.5, 4.0]]).double()
    mass = torch.softmax(torch.arange(edges.shape[1] - 1.0).double() % 3, 0)[None, None]
    grid, step = np.linspace(-5, 5, 400_001, retstep=True)
    centres = ((edges[0, 1:] + edges[0, :-1]) / 2).numpy()
    below = np.concatenate([[0.0], np.cumsum(mass[0, 0].numpy())])
    cdf = below[np.searchsorted(centres, grid, side="right")] if lattice else np.interp(grid, edges[0].numpy(), below)
    for z in (-4.0, -1.7, 0.0, 0.3, 2.9, 4.5):
        wanted = ((cdf - (grid >= z)) ** 2).sum() * step
        assert float(bucket_crps(edges, mass, torch.tensor([[z]]).double(), lattice=lattice)[0, 0]) == pytest.approx(wanted, abs=1e-4)


def test_weights_choose_the_horizon() -> None:
    head, raw = _head("buckets"), torch.randn(4, 2, 21, generator=torch.Generator().manual_seed(0))
    z = torch.from_numpy(Z[:4]).float()
    moved = z.clone()
    moved[:, 1] = 2.0
    assert CrossEntropy((1.0, 0.0))(head, raw, z) == CrossEntropy((1.0, 0.0))(head, raw, moved)
    with pytest.raises(ConfigError, match="weights"):
        CrossEntropy((1.0,))(head, raw, z)


def test_a_loss_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="quantile head"):
        Pinball()(_head("buckets"), torch.zeros(1, 2, 21), torch.zeros(1, 2))
