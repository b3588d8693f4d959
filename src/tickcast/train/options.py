"""How a network is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from tickcast.errors import ConfigError

__all__ = ["Progress", "TrainingOptions", "learning_rate"]


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of one training.

    Parameters
    ----------
    seed: of weights, order and dropout; the same seed gives the same bytes of the weights file on one machine.
    epochs: most passes over the training rows.
    batch: windows per update, or parallel streams.
    chunk: rows a stream advances per update (truncated back-propagation through time); unused by windows.
    rows_per_epoch: training rows drawn per epoch, None for all; windows are drawn one by one, streams as contiguous stretches.
    valid_rows: validation rows, spread evenly, that are scored after each epoch, None for all; trust is chosen on four times as many.
    lr: highest learning rate of AdamW.
    warmup: share of all updates with a rising learning rate; a half cosine to zero follows.
    weight_decay: of AdamW, on matrices only.
    clip: greatest norm of the gradient.
    patience: epochs without a better validation score before training stops.
    checkpoint_every: updates between two checkpoints, 0 for one per epoch.
    device: "cpu" or "cuda"; mixed precision (bfloat16) is used on "cuda" where `amp` allows it.
    amp: allow mixed precision on a GPU.
    threads: of torch while it trains or predicts.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    seed: int = 0
    epochs: int = 20
    batch: int = 32
    chunk: int = 64
    rows_per_epoch: int | None = None
    valid_rows: int | None = None
    lr: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.05
    clip: float = 1.0
    patience: int = 4
    checkpoint_every: int = 0
    device: str = "cpu"
    amp: bool = True
    threads: int = 1

    def __post_init__(self) -> None:
        for field in ("epochs", "batch", "chunk", "patience", "threads"):
            if getattr(self, field) < 1:
                raise ConfigError(f"{getattr(self, field)} is below one", field=field)
        for field in ("rows_per_epoch", "valid_rows"):
            rows = getattr(self, field)
            if rows is not None and rows < 1:
                raise ConfigError(f"{rows} rows are none", field=field)
        if not (self.lr > 0 and self.clip > 0 and self.weight_decay >= 0 and 0 <= self.warmup < 1 and self.checkpoint_every >= 0):
            raise ConfigError("lr and clip must be positive, weight_decay and checkpoint_every not negative, warmup in [0, 1)")
        if self.device not in ("cpu", "cuda"):
            raise ConfigError(f"unknown device {self.device!r}", field="device", hint="use cpu or cuda")


@dataclass(frozen=True)
class Progress:
    """Where a training stands, told after every update.

    Parameters
    ----------
    epoch, epochs: the current one, from 1, and the most there can be.
    update, updates: the same for updates over the whole training; time left follows from their ratio.
    loss: of this update.
    score: validation CRPS in units of the untrained head's, mean over horizons; of the last finished epoch. Below one beats the scale with
        fixed residual quantiles.
    best: lowest score so far.
    """

    epoch: int
    epochs: int
    update: int
    updates: int
    loss: float
    score: float
    best: float


def learning_rate(update: int, updates: int, options: TrainingOptions) -> float:
    """Learning rate of an update counted from 0: linear warm-up, then a half cosine to zero (Loshchilov, Hutter, 2017, arXiv:1608.03983).

    >>> options = TrainingOptions(lr=1.0, warmup=0.5)
    >>> [round(learning_rate(update, 8, options), 3) for update in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    rising = round(options.warmup * updates)
    if update < rising:
        return options.lr * (update + 1) / rising
    return options.lr * 0.5 * (1 + math.cos(math.pi * (update - rising) / max(1, updates - rising)))
