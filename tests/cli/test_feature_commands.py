"""features list, explain, register, retire, materialise: what is told, what is refused, what stays."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

import small_market
from tickcast.cli import execute
from tickcast.cli.feature_sets import about, shipped
from tickcast.features import FeatureSet
from tickcast.features.cost import cost_per_event, made_up_rows


def answer(words: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> object:
    assert execute(["features", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def told(words: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> str:
    assert execute(["features", *words]) == code
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return said.out if code == 0 else said.err


@pytest.fixture
def own_set(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text("# A small set.\n" + yaml.safe_dump(small_market.WORDS, sort_keys=False))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_the_list_names_every_set_and_finds_text_in_expressions(capsys: pytest.CaptureFixture[str], store: Path) -> None:
    rows = answer(["list", "--store", str(store)], capsys)
    assert isinstance(rows, list) and [row["name"] for row in rows] == list(shipped())
    assert all(row["about"] and row["features"] and row["stream"] and row["clock"] and len(row["hash"]) == 64 for row in rows)
    found = answer(["list", "--search", "GARMAN_KLASS(", "--store", str(store)], capsys)
    assert isinstance(found, list) and {"nq24", "nq_price"} <= {row["name"] for row in found} < {row["name"] for row in rows}
    assert "holds 'nosuch'" in told(["list", "--search", "nosuch", "--store", str(store)], capsys)
    assert not store.exists(), "looking makes no store"


def test_a_set_is_explained_feature_by_feature(capsys: pytest.CaptureFixture[str], own_set: Path) -> None:
    found = answer(["explain", str(own_set)], capsys)
    assert isinstance(found, dict)
    assert (found["about"], found["version"], found["hash"]) == ("A small set.", "not registered", FeatureSet.load(own_set).hash)
    assert [each["feature"] for each in found["features"]] == ["r", "rv"]
    rv = found["features"][1]
    assert (rv["reads"], rv["lookback"], rv["warm_up"]) == ({"bars": ["close"]}, "10 rows", 10)
    assert rv["ns_per_event"] > 0 and found["ns_per_event_in_all"] > 0 and "made-up rows" in found["measured"]
    text = told(["explain", str(own_set), "--no-cost"], capsys)
    assert "sqrt(mean(r ** 2, 10))" in text and "ns per event" not in text


def test_one_feature_is_drawn_as_a_tree(capsys: pytest.CaptureFixture[str], own_set: Path) -> None:
    text = told(["explain", f"{own_set}.r", "--no-cost"], capsys)
    assert "log  " in text and "└── lag steps=1" in text
    graph = answer(["explain", "nq24.log_volume", "--no-cost"], capsys)
    assert isinstance(graph, dict) and graph["graph"]["op"] == "log" and graph["reads"] == {"bars": ["volume"]}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["explain", "nosuch"], "no feature set is called 'nosuch'"),
        (["explain", "nq24.nosuch"], "no feature called 'nosuch'"),
        (["explain", "nosuch.rsi"], "no feature set is called 'nosuch'"),
        (["register", "nosuch.yaml", "--data", "x.csv"], "no feature set is called 'nosuch.yaml'"),
        (["register", "nq24"], "no events are named"),
        (["register", "nq24", "--data", "x.csv", "--ttl", "1m", "--ttl", "a=1m"], "give one duration for all"),
        (["materialise", "nq24", "--config", "configs/simulated.yaml", "--store", "nosuch"], "there is no store"),
    ],
)
def test_what_is_not_there_is_said(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert expected.lower() in told(words, capsys, 2).lower()


def test_a_set_is_registered_changed_and_retired(own_set: Path, events_file: Path, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--data", str(events_file), "--store", str(store), "--quiet"]
    first = answer(["register", str(own_set), *given, "--ttl", "rv=5m"], capsys)
    assert isinstance(first, dict)
    assert (first["registered"], first["name"], first["version"], first["ttl"]) == (True, "small", 1, {"rv": 300_000_000_000})
    assert first["lineage"]["file"] == "small.yaml" and first["lineage"]["data"] == str(events_file)
    assert [(each["feature"], each["ok"]) for each in first["features"]] == [("r", True), ("rv", True)]
    found = answer(["explain", str(own_set), "--no-cost", "--store", str(store)], capsys)
    assert isinstance(found, dict) and found["version"] == 1 and found["features"][1]["ttl"] == "300s"
    assert "it was before" in told(["register", str(own_set), *given, "--ttl", "rv=5m"], capsys)
    assert "time to live of rv 300s -> for ever" in told(["register", str(own_set), *given], capsys, 2)
    own_set.write_text(yaml.safe_dump({**small_market.WORDS, "features": {"r": "log(close / lag(close, 2))"}}))
    refused = told(["register", str(own_set), *given], capsys, 2)
    assert "r: log(close / lag(close, 1)) -> log(close / lag(close, 2)); rv is gone" in refused and "as version 2" in refused
    assert "small@2 is registered" in told(["register", str(own_set), *given, "--version", "2"], capsys)
    assert "1 row" in told(["explain", "small@1.r", "--no-cost", "--store", str(store)], capsys)
    assert "2 rows" in told(["explain", "small.r", "--no-cost", "--store", str(store)], capsys)
    assert "retired" in told(["retire", "small", "1", "--store", str(store)], capsys)
    listed = answer(["list", "--store", str(store), "--search", "registered"], capsys)
    assert isinstance(listed, list) and [(row["name"], row["version"]) for row in listed] == [("small", 2)]


def test_a_set_that_is_never_known_is_refused_with_its_verdicts(
    own_set: Path, events_file: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_set.write_text(yaml.safe_dump({**small_market.WORDS, "features": {"late": "mean(close, 5000)"}}))
    found = answer(["register", str(own_set), "--data", str(events_file), "--store", str(store), "--quiet"], capsys, 1)
    assert isinstance(found, dict) and not found["registered"]
    assert "late" in found["refused"] and [each["feature"] for each in found["features"]] == ["late"]
    assert answer(["list", "--store", str(store), "--search", "registered,"], capsys) == []


def test_a_registered_set_is_materialised_once(tmp_path: Path, own_set: Path, capsys: pytest.CaptureFixture[str], store: Path) -> None:
    config = tmp_path / "sim.yaml"
    words = yaml.safe_load(Path("configs/simulated.yaml").read_text(encoding="utf-8"))
    words["data"]["options"] = {"days": 6, "interval": "5m"}
    config.write_text(yaml.safe_dump(words, sort_keys=False))
    given = ["--config", str(config), "--store", str(store), "--quiet"]
    own_set.write_text(yaml.safe_dump({**small_market.WORDS, "clock": {"on": "bars", "step": "5m"}}, sort_keys=False))
    assert "there is no store" in told(["materialise", "small", *given], capsys, 2)
    assert answer(["register", str(own_set), *given, "--rows", "300"], capsys)["registered"]  # type: ignore[index]
    first, again = (answer(["materialise", "small", *given], capsys) for _ in range(2))
    assert isinstance(first, dict) and isinstance(again, dict)
    assert first["made"] == first["days"] > 1 and first["rows"] > 1000
    assert again == first | {"made": 0}
    assert "all of them were there" in told(["materialise", "small@1", *given], capsys)


def test_the_cost_is_that_of_the_engine_and_no_set_is_left_out() -> None:
    for name in shipped():
        features = FeatureSet.load(name)
        cost = cost_per_event(features, np.random.default_rng(1), time.perf_counter)
        assert cost is not None and cost > 0, name
        assert about(shipped()[name])
    words = {**small_market.WORDS, "streams": {"trades": {}}, "features": {"f": 'fitted("rms_by_slot", close - trades.price, slots=24)'}}
    learned = cost_per_event(FeatureSet.from_dict(words), np.random.default_rng(1), time.perf_counter)
    assert learned is not None and learned > 0
    frames = made_up_rows(FeatureSet.load("nq24"), 50, np.random.default_rng(2))
    assert frames["bars"]["ts"].is_sorted() and (frames["bars"].select(pl.all() > 0).min_horizontal()).all()
