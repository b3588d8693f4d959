"""Checkpoints: everything a training needs to go on as if it had never stopped, in one safetensors file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tickcast.errors import ModelError

__all__ = ["Position", "read_checkpoint", "write_checkpoint", "write_weights"]


@dataclass
class Position:
    """Where a training stands.

    Parameters
    ----------
    run: digest of options and data; a checkpoint of another run is refused.
    epoch, update: the next update to do, both from 0.
    best, stale: lowest validation score of a finished epoch and epochs since.
    start: validation CRPS per horizon of the untrained head.
    scores: validation score after each epoch.
    done: nothing is left to do.
    """

    run: str
    epoch: int = 0
    update: int = 0
    best: float = inf
    stale: int = 0
    start: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    done: bool = False


def write_weights(path: Path, tensors: Mapping[str, Tensor], note: str | None = None) -> None:
    """Write tensors so that the file is either the old or the new one, whatever happens. The bytes follow from the tensors and the note."""
    beside = path.with_suffix(".partial")
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(tensors.items())}
    save_file(ready, beside, metadata=None if note is None else {"position": note})
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)


def write_checkpoint(
    path: Path,
    network: nn.Module,
    best: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    carried: Mapping[str, Tensor],
    position: Position,
) -> None:
    """Write weights, best weights, moments of the optimiser, carried state, random state and position."""
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    tensors |= {f"carried.{name}": tensor for name, tensor in carried.items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    tensors["random"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random_cuda"] = torch.cuda.get_rng_state()
    # Clones: a best weight that is still the present one would share its memory, which safetensors refuses.
    write_weights(path, {name: tensor.detach().clone() for name, tensor in tensors.items()}, json.dumps(asdict(position)))


def read_checkpoint(
    path: Path, network: nn.Module, optimizer: torch.optim.Optimizer, run: str
) -> tuple[Position, dict[str, Tensor], dict[str, Tensor]]:
    """Put a checkpoint back into place; returns its position, best weights and carried state.

    Raises ModelError when the file is damaged or belongs to other options or data.
    """
    try:
        with safe_open(path, framework="pt") as file:
            position = Position(**json.loads((file.metadata() or {})["position"]))
        tensors = load_file(path)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise ModelError(f"checkpoint cannot be read: {error}", file=path, hint="delete it to train from the start") from error
    if position.run != run:
        raise ModelError("checkpoint belongs to other options or data", file=path, hint="delete it or train into another folder")
    part = {
        kind: {name.removeprefix(kind): tensor for name, tensor in tensors.items() if name.startswith(kind)}
        for kind in ("network.", "best.", "carried.", "optimizer.")
    }
    network.load_state_dict(part["network."])
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in part["optimizer."].items():
        index, _, moment = name.partition(".")
        state.setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["random"])
    if "random_cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random_cuda"])
    return position, part["best."], part["carried."]
