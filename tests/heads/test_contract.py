"""What every head keeps: an untrained one says the same whatever the embedding, and its law has the promised shape."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tickcast.heads import BucketOptions, QuantileOptions, SigmaGrid  # noqa: E402
from tickcast.heads.base import Head  # noqa: E402


@pytest.mark.parametrize("options", [BucketOptions(SigmaGrid(21)), QuantileOptions()], ids=["buckets", "quantiles"])
def test_an_untrained_head(options: BucketOptions | QuantileOptions) -> None:
    head = options.build(5, 3)
    assert isinstance(head, Head) and head.output == options.output
    head.start(np.random.default_rng(0).standard_normal((800, 3)))
    raw = head(torch.randn(7, 5))
    assert raw.shape == (7, 3, head.size)
    law = head.domain(raw).detach().numpy().astype(np.float64)
    assert law.shape == raw.shape and np.array_equal(law, np.broadcast_to(law[0], law.shape))
    made = head.distribution(law)
    assert made.quantile(np.array([0.1, 0.5, 0.9])).shape == (7, 3, 3)
    assert head.law()["kind"] == head.output
