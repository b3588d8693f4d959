"""Gated recurrent unit, one step per row.

Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation", arXiv:1406.1078.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from tickcast.errors import ConfigError
from tickcast.models.backbone import State, StreamBackbone

__all__ = ["Gru", "GruOptions"]


@dataclass(frozen=True)
class GruOptions:
    """Size of a `Gru`.

    Parameters
    ----------
    width: numbers in the embedding and in each layer's state.
    layers: recurrent layers on top of each other.
    dropout: share of the features and of the embedding dropped while training.
    """

    width: int = 64
    layers: int = 1
    dropout: float = 0.1
    name: ClassVar[str] = "gru"
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    family: ClassVar[str] = "recurrent"
    view: ClassVar[str] = "sequence"
    window: ClassVar[int] = 1
    causal: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.width < 1 or self.layers < 1 or not 0 <= self.dropout < 1:
            raise ConfigError(f"a GRU of width {self.width}, {self.layers} layers and dropout {self.dropout} cannot be built")

    def build(self, inputs: int) -> Gru:
        """A freshly initialised GRU over `inputs` features."""
        return Gru(inputs, self)


class Gru(StreamBackbone):
    """Features → linear, layer norm, SiLU → GRU layers → the sum of both, normalised.

    The skip around the recurrence lets the head read the present row without passing the gates.
    """

    def __init__(self, inputs: int, options: GruOptions) -> None:
        super().__init__()
        self.width = options.width
        self.layers = options.layers
        self.enter = nn.Sequential(nn.Linear(inputs, options.width), nn.LayerNorm(options.width), nn.SiLU(), nn.Dropout(options.dropout))
        self.recurrence = nn.GRU(options.width, options.width, num_layers=options.layers, batch_first=True)
        self.leave = nn.Sequential(nn.LayerNorm(options.width), nn.Dropout(options.dropout))

    def states(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        return tuple((f"hidden_{layer}", (self.width,)) for layer in range(self.layers))

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        entered = self.enter(x)
        out, last = self.recurrence(entered, torch.stack(state))
        return self.leave(out + entered), tuple(last.unbind(0))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        # Written out: the exporter's GRU operator carries sequence axes that cost more than the arithmetic of one row.
        entered = self.enter(x)
        below, after = entered, []
        for layer, hidden in enumerate(state):
            below = self._cell(layer, below, hidden)
            after.append(below)
        return self.leave(below + entered), tuple(after)

    def _cell(self, layer: int, x: Tensor, hidden: Tensor) -> Tensor:
        weights = [getattr(self.recurrence, f"{name}_l{layer}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        from_input = nn.functional.linear(x, weights[0], weights[2])
        from_state = nn.functional.linear(hidden, weights[1], weights[3])
        split = 2 * self.width
        gates = torch.sigmoid(from_input[..., :split] + from_state[..., :split])
        reset, update = gates[..., : self.width], gates[..., self.width :]
        new = torch.tanh(from_input[..., split:] + reset * from_state[..., split:])
        return new + update * (hidden - new)
