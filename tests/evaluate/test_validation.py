"""Validation of features: too few rows first, then each planted fault gets its remark and nothing else does; the page stands alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tickcast.clock import MINUTE
from tickcast.errors import FeatureError
from tickcast.evaluate.validation import Limits, Validation, validate
from tickcast.evaluate.validation_page import validation_finding, write_validation
from tickcast.features import FeatureTable

N, CUT, WARMUP = 3000, 1500, 20


def table() -> FeatureTable:
    rng = np.random.default_rng(4)
    ts = 1_700_000_000_000_000_000 // MINUTE * MINUTE + MINUTE * np.arange(N)
    values = {name: rng.standard_normal(N) for name in ("fine", "moves", "missing", "wild", "stuck")}
    values["twin"] = -np.exp(values["fine"] / 3)
    values["slot"] = np.floor(np.arange(N) / 30) % 8
    values["late"] = rng.standard_normal(N)
    values["late"][:WARMUP] = np.nan
    values["moves"][CUT + 750 :] = rng.uniform(-1, 1, N - CUT - 750)
    values["missing"][CUT:][rng.random(N - CUT) < 0.05] = np.nan
    values["wild"][CUT + 10 :: 30] = 9.0
    values["stuck"][-40:] = 0.25
    price = 100 * np.exp(np.cumsum(1e-3 * rng.standard_normal(N)))
    zeros = np.zeros(N, np.int64)
    return FeatureTable(tuple(values), ts, zeros, zeros, price, np.column_stack(list(values.values())), MINUTE)


TABLE = table()
FOUND: Validation = validate("faults", TABLE, int(TABLE.ts[CUT - 1]), {"late": WARMUP})
BY_NAME = {each.name: each for each in FOUND.features}


@pytest.mark.parametrize("cut", [0, 10, N - 5, N - 1])
def test_too_few_rows_on_either_side(cut: int) -> None:
    with pytest.raises(FeatureError, match="too few to compare"):
        validate("x", TABLE, int(TABLE.ts[cut]), {})


def test_a_feature_without_a_number() -> None:
    empty = replace(TABLE, values=TABLE.values.copy())
    empty.values[:, 0] = np.nan
    found = validate("x", empty, FOUND.until, {})
    assert "holds no number" in found.features[0].remarks[0] and found.features[0].psi == (None,) * 6
    half = replace(TABLE, values=TABLE.values.copy())
    half.values[CUT:, 0] = np.nan
    assert "is missing on 100.0% of later rows" in validate("x", half, FOUND.until, {}).features[0].remarks[0]
    json.dumps(found.as_dict(), allow_nan=False)


def test_each_fault_has_its_remark_and_nothing_else_has_one() -> None:
    told = {each.name: each.remarks for each in FOUND.features if each.remarks}
    assert set(told) == {"moves", "missing", "wild", "stuck"}
    assert all(len(remarks) == 1 for remarks in told.values())
    assert "has moved: PSI" in told["moves"][0] and "period" in told["moves"][0]
    assert "is missing on 5." in told["missing"][0] or "is missing on 4." in told["missing"][0]
    assert "leaves its range on 3." in told["wild"][0]
    assert "is stuck for 39 rows" in told["stuck"][0]


def test_what_is_measured() -> None:
    moved = BY_NAME["moves"]
    assert all(value is not None and value < 0.1 for value in moved.psi[:3])
    assert all(value is not None and value > 0.25 for value in moved.psi[3:])
    assert moved.psi_within is not None and moved.psi_within < 0.1
    assert BY_NAME["late"].missing == (0.0, 0.0) and BY_NAME["slot"].stale[0] == 29
    assert BY_NAME["missing"].gap[1] >= 1 and BY_NAME["wild"].outside == pytest.approx(50 / 1500)
    assert [(pair.left, pair.right) for pair in FOUND.pairs] == [("fine", "twin")] and FOUND.pairs[0].correlation < -0.999
    assert sum(BY_NAME["fine"].shares[0]) == pytest.approx(1) and len(BY_NAME["fine"].edges) == 29
    assert len(FOUND.periods) == 6 and FOUND.rows == (CUT, N - CUT)


def test_limits_are_limits() -> None:
    lax = Limits(psi=9.0, missing=1.0, outside=1.0, stale=N, correlation=1.0)
    found = validate("faults", TABLE, FOUND.until, {}, limits=lax)
    assert not found.pairs and [each.name for each in found.features if each.remarks] == []
    assert "look like their reference period" in validation_finding(found)


def test_the_page_stands_alone_and_the_json_says_the_same(tmp_path: Path) -> None:
    page = write_validation(FOUND, tmp_path / "deep" / "out")
    text = page.read_text(encoding="utf-8")
    assert "http" not in text.replace("http://www.w3.org", "") and text.count("<svg") == 1 + len(FOUND.features)
    for name in BY_NAME:
        assert name in text
    told = json.loads((page.parent / "validation.json").read_text(encoding="utf-8"))
    assert told["finding"] == validation_finding(FOUND) and told["pairs"][0]["left"] == "fine"
    assert told["finding"].startswith("4 of 8 features deserve a look") and "1 pair of features" in told["finding"]


def test_names_are_escaped(tmp_path: Path) -> None:
    page = write_validation(replace(FOUND, name="<b>&"), tmp_path)
    assert "<b>&" not in page.read_text(encoding="utf-8").split("<body>")[1].replace("<b>&amp;", "")
