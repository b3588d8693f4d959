"""exp as the Rust predictor computes it: bounded, floored, never NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickcast.errors import ModelError
from tickcast.scales.exponential import LARGEST, exp_of_log


def test_an_unknown_feature_is_named_by_its_row() -> None:
    with pytest.raises(ModelError, match="row 2"):
        exp_of_log(np.array([[0.0, 1.0], [2.0, np.nan]]), 1e-9)


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20), st.floats(1e-12, 1.0))
def test_the_bits_of_the_c_library_between_floor_and_bound(logs: list[float], floor: float) -> None:
    found = exp_of_log(np.array(logs)[:, None], floor)[:, 0]
    wanted = [max(math.exp(min(max(x, -LARGEST), LARGEST)), floor) for x in logs]
    assert found.tolist() == wanted
