"""Registration with laws: a set with one bad feature is refused whole, a known one is not tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import small_market
from tickcast.checks.verdict import Verdict, verdicts
from tickcast.errors import FeatureError, LawBroken
from tickcast.features import FeatureSet, FeatureTable, Registry
from tickcast.lifecycle.register import Judgement, register
from tickcast.store import Store

laws = partial(verdicts, rng=np.random.default_rng(1))
BARS = small_market.bars()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Store.open(tmp_path) as store:
        yield Registry(store)


def untried(words: Mapping[str, Any], rows: pl.DataFrame) -> Iterator[Verdict]:
    raise AssertionError("the laws were tried")
    yield


def test_a_set_that_keeps_the_laws_is_registered_and_not_tried_again(registry: Registry) -> None:
    heard: list[Judgement] = []
    made = register(registry, small_market.WORDS, BARS, laws=laws, now=3, told=heard.append)
    assert [each.feature for each in heard] == ["r", "rv"]
    assert made == registry.get("small") and made.registered == 3
    assert register(registry, small_market.WORDS, BARS, laws=untried, now=4) == made


def test_what_the_registry_would_refuse_is_refused_before_any_law(registry: Registry) -> None:
    register(registry, small_market.WORDS, BARS, laws=laws, now=3)
    with pytest.raises(FeatureError, match="as version 2"):
        register(registry, {**small_market.WORDS, "session": "reset"}, BARS, laws=untried, now=4)


def test_a_set_with_one_feature_that_looks_ahead_is_refused_whole(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., FeatureTable] = FeatureSet.compute

    def ahead(self: FeatureSet, *given: Any, **named: Any) -> FeatureTable:
        table = honest(self, *given, **named)
        if "rv" in self.names:
            table.values[:-1, self.names.index("rv")] = table.values[1:, self.names.index("rv")].copy()
        return table

    monkeypatch.setattr(FeatureSet, "compute", ahead)
    with pytest.raises(LawBroken, match="field rv: 1 of 2 features break a law"):
        register(registry, small_market.WORDS, BARS, laws=laws, now=3)
    assert registry.search() == ()


def test_a_feature_that_is_never_known_is_refused(registry: Registry) -> None:
    words = {**small_market.WORDS, "features": {"r": "log(close)", "late": "mean(close, 5000)"}}
    with pytest.raises(LawBroken, match="field late: known on none of the rows"):
        register(registry, words, BARS, laws=laws, now=3)
    assert registry.search() == ()


def test_a_set_that_learns_is_registered_with_what_it_learned(registry: Registry) -> None:
    words = {**small_market.WORDS, "features": {"f": 'fitted("rms_by_slot", close, slots=24)'}}
    plain = register(registry, words, BARS, laws=laws, now=1)
    assert plain.features.needs_fit and plain.lineage.learned_until is None
    until = int(BARS["ts"][60])
    with pytest.raises(FeatureError, match="tables that were learned"):
        register(registry, words, BARS, laws=untried, now=2, fit_until=until)
    made = register(registry, words, BARS, laws=laws, now=2, fit_until=until, version=2)
    assert made.features == FeatureSet.from_dict(words).fit(BARS, until) and made.hash == plain.hash
    assert made == registry.get("small") and made.lineage.learned_until == until
    assert register(registry, words, BARS[:61], laws=untried, now=3, fit_until=until, version=2) == made
