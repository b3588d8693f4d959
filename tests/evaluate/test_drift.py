"""Distances of two samples: empty ones and single values first, then scipy as oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from tickcast.evaluate.drift import ks, psi

SAMPLES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=60).map(np.array)


def test_an_empty_sample_has_no_distance() -> None:
    some, none = np.arange(5.0), np.array([])
    assert all(math.isnan(measure(*pair)) for measure in (ks, psi) for pair in ((some, none), (none, some), (none, none)))


def test_a_value_that_was_constant_and_moves_is_far_on_either_side() -> None:
    flat = np.full(500, 2.0)
    assert psi(flat, flat) == 0.0
    assert psi(flat, flat + 1e-9) > 1 and psi(flat, flat - 1e-9) > 1


@settings(max_examples=100, deadline=None)
@given(left=SAMPLES, right=SAMPLES)
def test_ks_is_that_of_scipy(left: np.ndarray, right: np.ndarray) -> None:
    with np.errstate(divide="ignore"):  # of its p-value, on one row
        theirs = ks_2samp(left, right, method="asymp").statistic
    assert ks(left, right) == pytest.approx(theirs, abs=1e-12)
    assert ks(left, right) == ks(right, left)


@settings(max_examples=100, deadline=None)
@given(left=SAMPLES, right=SAMPLES, shift=st.floats(-100, 100), scale=st.sampled_from([0.5, 2.0, 8.0]))
def test_psi_is_never_negative_and_knows_no_unit(left: np.ndarray, right: np.ndarray, shift: float, scale: float) -> None:
    assert psi(left, right) >= 0
    assert psi(left, left) == pytest.approx(0, abs=1e-12)
    assert psi(left * scale, right * scale) == pytest.approx(psi(left, right), rel=1e-9)


def test_psi_grows_with_the_distance() -> None:
    rng = np.random.default_rng(1)
    reference = rng.standard_normal(5000)
    found = [psi(reference, rng.standard_normal(5000) + shift) for shift in (0.0, 0.2, 0.5, 1.0, 2.0)]
    assert found == sorted(found) and found[0] < 0.01 and 0.2 < found[2] < 0.35 and found[3] > 0.25
