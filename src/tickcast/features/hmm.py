"""A hidden Markov model with Gaussian states."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import FeatureError
from tickcast.features.training import Training

__all__ = ["hidden_markov", "stationary"]

_MOST_PASSES = 500
_GAIN = 1e-5  # a pass that adds less log likelihood per row is the last
_LEAST_VARIANCE = 1e-3
_LEAST_MOVE = 1e-8


def hidden_markov(training: Training, *, states: int) -> list[float]:
    """states, then the stationary distribution, the moves (from x to), and each state's means and variances, the calmest state first.

    Learned by expectation-maximisation (Baum et al. 1970) with hmmlearn, diagonal covariances, from a start without chance: rows grouped by
    the local mean of their squares. Raises FeatureError when hmmlearn is absent, when EM does not converge and when a state has no rows.
    """
    try:
        from hmmlearn.hmm import GaussianHMM
        from scipy.ndimage import uniform_filter1d
    except ImportError as error:
        raise FeatureError("its states are learned with hmmlearn, which is not installed", hint="install tickcast[train]") from error
    z, few = training.z, "use fewer states, or train on more rows"
    local = uniform_filter1d((z**2).sum(axis=1), 21, mode="nearest")
    group = np.argsort(np.argsort(local, kind="stable"), kind="stable") * states // len(z)
    model = GaussianHMM(states, "diag", n_iter=_MOST_PASSES, tol=_GAIN * len(z), params="tmc", init_params="", min_covar=_LEAST_VARIANCE)
    model.startprob_ = np.full(states, 1 / states)
    model.transmat_ = np.full((states, states), 0.05 / max(states - 1, 1)) + np.eye(states) * (0.95 - 0.05 / max(states - 1, 1))
    model.means_ = np.array([z[group == j].mean(axis=0) for j in range(states)])
    model.covars_ = np.array([np.maximum(z[group == j].var(axis=0), _LEAST_VARIANCE) for j in range(states)])
    with np.errstate(divide="ignore", invalid="ignore"):
        try:
            model.fit(z, training.lengths)
        except ValueError as error:
            raise FeatureError("the states do not separate", hint=few) from error
    history = list(model.monitor_.history)
    means, variances = np.array(model.means_), np.array([np.diag(part) for part in model.covars_])
    moves = np.maximum(np.array(model.transmat_), _LEAST_MOVE)
    if not (np.isfinite(moves).all() and np.isfinite(means).all() and np.isfinite(variances).all() and (variances > 0).all()):
        raise FeatureError("a state has no rows", hint=few)
    if len(history) >= _MOST_PASSES and history[-1] - history[-2] > _GAIN * len(z):
        raise FeatureError(f"the states still change after {_MOST_PASSES} passes", hint=few)
    order = np.argsort(np.log(variances).sum(axis=1), kind="stable")
    moves = moves[order][:, order]
    moves /= moves.sum(axis=1, keepdims=True)
    parts = [stationary(moves), moves, means[order], np.maximum(variances[order], _LEAST_VARIANCE)]
    return [float(states), *(float(value) for part in parts for value in part.ravel())]


def stationary(moves: NDArray[np.float64]) -> NDArray[np.float64]:
    """(states,) long-run share of each state; `moves[i, j]` > 0 is the probability of going from i to j.

    >>> stationary(np.array([[0.9, 0.1], [0.3, 0.7]])).round(4).tolist()
    [0.75, 0.25]
    """
    states = len(moves)
    equations = np.vstack([moves.T - np.eye(states), np.ones(states)])
    share = np.linalg.lstsq(equations, np.append(np.zeros(states), 1.0), rcond=None)[0]
    positive = np.maximum(share, 1e-12)
    shares: NDArray[np.float64] = positive / positive.sum()
    return shares
