"""Large files in portions: the rows, the order and what is set aside are those of the file read at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.errors import SourceError
from tickcast.sources import MappedTable
from tickcast.sources import portions as room
from tickcast.sources.portions import Portion, portions_of

COLUMNS = {"ts": "t", "price": "p", "size": "q"}


def made(rows: int, seed: int) -> pl.DataFrame:
    """Trades, several at a stamp, with prices that cannot be, stamps out of order and stamps far ahead."""
    random = np.random.default_rng(seed)
    t = 1_600_000_000 + np.sort(random.integers(0, rows // 3 + 2, rows))
    p = 100 + random.integers(0, 9, rows) * 0.25
    for at in random.integers(0, rows, rows // 40 + 1):
        p[at] = -1
    t[random.integers(0, rows, 2)] += np.array([-500_000, 3_000_000])
    return pl.DataFrame({"t": t, "p": p, "q": random.integers(1, 5, rows).astype(float)})


def read(path: Path, **words: object) -> tuple[pl.DataFrame, list[tuple[int, str]], int]:
    source = MappedTable(path, table="trades", columns=COLUMNS, symbol="A", unit="s", **words)
    chunks = list(source.history())
    aside = [
        (int(row), reason) for chunk in chunks for row, reason in zip(chunk.quarantined["row"], chunk.quarantined["reason"], strict=True)
    ]
    assert sum(sum(chunk.counts.values()) for chunk in chunks) == len(aside)
    return pl.concat([chunk.frame for chunk in chunks]), sorted(aside), len(chunks)


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(2, 900), seed=st.integers(0, 99), size=st.integers(200, 4_000), ended=st.booleans(), bare=st.booleans())
def test_a_csv_file_in_portions_is_the_file(
    tmp_path_factory: pytest.TempPathFactory, rows: int, seed: int, size: int, ended: bool, bare: bool
) -> None:
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    text = made(rows, seed).write_csv(include_header=not bare)
    path.write_text(text if ended else text.removesuffix("\n"))
    words = {"layout": {"header": ["t", "p", "q"]}} if bare else {}
    whole = read(path, **words)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(room, "_BYTES", size)
        patched.setattr(room, "_MARGIN", 20_000)
        parts = read(path, **words)
    assert parts[0].equals(whole[0])
    assert parts[1] == whole[1]
    assert parts[2] > 1 or path.stat().st_size < 2 * size


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(2, 900), seed=st.integers(0, 99), group=st.integers(5, 300), portion=st.integers(5, 300))
def test_a_parquet_file_in_portions_is_the_file(
    tmp_path_factory: pytest.TempPathFactory, rows: int, seed: int, group: int, portion: int
) -> None:
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    made(rows, seed).write_parquet(path, row_group_size=group, use_pyarrow=True)
    whole = read(path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(room, "_BYTES", 10)
        patched.setattr(room, "_ROWS", portion)
        patched.setattr(room, "_MARGIN_ROWS", 20)
        in_order = made(rows, seed).filter(pl.col("t").is_between(1_600_000_000, 1_600_999_999))["t"].is_sorted()
        parts = read(path)
    assert in_order
    assert len(parts[0]) + len(parts[1]) == rows == len(whole[0]) + len(whole[1])
    assert [row for row, reason in parts[1] if reason == "price_not_positive"] == [row for row, reason in whole[1] if "price" in reason]


def test_a_fault_deep_inside_is_named_by_its_row_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = made(400, 1).write_csv().splitlines()
    lines[300] += ",9"  # the header is line 0, so this is row 300
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(room, "_BYTES", 1_000)
    monkeypatch.setattr(room, "_MARGIN", 200)
    with pytest.raises(SourceError, match="row 300: has 4 fields"):
        read(tmp_path / "a.csv")


def test_a_cut_where_the_rows_of_a_stamp_cannot_be_counted_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal trades of that stamp, one on either side, would become one."""
    pl.DataFrame({"t": [1_600_000_000] * 90 + [1_600_000_001] * 10, "p": 1.0, "q": 1.0}).write_csv(tmp_path / "a.csv")
    assert len(read(tmp_path / "a.csv")[0]) == 100
    monkeypatch.setattr(room, "_BYTES", 800)
    with pytest.raises(SourceError, match=r"a\.csv, row \d+, field ts: is cut where more than 2\d rows bear one stamp"):
        monkeypatch.setattr(room, "_MARGIN", 500)
        read(tmp_path / "a.csv")
    monkeypatch.setattr(room, "_MARGIN", 2_000)
    assert len(read(tmp_path / "a.csv")[0]) == 100


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(2, 400), seed=st.integers(0, 99), size=st.integers(300, 4_000), look=st.integers(1, 99))
def test_quoted_csv_is_cut_where_no_line_end_stands_between_quotes(
    tmp_path_factory: pytest.TempPathFactory, rows: int, seed: int, size: int, look: int
) -> None:
    path = tmp_path_factory.mktemp("quoted") / "a.csv"
    noted = made(rows, seed).with_columns(pl.Series("n", ['say ""so"", or not', "", "plain"] * rows).head(rows))
    path.write_text(noted.write_csv(quote_style="always"))
    whole = read(path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(room, "_BYTES", size)
        patched.setattr(room, "_LOOK", look)
        patched.setattr(room, "_MARGIN", 20_000)
        parts = read(path)
        path.write_text(noted.with_columns(pl.col("n") + "\n").write_csv(quote_style="always"))
        assert portions_of(path, ()) == (Portion(path),)
    assert parts[0].equals(whole[0]) and parts[1] == whole[1]
    assert parts[2] > 1 or len(noted.write_csv(quote_style="always")) < 2 * size


def test_a_table_of_half_a_million_columns_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",".join(f"c{i}" for i in range(500_000)) + "\n")
    with pytest.raises(SourceError, match="has 500,000 columns"):
        read(tmp_path / "a.csv")


def test_what_cannot_be_cut_is_left_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_BYTES", 10)
    quoted = tmp_path / "q.csv"
    quoted.write_text('t,p\n1,"a\nb"\n2,c\n')
    assert portions_of(quoted, ()) == (Portion(quoted),)
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(bytes(100))
    assert portions_of(packed, ()) == (Portion(packed),)
    assert portions_of(Path("a.zip!b.csv"), ()) == (Portion(Path("a.zip!b.csv")),)
    (tmp_path / "b.parquet").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(SourceError, match="no readable Parquet"):
        portions_of(tmp_path / "b.parquet", ())
