"""Day files and their place on disk: altered bytes are never parsed, the order of writing does not matter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickcast.errors import StoreError
from tickcast.schema import BARS, TRADES, conform
from tickcast.store.day_file import decode, encode
from tickcast.store.day_rows import canonical, merge
from tickcast.store.durable import exclusive, place


def trades(prices: list[float]) -> pl.DataFrame:
    """Trades of one stamp."""
    n = len(prices)
    return conform(pl.DataFrame({"symbol": ["X"] * n, "ts": [1] * n, "price": prices, "size": [1.0] * n, "side": [1] * n}), TRADES)


def test_an_altered_cut_or_absent_file_is_named_before_it_is_parsed(tmp_path: Path) -> None:
    digest, content = encode(trades([1.0, 2.0]))
    path = tmp_path / "day.parquet"
    with pytest.raises(StoreError, match=r"day.parquet: a committed file cannot be read"):
        decode(path, digest)
    for bit in np.random.default_rng(0).integers(0, 8 * len(content), 30):
        broken = bytearray(content)
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        with pytest.raises(StoreError, match="was altered"):
            decode(path, digest)
    path.write_bytes(content[:-1])
    with pytest.raises(StoreError, match="was altered"):
        decode(path, digest)
    path.write_bytes(content)
    assert decode(path, digest).equals(trades([1.0, 2.0]))


@given(st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_a_day_is_the_same_in_whatever_order_its_rows_come(prices: list[float], shuffled: object) -> None:
    rows = trades(prices)
    mixed = rows[shuffled.sample(range(len(rows)), len(rows))]  # type: ignore[attr-defined]
    assert encode(canonical(mixed, TRADES)) == encode(canonical(rows, TRADES))
    again = merge(canonical(rows, TRADES), mixed, TRADES)
    assert again.equals(canonical(rows, TRADES)), "written again, nothing is added: equal trades meet by count"


def test_a_bar_is_corrected_and_a_trade_is_added() -> None:
    bar = {"symbol": ["X"], "interval": [60], "ts": [60], "ts_open": [0], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]}
    old, new = (conform(pl.DataFrame({**bar, "close": [close]}), BARS) for close in (1.0, 1.5))
    assert merge(old, new, BARS)["close"].to_list() == [1.5]
    assert merge(trades([1.0]), trades([1.0, 1.0]), TRADES)["price"].to_list() == [1.0, 1.0]


def test_a_place_that_cannot_be_written_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "days").write_text("a file where a folder belongs")
    with pytest.raises(StoreError, match="cannot be written"):
        place({tmp_path / "days" / "a": b"x"}, tmp_path / "scratch")
    place({tmp_path / "kept" / "a": b"x", tmp_path / "kept" / "b": b""}, tmp_path / "scratch")
    assert (tmp_path / "kept" / "a").read_bytes() == b"x" and (tmp_path / "kept" / "b").read_bytes() == b""
    assert not list((tmp_path / "scratch").iterdir())


def test_the_lock_holds_others_out_and_falls_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import fcntl, os, sys\n"
        f"handle = os.open({str(lock)!r}, os.O_RDWR | os.O_CREAT)\n"
        "try: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: sys.exit(7)\n"
    )
    with exclusive(lock):
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    holder = (
        "import os\nfrom pathlib import Path\nfrom tickcast.store.durable import exclusive\n"
        f"with exclusive(Path({str(lock)!r})): os._exit(3)"
    )
    assert subprocess.run([sys.executable, "-c", holder], check=False, env=os.environ).returncode == 3
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
