"""The training loop: one for every backbone, head and loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tickcast.errors import ModelError
from tickcast.heads.base import Head
from tickcast.heads.buckets import BucketHead
from tickcast.heads.quantiles import QuantileHead
from tickcast.losses.base import Loss
from tickcast.losses.crps import bucket_crps
from tickcast.losses.pinball import pinball
from tickcast.train.checkpoint import Position, read_checkpoint, write_checkpoint
from tickcast.train.feed import Feed
from tickcast.train.options import Progress, TrainingOptions, learning_rate

__all__ = ["Task", "crps", "repeatable", "train"]


@dataclass(frozen=True, eq=False)
class Task:
    """What is trained on what.

    Parameters
    ----------
    network: backbone and head together; its parameters are trained.
    head, loss: of the network; what is made small.
    train, valid: feeds over the training rows and over the validation rows that are scored after each epoch.
    judged: feed over the validation rows on which trust is chosen, more than those of `valid`.
    z: (n, h) float32 outcomes over scale of all rows, NaN where there is no label.
    scale: (n, h) float32 scale of the validation rows, which weighs their scores.
    run: digest of options and data.
    """

    network: nn.Module
    head: Head
    loss: Loss
    train: Feed
    valid: Feed
    judged: Feed
    z: NDArray[np.float32]
    scale: NDArray[np.float32]
    run: str


@contextmanager
def repeatable(threads: int, seed: int | None = None) -> Iterator[None]:
    """Torch with this many threads, deterministic algorithms and its own random state; as before afterwards."""
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_num_threads(threads)
    # On a GPU some kernels have no deterministic form; there a warning is all that can be had.
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    try:
        with torch.random.fork_rng():
            if seed is not None:
                torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict, warn_only=warn)


def train(task: Task, options: TrainingOptions, checkpoint: Path | None, progress: Callable[[Progress], None] | None) -> Position:
    """Train the network in place and leave the best weights in it; returns where the training ended.

    With a `checkpoint` path the training starts from the file that is there, to the bit as if it had not stopped. Must run inside
    `repeatable`. Raises ModelError when the loss is not finite.
    """
    decayed = [p for p in task.network.parameters() if p.ndim > 1 and p is not task.head.bias]
    rest = [p for p in task.network.parameters() if p.ndim <= 1 or p is task.head.bias]
    groups = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.lr)
    position = Position(task.run)
    best = _weights(task.network)
    carried: dict[str, Tensor] = {}
    if checkpoint is not None and checkpoint.is_file():
        position, best, carried = read_checkpoint(checkpoint, task.network, optimizer, task.run)
    else:
        position.start = _validate(task)
    while not position.done:
        task.train.begin(position.epoch)
        if position.update:
            task.train.restore(carried)
        _epoch(task, options, optimizer, position, best, checkpoint, progress)
        score = float(np.mean(np.divide(_validate(task), position.start)))
        position.scores.append(score)
        position.stale = 0 if score < position.best else position.stale + 1
        if score < position.best:
            position.best, best = score, _weights(task.network)
        position.epoch, position.update = position.epoch + 1, 0
        position.done = position.epoch >= options.epochs or position.stale >= options.patience
        if checkpoint is not None:
            write_checkpoint(checkpoint, task.network, best, optimizer, {}, position)
    task.network.load_state_dict(best)
    return position


def _epoch(
    task: Task,
    options: TrainingOptions,
    optimizer: torch.optim.Optimizer,
    position: Position,
    best: dict[str, Tensor],
    checkpoint: Path | None,
    progress: Callable[[Progress], None] | None,
) -> None:
    """The updates of one epoch from `position.update` on."""
    total = options.epochs * task.train.updates
    while position.update < task.train.updates:
        if checkpoint is not None and options.checkpoint_every and position.update % options.checkpoint_every == 0:
            write_checkpoint(checkpoint, task.network, best, optimizer, task.train.carried(), position)
        done = position.epoch * task.train.updates + position.update
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(done, total, options)
        loss = _update(task, options, optimizer, position.update)
        position.update += 1
        if progress is not None:
            score = position.scores[-1] if position.scores else 1.0
            progress(Progress(position.epoch + 1, options.epochs, done + 1, total, loss, score, position.best))


def _update(task: Task, options: TrainingOptions, optimizer: torch.optim.Optimizer, update: int) -> float:
    task.network.train()
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(options.device, torch.bfloat16, enabled=options.amp and options.device == "cuda"):
        embedding, rows = task.train.embed(update)
        if not len(rows):
            return 0.0
        raw = task.head(embedding)
    loss = task.loss(task.head, raw.float(), torch.from_numpy(task.z[rows]).to(raw.device))
    if not torch.isfinite(loss):
        raise ModelError(f"the loss became {float(loss)}", hint="lower the learning rate or look for extreme features")
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(task.network.parameters(), options.clip)
    optimizer.step()
    return float(loss.detach())


@torch.no_grad()
def _validate(task: Task) -> list[float]:
    """CRPS per horizon over the validation rows, in units of log-return."""
    task.network.eval()
    task.valid.begin(0)
    total, count = np.zeros(task.z.shape[1]), np.zeros(task.z.shape[1])
    for update in range(task.valid.updates):
        embedding, rows = task.valid.embed(update)
        if not len(rows):
            continue
        z = torch.from_numpy(task.z[rows]).to(embedding.device)
        each = crps(task.head, task.head(embedding), z).cpu().numpy().astype(np.float64) * task.scale[rows]
        known = np.isfinite(task.z[rows])
        total += np.where(known, each, 0.0).sum(axis=0)
        count += known.sum(axis=0)
    if not count.all():
        raise ModelError("a horizon has no validation label", hint="give the validation part more rows")
    return [float(value) for value in np.maximum(total / count, 1e-30)]


def crps(head: Head, raw: Tensor, z: Tensor) -> Tensor:
    """(m, h) CRPS in units of z of the laws that raw (m, h, size) stands for; z (m, h)."""
    law = head.domain(raw)
    if isinstance(head, BucketHead):
        return bucket_crps(head.edges.to(law.dtype), law, z, lattice=head.options.grid.lattice)
    if isinstance(head, QuantileHead):
        return pinball(torch.tensor(head.options.levels, dtype=law.dtype, device=law.device), law, z)
    raise ModelError(f"no score for a head of kind {head.output}")


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
