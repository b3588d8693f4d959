"""What all losses share: missing labels never reach a gradient, weights fit, heads are of the right kind."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tickcast.errors import ConfigError  # noqa: E402
from tickcast.heads import BucketOptions, QuantileOptions, SigmaGrid  # noqa: E402
from tickcast.heads.base import Head  # noqa: E402
from tickcast.losses.base import average, buckets_of, quantiles_of  # noqa: E402

NAN = float("nan")


def test_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="3 weights do not fit 2 horizons"):
        average(torch.ones(4, 2), torch.zeros(4, 2), (1.0, 1.0, 1.0))


def test_a_missing_label_counts_nowhere_and_has_no_gradient() -> None:
    each = torch.tensor([[1.0, 4.0], [3.0, 100.0], [5.0, 8.0]], requires_grad=True)
    z = torch.tensor([[0.0, 0.0], [0.0, NAN], [0.0, 0.0]])
    found = average(each * torch.where(torch.isfinite(z), 1.0, NAN), z, None)
    assert found.item() == pytest.approx((3.0 + 6.0) / 2)
    assert average(each, torch.full((3, 2), NAN), None).item() == 0.0
    average(each, z, (3.0, 1.0)).backward()
    assert each.grad is not None
    assert each.grad[1, 1] == 0 and each.grad[0, 0] == pytest.approx(0.75 / 3) and each.grad[0, 1] == pytest.approx(0.25 / 2)


def test_a_loss_meets_the_head_it_is_for() -> None:
    buckets, quantiles = BucketOptions(SigmaGrid(21)).build(4, 1), QuantileOptions().build(4, 1)
    assert isinstance(buckets, Head) and buckets_of(buckets) is buckets and quantiles_of(quantiles) is quantiles
    with pytest.raises(ConfigError, match="needs a bucket head, not quantiles"):
        buckets_of(quantiles)
    with pytest.raises(ConfigError, match="needs a quantile head, not buckets"):
        quantiles_of(buckets)
