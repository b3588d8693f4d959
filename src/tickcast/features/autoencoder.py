"""The encoder of a small autoencoder, trained with torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import FeatureError
from tickcast.features.training import Training

__all__ = ["encoder"]

_BATCH = 256
_MOST_ROWS = 20_000
_RATE = 0.01


def encoder(training: Training, *, latent: int, hidden: int, steps: int, seed: int) -> list[float]:
    """hidden, latent, then the weights W1 b1 W2 b2 of `tanh(W2 tanh(W1 z + b1) + b2)` (Hinton & Salakhutdinov 2006, one layer each way).

    The decoder `V2 tanh(V1 latent + c1) + c2` is thrown away. Trained by `steps` steps of Adam on the squared error of batches of 256, in
    double precision on one thread, on at most 20,000 rows spread evenly; the same rows and seed give the same bits. Latents come in the
    order of their spread on the training rows, each with the sign of the series it moves with most. Raises FeatureError when torch is
    absent or the training fails to describe the rows better than their mean does.
    """
    z = training.z[np.linspace(0, len(training.z) - 1, min(len(training.z), _MOST_ROWS)).astype(np.int64)]
    series = z.shape[1]
    shapes = [(hidden, series), (hidden,), (latent, hidden), (latent,), (hidden, latent), (hidden,), (series, hidden), (series,)]
    rng = np.random.default_rng(seed)
    start = [rng.standard_normal(shape) / np.sqrt(shape[-1]) if len(shape) == 2 else np.zeros(shape) for shape in shapes]
    weights, error = _trained(z, start, rng, steps)
    if not np.isfinite(error) or error >= 1:
        raise FeatureError(f"the autoencoder leaves {error:.3g} of the variance unexplained", hint="train on more rows or for more steps")
    w1, b1, w2, b2 = weights[:4]
    codes = np.tanh(np.tanh(z @ w1.T + b1) @ w2.T + b2)
    order = np.argsort(-codes.std(axis=0), kind="stable")
    together = (codes - codes.mean(axis=0)).T @ z
    sign = np.where(together[np.arange(latent), np.abs(together).argmax(axis=1)] < 0, -1.0, 1.0)
    parts = [w1, b1, (w2 * sign[:, None])[order], (b2 * sign)[order]]
    return [float(hidden), float(latent), *(float(value) for part in parts for value in part.ravel())]


def _trained(
    z: NDArray[np.float64], start: list[NDArray[np.float64]], rng: np.random.Generator, steps: int
) -> tuple[list[NDArray[np.float64]], float]:
    """The weights after `steps` batches of `z`, reshuffled when all were seen, and the mean squared error they leave."""
    try:
        import torch
    except ImportError as error:
        raise FeatureError("an autoencoder is trained with torch, which is not installed", hint="install tickcast[train]") from error

    def squared(batch: Any) -> Any:
        w1, b1, w2, b2, v1, c1, v2, c2 = weights
        code = torch.tanh(torch.tanh(batch @ w1.T + b1) @ w2.T + b2)
        return ((torch.tanh(code @ v1.T + c1) @ v2.T + c2 - batch) ** 2).mean()

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums of several threads come in any order
    try:
        rows = torch.from_numpy(z)
        weights = [torch.tensor(part, requires_grad=True) for part in start]
        optimiser = torch.optim.Adam(weights, lr=_RATE)
        pace = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        first = len(z)
        for _ in range(steps):
            if first >= len(z):
                first, shuffled = 0, torch.from_numpy(rng.permutation(len(z)))
            optimiser.zero_grad()
            squared(rows[shuffled[first : first + _BATCH]]).backward()
            optimiser.step()
            pace.step()
            first += _BATCH
        with torch.no_grad():
            left = float(squared(rows))
        return [part.detach().numpy() for part in weights], left
    finally:
        torch.set_num_threads(threads)
