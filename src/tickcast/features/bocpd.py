"""What Bayesian change-point detection expects of a run before it has seen a row of it."""

from __future__ import annotations

import numpy as np

from tickcast.features.training import Training

__all__ = ["run_prior"]


def run_prior(training: Training, *, run: int, longest: int) -> list[float]:
    """longest, hazard, kappa, alpha, beta and `gamma(alpha + 1/2) / gamma(alpha)` (Adams & MacKay 2007; Murphy 2007 for the posterior).

    A run has a mean and a variance drawn from a normal-inverse-gamma prior and ends with probability 1 / `run` at each row. The prior is
    learned by moments: training rows are cut into blocks of `run` rows (an eighth of the rows where that is less); the mean and the spread
    of the blocks' variances give beta and alpha (2.5 to 20), the spread of their means gives kappa (0.01 to 100), in both the spread that
    equal blocks would show by chance taken off.
    """
    from scipy.special import gammaln  # a server that only reads what was learned does without scipy

    z = training.z[:, 0]
    rows = min(run, len(z) // 8)
    blocks = z[len(z) % rows :].reshape(-1, rows)
    variances, means = blocks.var(axis=1, ddof=1), blocks.mean(axis=1)
    level = float(variances.mean())
    between = float(variances.var(ddof=1)) - 2 * level**2 / (rows - 1)
    alpha = float(np.clip(2 + level**2 / max(between, 1e-9 * level**2), 2.5, 20))
    drift = float(means.var(ddof=1)) - level / rows
    kappa = float(np.clip(level / max(drift, 1e-9 * level), 0.01, 100))
    return [float(longest), 1 / run, kappa, alpha, level * (alpha - 1), float(np.exp(gammaln(alpha + 0.5) - gammaln(alpha)))]
