"""Pre-norm transformer encoder over a window of features.

Vaswani et al. (2017), arXiv:1706.03762; pre-norm: Xiong et al. (2020), arXiv:2002.04745; rotary positions: Su et al. (2021),
arXiv:2104.09864.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from tickcast.errors import ConfigError
from tickcast.models.backbone import WindowBackbone

__all__ = ["PriceTransformer", "PriceTransformerOptions"]


@dataclass(frozen=True)
class PriceTransformerOptions:
    """Size and wiring of a `PriceTransformer`.

    Parameters
    ----------
    window: rows read.
    width, layers, heads: of the encoder; `heads` divides `width`.
    feedforward: hidden width of each layer's perceptron, in units of `width`.
    causal: each row attends to itself and earlier rows only.
    pooling: "last" reads the newest row's token, "cls" a learned token behind it, "mean" all tokens.
    positions: "learned" adds a vector per row of the window, "rotary" turns queries and keys by their distance.
    dropout: share dropped while training, in each branch and in the embedding.
    """

    window: int = 48
    width: int = 64
    layers: int = 2
    heads: int = 4
    feedforward: int = 2
    causal: bool = False
    pooling: str = "last"
    positions: str = "learned"
    dropout: float = 0.1
    name: ClassVar[str] = "price_transformer"
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    family: ClassVar[str] = "attention"
    view: ClassVar[str] = "window"

    def __post_init__(self) -> None:
        if min(self.window, self.width, self.layers, self.heads, self.feedforward) < 1 or self.width % self.heads:
            raise ConfigError(f"width {self.width} does not divide into {self.heads} heads, or a size is below one")
        if self.pooling not in ("last", "cls", "mean") or self.positions not in ("learned", "rotary"):
            raise ConfigError(
                f"unknown pooling {self.pooling!r} or positions {self.positions!r}", hint="use last, cls or mean; learned or rotary"
            )
        if self.positions == "rotary" and (self.width // self.heads) % 2:
            raise ConfigError(f"rotary positions need an even head width, not {self.width // self.heads}")

    def build(self, inputs: int) -> PriceTransformer:
        """A freshly initialised encoder over `inputs` features."""
        return PriceTransformer(inputs, self)


class PriceTransformer(WindowBackbone):
    """Features → linear → `layers` pre-norm encoder layers → pooled token, normalised.

    The last layer computes queries, output and perceptron for the pooled token only, since the head reads nothing else.
    """

    def __init__(self, inputs: int, options: PriceTransformerOptions) -> None:
        super().__init__()
        self.width, self.window, self.pooling = options.width, options.window, options.pooling
        length = options.window + (options.pooling == "cls")
        self.enter = nn.Linear(inputs, options.width)
        self.cls = nn.Parameter(0.02 * torch.randn(1, 1, options.width)) if options.pooling == "cls" else None
        self.places = nn.Parameter(0.02 * torch.randn(1, length, options.width)) if options.positions == "learned" else None
        self.layers = nn.ModuleList(_Layer(options, length) for _ in range(options.layers))
        self.leave = nn.Sequential(nn.LayerNorm(options.width), nn.Dropout(options.dropout))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.enter(x)
        if self.cls is not None:  # behind the rows, so that a causal encoder lets it see all of them
            tokens = torch.cat([tokens, self.cls.expand(tokens.shape[0], -1, -1)], dim=1)
        if self.places is not None:
            tokens = tokens + self.places
        last = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            tokens = layer(tokens, i == last and self.pooling != "mean")
        pooled: Tensor = self.leave(tokens.mean(dim=1) if self.pooling == "mean" else tokens[:, -1])
        return pooled


class _Layer(nn.Module):
    """Attention and perceptron, each behind its layer norm."""

    mask: Tensor
    cosine: Tensor
    sine: Tensor

    def __init__(self, options: PriceTransformerOptions, length: int) -> None:
        super().__init__()
        width, self.heads, self.causal, self.rotary = options.width, options.heads, options.causal, options.positions == "rotary"
        self.before_attention, self.before_perceptron = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        hidden = options.feedforward * width
        self.perceptron = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.drop = nn.Dropout(options.dropout)
        half = width // options.heads // 2
        angle = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(max(half, 1)) / max(half, 1))
        self.register_buffer("cosine", angle.cos(), persistent=False)
        self.register_buffer("sine", angle.sin(), persistent=False)
        self.register_buffer("mask", torch.ones(length, length, dtype=torch.bool).tril(), persistent=False)

    def forward(self, tokens: Tensor, pooled: bool) -> Tensor:
        """tokens (batch, length, width) → the same, or (batch, 1, width) of the last token where `pooled`."""
        batch, length, width = tokens.shape
        normed = self.before_attention(tokens)
        asking = normed[:, -1:] if pooled else normed
        query = self._split(self.query(asking))
        key, value = (self._split(part) for part in self.key_value(normed).chunk(2, dim=-1))
        if self.rotary:
            query, key = self._turn(query, pooled), self._turn(key, False)
        mask = self.mask if self.causal and not pooled else None  # the last token may see every row
        attended = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = attended.transpose(1, 2).reshape(batch, -1, width)
        kept = (tokens[:, -1:] if pooled else tokens) + self.drop(self.out(mixed))
        out: Tensor = kept + self.drop(self.perceptron(self.before_perceptron(kept)))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1, self.heads, x.shape[-1] // self.heads).transpose(1, 2)

    def _turn(self, x: Tensor, pooled: bool) -> Tensor:
        cosine, sine = (self.cosine[-1:], self.sine[-1:]) if pooled else (self.cosine, self.sine)
        left, right = x.chunk(2, dim=-1)
        return torch.cat([left * cosine - right * sine, left * sine + right * cosine], dim=-1)
