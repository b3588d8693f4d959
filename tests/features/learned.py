"""Models of learned features, slowly: plain numpy over all rows at once, from the numbers that were frozen. Only for tests."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm
from scipy.stats import t as student

Array = NDArray[np.float64]


def standardise(x: Array, values: list[float]) -> tuple[Array, list[float]]:
    """The standardised rows (n, k), and what follows in the table."""
    k = x.shape[1]
    return np.clip((x - values[:k]) / np.array(values[k : 2 * k]), -1000, 1000), values[2 * k :]


def encode(z: Array, values: list[float]) -> Array:
    hidden, latent, k = int(values[0]), int(values[1]), z.shape[1]
    cuts = np.cumsum([hidden * k, hidden, latent * hidden, latent])
    w1, b1, w2, b2, rest = np.split(np.array(values[2:]), cuts)
    assert not len(rest)
    return np.tanh(np.tanh(z @ w1.reshape(hidden, k).T + b1) @ w2.reshape(latent, hidden).T + b2)


def chain(values: list[float], k: int) -> tuple[Array, Array, Array, Array]:
    """start (s,), moves (s, s), means (s, k), variances (s, k)."""
    s = int(values[0])
    start, moves, means, variances, rest = np.split(np.array(values[1:]), np.cumsum([s, s * s, s * k, s * k]))
    assert not len(rest)
    return start, moves.reshape(s, s), means.reshape(s, k), variances.reshape(s, k)


def filtered(z: Array, start: Array, moves: Array, means: Array, variances: Array) -> Array:
    """(n, s) probabilities of the states given the rows so far, by adding up every path of states; few rows only."""
    s, out = len(start), []
    density = norm.logpdf(z[:, None, :], means, np.sqrt(variances)).sum(axis=2)
    for n in range(1, len(z) + 1):
        ends: list[list[float]] = [[] for _ in range(s)]
        for path in itertools.product(range(s), repeat=n):
            steps = sum(np.log(moves[i, j]) for i, j in itertools.pairwise(path))
            ends[path[-1]].append(np.log(start[path[0]]) + steps + sum(density[t, j] for t, j in enumerate(path)))
        last = np.array([logsumexp(each) for each in ends])
        out.append(np.exp(last - logsumexp(last)))
    return np.array(out)


def run_lengths(z: Array, values: list[float]) -> Array:
    """(n, longest) probability that the run of row t has l + 1 rows: algorithm 1 of Adams & MacKay, each run's posterior from its own rows.

    Their run length counts the rows before the next one; that a run may end right after row t (probability hazard, always) is divided out.
    Runs of `longest` rows and more are one, which knows its last `longest` rows.
    """
    most, hazard, kappa, alpha, beta, ratio = values
    assert np.isclose(ratio, np.exp(student.logpdf(0, 2 * alpha) + 0.5 * np.log(2 * alpha * np.pi)), rtol=1e-12)
    longest, joint, out = int(most), np.array([0.0]), []
    for t in range(len(z)):
        predictive = []
        for length in range(len(joint)):  # rows of the run before row t
            own = z[t - length : t]
            k, a, mean = kappa + length, alpha + length / 2, own.sum() / (kappa + length)
            spread = ((own - own.mean()) ** 2).sum() + kappa * length / k * own.mean() ** 2 if length else 0.0
            b = beta + spread / 2
            predictive.append(student.logpdf(z[t], 2 * a, mean, np.sqrt(b * (k + 1) / (a * k))))
        weight = joint + np.array(predictive)
        joint = np.concatenate([[logsumexp(weight) + np.log(hazard)], weight + np.log(1 - hazard)])
        joint = np.append(joint[:longest], [logsumexp(joint[longest:])] if len(joint) > longest else [])
        joint -= logsumexp(joint)
        out.append(np.pad(np.exp(joint[1:] - np.log(1 - hazard)), (0, longest + 1 - len(joint))))
    return np.array(out)


def volatility(z: Array, values: list[float], scale: float) -> Array:
    """(n,) deviation of the next return."""
    omega, alpha, beta = values
    h, out = 1.0, []
    for each in z:
        h = omega + alpha * each**2 + beta * h
        out.append(scale * np.sqrt(h))
    return np.array(out)
