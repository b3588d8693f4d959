"""The contract of network backbones: features in, embedding out; what the embedding says about the future is the head's business.

Needs torch (`pip install tickcast[train]`); nothing that a base install imports may import this module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from torch import Tensor, nn

__all__ = ["Backbone", "BackboneOptions", "State", "StreamBackbone", "WindowBackbone"]

State = tuple[Tensor, ...]


class Backbone(nn.Module, ABC):
    """A network from standardised features to an embedding of `width` numbers.

    A concrete backbone derives from `WindowBackbone` or `StreamBackbone`, which say how it is trained and served.
    """

    view: ClassVar[str]  # "window" or "sequence"
    width: int


class WindowBackbone(Backbone):
    """Reads the last `window` rows at once. May look both ways inside the window, since all of it is known at its last row."""

    view: ClassVar[str] = "window"
    window: int

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x (batch, window, k) float32, oldest row first → embedding (batch, width)."""


class StreamBackbone(Backbone):
    """Reads one row after the other and carries a state: served in O(1) per row, trained on the very same recursion."""

    view: ClassVar[str] = "sequence"

    @abstractmethod
    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """x (batch, time, k) and the state before it → embedding (batch, time, width) and the state after it."""

    @abstractmethod
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One row: x (batch, k) → embedding (batch, width) and the next state; equals `forward` on a sequence of length one."""

    @abstractmethod
    def states(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Name and shape (without the batch axis) of each tensor of the state. The first state is zeros."""

    def initial(self, batch: int) -> State:
        """The state before any row: zeros (batch, *shape)."""
        like = next(self.parameters())
        return tuple(like.new_zeros((batch, *shape)) for _, shape in self.states())


class BackboneOptions(Protocol):
    """What a configuration says about a backbone; a frozen dataclass of plain values."""

    @property
    def name(self) -> str:
        """Key of the backbone, first part of a network's name."""

    @property
    def family(self) -> str:
        """Family named in `Spec`: "recurrent", "attention", ..."""

    @property
    def view(self) -> str:
        """ "window" or "sequence"."""

    @property
    def window(self) -> int:
        """Rows a window backbone reads; 1 for a stream."""

    @property
    def causal(self) -> bool:
        """True where the embedding never reads a later row of its own window."""

    def build(self, inputs: int) -> Backbone:
        """A freshly initialised backbone over `inputs` features, drawing from torch's generator."""
