"""The registry: a version never changes, the same again is the same, another meaning needs another version and is told."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small_market
from tickcast.errors import FeatureError, StoreError
from tickcast.features import FeatureSet, Lineage, Registry
from tickcast.store import Store, StoredDefinition, tally

WORDS = small_market.WORDS
LINES = {"r": "log(close / lag(close, 1))", "rv": "sqrt(mean(r ** 2, 10))"}


def changed(**words: object) -> FeatureSet:
    return FeatureSet.from_dict({**WORDS, **words})


def test_what_is_registered_is_what_is_got(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        registry = Registry(store)
        lineage = Lineage("small.yaml", "ab", "cd", "0.1")
        new = registry.register(changed(), now=5, ttl={"rv": "1m"}, stale="error", lineage=lineage)
    with Store.open(tmp_path) as store:
        found = Registry(store).get("small")
        assert found == new
        assert (found.key, found.registered, found.retired, found.lineage, found.stale) == ("small@1", 5, None, lineage, "error")
        assert found.features == changed() and found.hash == changed().hash
        r, rv = found.parts
        assert (r.name, r.expression, r.warmup, r.ttl, dict(r.inputs)) == ("r", LINES["r"], 1, None, {"bars": ("close",)})
        assert (rv.warmup, rv.ttl, rv.lookback) == (10, 60_000_000_000, "10 rows")
        assert dict(found.ttl) == {"rv": 60_000_000_000}


def test_the_same_again_writes_nothing_however_it_is_written(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        registry = Registry(store)
        first = registry.register(changed(), now=1)
        spaced = changed(features={"r": "log( close/lag(close,1) )", "rv": "sqrt(mean(r**2, 10))"})
        for again in (changed(), spaced):
            assert registry.register(again, now=2) == first
            assert registry.register(again, now=2, version=1) == first
        assert [one.version for one in registry.versions("small")] == [1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"features": {**LINES, "rv": "sqrt(mean(r ** 2, 11))"}}, "rv: sqrt(mean(r ** 2, 10)) -> sqrt(mean(r ** 2, 11))"),
        ({"features": {**LINES, "m": "close - lag(close, 2)"}}, "m is new"),
        ({"features": {"r": LINES["r"]}}, "rv is gone"),
        ({"session": "reset"}, "session: carry -> reset"),
        ({"price": "close * 2"}, "price: close -> close * 2"),
        ({"clock": {"every": "1m"}}, "clock: "),
    ],
)
def test_another_meaning_needs_another_version_and_is_told(tmp_path: Path, words: dict[str, object], told: str) -> None:
    with Store.open(tmp_path) as store:
        registry = Registry(store)
        old = registry.register(changed(), now=1)
        for version in (None, 1, 3):
            with pytest.raises(FeatureError, match="as version 2") as refused:
                registry.register(changed(**words), now=2, version=version)
            assert told in str(refused.value)
        new = registry.register(changed(**words), now=2, version=2)
        assert (registry.get("small"), registry.get("small@1")) == (registry.get("small", 2), registry.get("small", 1))
        assert registry.get("small@1").features == old.features != new.features
        assert registry.register(changed(), now=3).version == 1, "the first definition is still version 1"


def test_another_time_to_live_needs_another_version_too(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        registry = Registry(store)
        registry.register(changed(), now=1, ttl="5m")
        with pytest.raises(FeatureError, match="time to live of rv 300s -> for ever"):
            registry.register(changed(), now=2, ttl={"r": "5m"})
        with pytest.raises(FeatureError, match="stale nan -> error"):
            registry.register(changed(), now=2, ttl="5m", stale="error")


def test_retired_versions_stay_readable_and_are_not_taken(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        registry = Registry(store)
        registry.register(changed(), now=1)
        assert registry.retire("small", 1, now=7).retired == 7
        assert registry.retire("small", 1, now=9).retired == 7, "a time once written stays"
        with pytest.raises(FeatureError, match="every version of small is retired"):
            registry.get("small")
        with pytest.raises(FeatureError, match="is retired.*version 2"):
            registry.register(changed(), now=2)
        assert registry.register(changed(), now=2, version=2).version == 2
        assert [one.key for one in registry.search("RV")] == ["small@2"]
        assert len(registry.search("lag(close", retired=True)) == 2
        assert registry.search("nosuch") == ()


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        registry = Registry(store)
        with pytest.raises(FeatureError, match="'small' is registered"):
            registry.get("small")
        with pytest.raises(FeatureError, match="version 1"):
            registry.register(changed(), now=1, version=4)
        registry.register(changed(), now=1)
        with pytest.raises(FeatureError, match="There are 1"):
            registry.get("small@2")
        with pytest.raises(FeatureError, match="no version"):
            registry.get("small@last")
        with pytest.raises(FeatureError, match="stale"):
            registry.register(changed(), now=1, stale="never")  # type: ignore[arg-type]


def test_a_version_written_by_another_process_meanwhile_is_refused(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, Store.open(tmp_path) as other:
        Registry(store).register(changed(), now=1)
        late = StoredDefinition("small", 1, "h", "{}", "{}", 2)
        with pytest.raises(StoreError, match="has 1 version, so the next one is not 1"):
            other.definitions.add(late)


def test_a_definition_that_was_altered_is_not_read(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        Registry(store).register(changed(), now=1)
        ledger = apsw.Connection(str(tmp_path / "ledger.sqlite"))
        tally.add_row_check(ledger)  # whoever alters it knows how the ledger counts
        ledger.execute("UPDATE definitions SET document = replace(document, '10', '12')")
        with pytest.raises(StoreError, match="small@1 was altered"):
            Registry(store).get("small")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=8))
def test_versions_count_the_changes_of_meaning(tmp_path_factory: pytest.TempPathFactory, windows: list[int]) -> None:
    with Store.open(tmp_path_factory.mktemp("store")) as store:
        registry, seen = Registry(store), list[int]()
        for now, window in enumerate(windows):
            if window not in seen:
                seen.append(window)
            made = registry.register(changed(features={"m": f"mean(close, {window})"}), now=now, version=seen.index(window) + 1)
            assert made.version == seen.index(window) + 1
        assert [one.version for one in registry.versions("small")] == list(range(1, len(seen) + 1))
