from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tickcast.errors import ConfigError  # noqa: E402
from tickcast.heads import QuantileOptions  # noqa: E402
from tickcast.models.price_transformer import PriceTransformerOptions  # noqa: E402
from tickcast.train.export import ServedNetwork, export_onnx, parity  # noqa: E402

X = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0))
WIRINGS = list(product(("last", "cls", "mean"), (False, True), ("learned", "rotary")))


def _encoder(pooling: str, causal: bool, positions: str, layers: int = 2):
    torch.manual_seed(1)
    options = PriceTransformerOptions(window=6, width=8, layers=layers, heads=2, causal=causal, pooling=pooling, positions=positions)
    return options.build(3).eval()


@torch.no_grad()
def _tokens(encoder, x):
    """All tokens behind the last layer of an encoder that pools by the mean."""
    caught = []
    hook = encoder.layers[-1].register_forward_hook(lambda layer, given, out: caught.append(out))
    encoder(x)
    hook.remove()
    return caught[0]


@pytest.mark.parametrize("positions", ["learned", "rotary"])
def test_a_later_row_reaches_an_earlier_token_only_where_the_encoder_is_not_causal(positions: str) -> None:
    moved = X.clone()
    moved[:, 4] += 1.0
    for causal in (True, False):
        encoder = _encoder("mean", causal, positions)
        changed = (_tokens(encoder, X) - _tokens(encoder, moved)).abs().amax(dim=(0, 2))
        assert bool((changed[:4] == 0).all()) == causal
        assert (changed[4:] > 0).all()


@pytest.mark.parametrize(("pooling", "causal", "positions"), WIRINGS)
@torch.no_grad()
def test_every_row_of_the_window_reaches_the_embedding_and_its_place_counts(pooling: str, causal: bool, positions: str) -> None:
    encoder = _encoder(pooling, causal, positions)
    out = encoder(X)
    assert out.shape == (4, 8)
    for row in range(6):
        moved = X.clone()
        moved[:, row] += 1.0
        assert ((encoder(moved) - out).abs().amax(dim=1) > 1e-6).all()
    assert (encoder(X[:, [1, 0, 2, 3, 4, 5]]) - out).abs().max() > 1e-6


@pytest.mark.parametrize(("pooling", "causal", "positions"), WIRINGS)
@torch.no_grad()
def test_a_window_does_not_see_the_others_of_its_batch(pooling: str, causal: bool, positions: str) -> None:
    encoder = _encoder(pooling, causal, positions)
    alone = torch.cat([encoder(X[i : i + 1]) for i in range(4)])
    assert (encoder(X) - alone).abs().max() <= 1e-6


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("positions", ["learned", "rotary"])
@torch.no_grad()
def test_the_pooled_token_alone_is_the_last_of_all_tokens(causal: bool, positions: str) -> None:
    layer, tokens = _encoder("last", causal, positions).layers[-1], torch.randn(4, 6, 8)
    assert (layer(tokens, True) - layer(tokens, False)[:, -1:]).abs().max() <= 1e-6


@pytest.mark.parametrize(("pooling", "causal", "positions"), WIRINGS)
def test_what_is_exported_is_what_was_trained(pooling: str, causal: bool, positions: str, tmp_path: Path) -> None:
    head = QuantileOptions(levels=(0.1, 0.5, 0.9), rank=0).build(8, 1)
    head.start(np.random.default_rng(0).standard_normal((200, 1)))
    torch.nn.init.normal_(head.tilt.weight)
    served = ServedNetwork(_encoder(pooling, causal, positions, layers=1), head)
    export_onnx(served, 3, tmp_path / "model.onnx")
    assert parity(served, 3, tmp_path / "model.onnx") <= 1e-5


def test_wirings_that_cannot_be_are_refused() -> None:
    for options in ({"width": 10, "heads": 4}, {"window": 0}, {"pooling": "first"}, {"positions": "none"}):
        with pytest.raises(ConfigError):
            PriceTransformerOptions(**options)
    with pytest.raises(ConfigError, match="even head width"):
        PriceTransformerOptions(width=6, heads=2, positions="rotary")
