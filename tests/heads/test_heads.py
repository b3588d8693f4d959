from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tickcast.errors import ConfigError, ModelError  # noqa: E402
from tickcast.heads import BucketOptions, LatticeGrid, QuantileOptions, SigmaGrid  # noqa: E402

Z = np.random.default_rng(0).standard_t(4, (4000, 2)) * [1.0, 30.0]


@pytest.mark.parametrize("rank", [0, 12])
def test_an_untrained_bucket_head_forecasts_the_training_law(rank: int) -> None:
    head = BucketOptions(rank=rank).build(8, 2)
    head.start(Z)
    law = head.distribution(head.domain(head(torch.randn(3, 8))).detach().numpy().astype(float))
    for j in range(2):
        at = np.quantile(Z[:, j], [0.1, 0.5, 0.9])
        assert np.allclose(law.cdf(np.tile(at, (3, 2, 1)))[0, j], [0.1, 0.5, 0.9], atol=0.01)


@pytest.mark.parametrize("rank", [0, 8])
def test_an_untrained_quantile_head_forecasts_the_training_quantiles(rank: int) -> None:
    options = QuantileOptions(rank=rank)
    head = options.build(8, 2)
    head.start(Z)
    values = head.domain(head(torch.randn(3, 8))).detach().numpy()
    assert np.allclose(values, np.quantile(Z, options.levels, axis=0).T, rtol=1e-3, atol=1e-3 * Z.std(axis=0)[:, None])


def test_quantiles_never_cross_whatever_the_raw_numbers() -> None:
    head = QuantileOptions().build(8, 2)
    head.start(Z)
    assert (np.diff(head.domain(50 * torch.randn(100, 2, 39)).detach().numpy(), axis=-1) >= 0).all()


def test_buckets_hold_their_outcomes() -> None:
    head = BucketOptions(SigmaGrid(buckets=11)).build(8, 2)
    head.start(Z)
    edges, inside = head.edges.numpy(), np.abs(Z) < head.edges.numpy()[:, -1]
    bucket = head.bucket(torch.from_numpy(Z)).numpy()
    for j in range(2):
        k, z = bucket[inside[:, j], j], Z[inside[:, j], j]
        assert (edges[j, k] <= z).all()
        assert (z < edges[j, k + 1]).all()


def test_a_lattice_has_its_edges_at_half_ticks() -> None:
    assert LatticeGrid(2).edges(Z).tolist() == [[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]] * 2


def test_impossible_heads_are_refused() -> None:
    with pytest.raises(ModelError, match="fewer than two"):
        SigmaGrid().edges(np.full((5, 1), np.nan))
    with pytest.raises(ConfigError, match="levels"):
        QuantileOptions(levels=(0.5, 0.4, 0.6))
