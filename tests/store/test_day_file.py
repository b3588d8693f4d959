"""Day files and their place on disk: altered bytes are never parsed, the order of writing does not matter."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.errors import StoreError
from tickcast.schema import BARS, TRADES, conform
from tickcast.store.day_file import decode, encode
from tickcast.store.day_rows import canonical, merge
from tickcast.store.lattice_file import lattice_file, lattice_rows


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


@settings(deadline=None)
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


LATTICE = st.tuples(st.integers(-(10**7), 10**7), st.sampled_from([1.0, 10.0, 100.0, 8.0, 3.0]))
FLOATS = st.one_of(
    st.lists(LATTICE.map(lambda pair: pair[0] / pair[1]), min_size=1, max_size=40), st.lists(st.floats(), min_size=1, max_size=9)
)


@settings(max_examples=60, deadline=None)
@given(
    floats=FLOATS, gaps=st.lists(st.booleans(), min_size=1, max_size=5), start=st.sampled_from([0, -5, 2**62, 1_700_000_000_000_000_000])
)
def test_any_rows_come_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, floats: list[float], gaps: list[bool], start: int) -> None:
    n = len(floats)
    null = pl.Series([gaps[k % len(gaps)] for k in range(n)])
    ints = pl.Series([start + k * 500_000_000 * (k % 3) for k in range(n)])
    columns = {
        "f": pl.Series(floats, dtype=pl.Float64),
        "i": ints,
        "t": pl.Series([f"s{k % 3}" for k in range(n)]),
        "b": ints.cast(pl.Int64) % 3,
    }
    holes = {f"{name}_holes": values.set(null, None) for name, values in columns.items()}
    fixed = {"same": pl.repeat("x", n, eager=True), "none": pl.repeat(None, n, dtype=pl.Float64, eager=True)}
    rows = pl.DataFrame({**columns, **holes, **fixed}).cast({"b": pl.Int8, "b_holes": pl.Int32})
    digest, content = encode(rows)
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    path.write_bytes(content)
    back = decode(path, digest)
    assert back.schema == rows.schema and back.equals(rows, null_equal=True)
    for name in ("f", "f_holes"):
        assert back[name].fill_null(0.5).to_numpy().tobytes() == rows[name].fill_null(0.5).to_numpy().tobytes()
    assert encode(rows) == (digest, content)


def test_prices_on_ticks_are_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = pl.DataFrame({"ts": np.arange(5000) * 500_000_000, "price": 400.0 + 0.02 * rng.choice([-1, 0, 1], 5000).cumsum()})
    _, content = encode(rows.with_columns(pl.col("price").round(2)))
    assert len(content) < 5000, "under a byte a row"


def test_what_a_day_file_cannot_hold_is_named() -> None:
    with pytest.raises(StoreError, match="field a: holds List"):
        encode(pl.DataFrame({"a": [[1]]}))
    assert encode(pl.DataFrame({"a": []}, schema={"a": pl.Float64}))[1] != b""


@settings(max_examples=40, deadline=None)
@given(
    places=st.lists(st.integers(-(2**20), 2**20) | st.integers(-(2**40), 2**40), min_size=1, max_size=300),
    repeats=st.sampled_from([1, 30]),
    step=st.sampled_from([1, 5, 25]),
)
def test_any_reader_of_parquet_gets_the_places_of_a_lattice_file(places: list[int], repeats: int, step: int) -> None:
    at = np.array(places * repeats)
    rows = pl.DataFrame({"symbol": "X", "ts": 7 + at * step, "price": at * step / 4, "side": (at % 3).astype(np.int8)})
    content = lattice_file(rows)
    assert content is not None
    back = lattice_rows(content)
    assert back is not None and back.schema == rows.schema and back.equals(rows)
    read = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read()
    polars = pl.read_parquet(io.BytesIO(content))
    for name in ("ts", "price", "side"):
        found = read[name].to_numpy().astype(np.int64)
        assert np.array_equal(found, polars[name].to_numpy())
        given_as = rows[name].to_numpy()
        scale = np.unique(given_as - given_as[0])
        assert len(np.unique(found)) == len(scale) and np.array_equal(np.argsort(found, kind="stable"), np.argsort(given_as, kind="stable"))


def test_what_a_lattice_file_cannot_hold_is_left_to_the_other_writer() -> None:
    for values in ([1.0, None], [0.1 + 0.2, 1e-7], [-0.0, 1.0], ["a", "b"], [True, False]):
        assert lattice_file(pl.DataFrame({"ts": [1, 2], "a": values})) is None, values
    assert lattice_rows(encode(pl.DataFrame({"a": [1.0, None]}))[1]) is None
    content = lattice_file(pl.DataFrame({"ts": [1, 2, 5]}))
    assert content is not None
    begin = content.index(b'{"rows":3')
    with pytest.raises(ValueError, match="a page is not"):
        lattice_rows(content[:begin] + content[begin:].replace(b'"rows":3', b'"rows":4'))
