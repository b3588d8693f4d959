"""What was found by attacking the features: each case hung, panicked, or answered wrongly once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tickcast._engine import Engine
from tickcast.clock import SECOND
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet

WORDS = {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "1m"}, "price": "close"}
HEAD = "name: t\nstream: bars\nclock: {on: bars}\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "features: {a: close}\nprice: &0 [x, x, x]\n",
        "description: [&0 [x,x,x,x,x,x,x,x,x,x]"
        + "".join(f", &{i + 1} [{','.join([f'*{i}'] * 10)}]" for i in range(9))
        + "]\n"
        + HEAD
        + "price: *9\nfeatures: {a: close}\n",
        "&a\nname: *a\nstream: bars\nclock: {on: bars}\nprice: close\nfeatures: {a: close}\n",
        HEAD + "price: 2020-13-45\nfeatures: {a: close}\n",
        HEAD + f"price: {'9' * 5000}\nfeatures: {{a: close}}\n",
        HEAD.replace("bars\n", "[bars]\n", 1) + "price: close\nfeatures: {a: close}\n",
        HEAD + "streams: {x: {table: [a]}}\nprice: close\nfeatures: {a: close}\n",
        "a: !!int x\n",
    ],
)
def test_a_damaged_file_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(FeatureError):
        FeatureSet.load(tmp_path / "t.yaml")


@pytest.mark.parametrize(
    "expression",
    ["at('1e999 volume', close)", "at('1.2.3 volume', close)", "frac_diff(close, 1e308, 100)", "close + 0x" + "f" * 400],
)
def test_numbers_that_cannot_be_are_refused(expression: str) -> None:
    with pytest.raises(FeatureError):
        FeatureSet.from_dict({**WORDS, "features": {"a": expression}})


def test_a_name_that_python_reads_as_another_is_refused() -> None:
    with pytest.raises(FeatureError, match="cannot name"):
        FeatureSet.from_dict({**WORDS, "features": {"ｃlose": "open"}})


def test_lines_read_anew_on_bars_are_read_once() -> None:
    lines = {"f0": "close + open"} | {f"f{i}": f"f{i - 1} + f{i - 1} * 2" for i in range(1, 40)}
    made = FeatureSet.from_dict({**WORDS, "features": {**lines, "g": "at('15m', f39)"}})
    assert len(made.graph()["nodes"]) < 200


def test_a_chain_of_lines_too_long_to_read_anew_is_refused() -> None:
    lines = {"f0": "close"} | {f"f{i}": f"f{i - 1} + 1" for i in range(1, 2000)}
    with pytest.raises(FeatureError, match="too many"):
        FeatureSet.from_dict({**WORDS, "features": {**lines, "g": "at('15m', f1999)"}})


def test_a_column_that_bars_do_not_have_is_refused() -> None:
    graph = FeatureSet.from_dict({**WORDS, "features": {"a": "at('15m', close)"}}).graph()
    node = next(node for node in graph["nodes"] if node["op"] == "input" and node["axis"])
    node["index"] = 3
    with pytest.raises(FeatureError, match="no column 3"):
        Engine(json.dumps(graph))


@pytest.mark.parametrize("session", ["carry", "reset", "mask"])
def test_rows_made_of_another_instrument_outlive_sessions_and_segments(session: str) -> None:
    ts = np.arange(1, 41) * 10 * SECOND
    es = pl.DataFrame({"ts": ts, "close": np.arange(1.0, 41), "volume": 1.0, "symbol": "ES"})
    words = {**WORDS, "streams": {"es": {"table": "bars", "symbol": "ES"}}, "session": session}
    made = FeatureSet.from_dict({**words, "features": {"echo": "at('es + 30s', close)", "volume": "at('es 1m', volume)"}})
    later = ts > 150 * SECOND
    main = pl.DataFrame({"ts": ts, "close": 1.0, "session_id": np.where(later, 400, 150) * SECOND, "segment_id": later.astype(int)})
    quiet = main.with_columns(session_id=pl.lit(0), segment_id=pl.lit(0))
    table, plain = made.compute({"bars": main, "es": es}), made.compute({"bars": quiet, "es": es})
    kept = ~np.isnan(table.values)
    assert kept[20:].all()
    assert (table.values[kept] == plain.values[kept]).all()


def test_trades_after_the_close_make_bars_of_their_own_time() -> None:
    stamps = np.r_[np.arange(1, 10), np.arange(21, 41)] * 10 * SECOND
    close = np.where(stamps <= 95 * SECOND, 95, 400) * SECOND
    book = pl.DataFrame({"ts": stamps, "bid_price_1": 1.0, "ask_price_1": 2.0, "session_id": close, "segment_id": 0})
    trades = pl.DataFrame({"ts": np.arange(1, 40) * 10 * SECOND + SECOND, "price": 1.0, "size": 1.0, "side": 1})
    words = {"name": "t", "stream": "book", "streams": {"trades": {}}, "clock": {"on": "book"}, "price": "mid()"}
    table = FeatureSet.from_dict({**words, "features": {"n": "at('trades 30s', count)"}}).compute({"book": book, "trades": trades})
    assert (table.values[stamps > 200 * SECOND] == 3).all()


@pytest.mark.parametrize("stamps", [[2**63 - 1], [-(2**63)], [2**63 - 2, 2**63 - 1], [0, 2**63 - 1]])
def test_stamps_at_the_ends_of_time_are_refused(stamps: list[int]) -> None:
    made = FeatureSet.from_dict({**WORDS, "clock": {"every": "10s"}, "features": {"a": "close"}})
    rows = pl.DataFrame({"ts": stamps, "close": 1.0, "session_id": 200 * SECOND, "segment_id": 0})
    with pytest.raises(FeatureError, match="no moment"):
        made.compute(rows)
    with pytest.raises(FeatureError, match="no moment"):
        made.stream().push(stamps[-1], 0, 0, [1.0])
