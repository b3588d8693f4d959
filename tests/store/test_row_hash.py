"""The row hash: the same on every machine and in every release, and blind to what is not a value."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickcast.errors import StoreError
from tickcast.store.row_hash import row_hashes

GOLDEN = Path(__file__).parents[2] / "golden" / "row_hash.json"
ROWS = pl.DataFrame(
    {"symbol": ["NQ", "MGCG1 long name", ""], "ts": [1, -2, 2**62], "price": [0.0, -0.0, float("nan")], "side": [1, None, -1]},
    schema={"symbol": pl.String, "ts": pl.Int64, "price": pl.Float64, "side": pl.Int8},
)


def mix(bits: int) -> int:
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % 2**64
    return bits ^ bits >> 31


def bits_of(value: object) -> int:
    if isinstance(value, str):
        content, state = value.encode(), len(value.encode())
        for at in range(0, len(content), 8):
            state = mix(state ^ int.from_bytes(content[at : at + 8], "little"))
        return state
    if isinstance(value, float):
        return 0x7FF8 << 48 if value != value else int(struct.unpack("<Q", struct.pack("<d", value + 0.0))[0])
    assert isinstance(value, int)
    return value % 2**64


def oracle(row: Mapping[str, object]) -> int:
    """The definition, word for word."""
    keys = {name: int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") for name in row}
    return mix(sum(mix((bits_of(value) + keys[name]) % 2**64) for name, value in row.items() if value is not None) % 2**64)


def test_the_golden_vectors() -> None:
    for case in json.loads(GOLDEN.read_text()):
        frame = pl.DataFrame(case["columns"], schema={name: getattr(pl, kind) for name, kind in case["types"].items()})
        expected = [int(each, 16) for each in case["hashes"]]
        assert row_hashes(frame).tolist() == expected == [oracle(row) for row in frame.iter_rows(named=True)]


CELLS = {"a": st.integers(-(2**63), 2**63 - 1), "b": st.floats(), "c": st.text("aZ0-é銀", max_size=20), "d": st.integers(-128, 127)}
TYPES = {"a": pl.Int64, "b": pl.Float64, "c": pl.String, "d": pl.Int8}


@given(st.lists(st.fixed_dictionaries({name: st.none() | cells for name, cells in CELLS.items()}), max_size=20))
def test_any_rows_hash_as_defined(rows: list[dict[str, object]]) -> None:
    assert row_hashes(pl.DataFrame(rows, schema=TYPES)).tolist() == [oracle(row) for row in rows]


def test_nulls_order_and_width_do_not_count() -> None:
    known = row_hashes(ROWS).tolist()
    assert row_hashes(ROWS.with_columns(x=pl.lit(None, dtype=pl.Float64))).tolist() == known
    assert row_hashes(ROWS.select(reversed(ROWS.columns))).tolist() == known
    assert row_hashes(ROWS.cast({"side": pl.Int64})).tolist() == known
    assert row_hashes(ROWS[::-1]).tolist() == known[::-1]
    assert row_hashes(ROWS.with_columns(-pl.col("price"))).tolist() == known, "one zero, one NaN"
    long = pl.concat([ROWS] * 3000)
    assert row_hashes(long).tolist() == known * 3000


def test_values_and_their_columns_count() -> None:
    rows = pl.DataFrame({"a": [1, 2, 1], "b": [2, 1, 1]})
    known = row_hashes(rows).tolist()
    assert row_hashes(rows.rename({"a": "b", "b": "a"})).tolist() == [known[1], known[0], known[2]]
    others = [row_hashes(rows.cast(kind)).tolist() for kind in (pl.Float64, pl.String)]
    assert len({each for hashes in (known, *others) for each in hashes}) == 9
    assert len(row_hashes(rows[:0])) == 0
    with pytest.raises(StoreError, match="field a: holds List"):
        row_hashes(pl.DataFrame({"a": [[1]]}))
