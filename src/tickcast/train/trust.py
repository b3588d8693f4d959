"""Trust: how much of what a network learned beyond the training law survives on the validation rows."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tickcast.train.loop import Task, crps

__all__ = ["shrink"]

_SHARES = tuple(k / 10 for k in range(11))


@torch.no_grad()
def shrink(task: Task, start: Tensor) -> tuple[float, ...]:
    """Move each horizon's raw numbers back towards the training law, to the share of the way that validation CRPS likes best.

    raw = start + share x (raw - start), for shares 0, 0.1, … 1; the head is linear, so the share goes into its weights and nothing new is
    served. Overlapping labels make long horizons poor in information: there a network learns noise first, and the share tells.

    Parameters
    ----------
    task: with the trained network; its head is changed in place.
    start: (h, size) the head's bias before training.

    Returns the share per horizon; 0 leaves the training law.
    """
    task.network.eval()
    task.judged.begin(0)
    bias = start.to(task.head.bias)
    total: NDArray[np.float64] = np.zeros((len(_SHARES), task.z.shape[1]))
    for update in range(task.judged.updates):
        embedding, rows = task.judged.embed(update)
        if not len(rows):
            continue
        z = torch.from_numpy(task.z[rows]).to(embedding.device)
        moved = task.head(embedding) - bias
        known = np.isfinite(task.z[rows])
        for i, share in enumerate(_SHARES):
            each = crps(task.head, bias + share * moved, z).cpu().numpy().astype(np.float64) * task.scale[rows]
            total[i] += np.where(known, each, 0.0).sum(axis=0)
    chosen = np.asarray(_SHARES)[total.argmin(axis=0)]
    kept = torch.from_numpy(chosen).to(task.head.bias)
    weight = task.head.tilt.weight
    weight.copy_((weight.reshape(task.head.horizons, -1, weight.shape[1]) * kept[:, None, None]).flatten(0, 1))
    task.head.bias.copy_(bias + kept[:, None] * (task.head.bias - bias))
    return tuple(float(value) for value in chosen)
