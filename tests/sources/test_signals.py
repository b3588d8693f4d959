"""Signals: known when they were published, never when they happened; seen through features, an attack on the future finds nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import ConfigError, SourceError
from tickcast.features import FeatureSet
from tickcast.sources import MappedTable
from tickcast.store import Store

JANUARY = 18_262  # 2020-01-01
VINTAGES = """observed,published,value
2020-01-31,2020-02-13,1.0
2020-01-31,2020-03-12,1.5
2020-02-29,2020-03-12,2.0
2020-03-31,2020-04-10,3.0
2020-02-29,2020-05-05,2.5
"""
"""A monthly figure with its revisions, listed by what it tells of, as archives of vintages do."""


def read(folder: Path, text: str, columns: dict[str, str], **more: Any) -> Any:
    (folder / "s.csv").write_text(text)
    source = MappedTable(folder / "s.csv", table="signals", columns=columns, zone="UTC", format="%Y-%m-%d", symbol="cpi", **more)
    (chunk,) = source.history()
    return chunk


def days(column: pl.Series) -> list[str]:
    return [str(np.datetime64(ns // DAY, "D")) for ns in column]


def test_what_only_tells_when_it_happened_waits_for_its_publication(tmp_path: Path) -> None:
    told = "observed,value\n2020-01-31,1.0\n2020-02-29,2.0\n"
    chunk = read(tmp_path, told, {"ts_event": "observed", "value": "value"}, layout={"delay": "13d"})
    assert days(chunk.frame["ts"]) == ["2020-02-13", "2020-03-13"] and days(chunk.frame["ts_event"]) == ["2020-01-31", "2020-02-29"]
    again = read(tmp_path, told, {"ts": "observed", "value": "value"}, layout={"delay": "13d"})
    assert again.frame.equals(chunk.frame)
    closed = read(
        tmp_path, told.replace("02-29", "02-28"), {"ts": "observed", "value": "value"}, layout={"calendar": "NYSE", "delay": "15m"}
    )
    assert ((closed.frame["ts"] - closed.frame["ts_event"]) == 15 * MINUTE).all()
    assert closed.frame["ts"][0] == (JANUARY + 30) * DAY + 21 * HOUR + 15 * MINUTE


def test_without_a_publication_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"[Mm]ap ts to the moment of publication"):
        read(tmp_path, VINTAGES, {"ts_event": "observed", "value": "value"})
    with pytest.raises(ConfigError, match="revisions"):
        read(tmp_path, VINTAGES, {"ts": "published", "value": "value"}, layout={"revisions": "none"})


def test_revisions_are_rows_of_their_own_in_the_order_of_publication(tmp_path: Path) -> None:
    columns = {"ts": "published", "ts_event": "observed", "value": "value"}
    chunk = read(tmp_path, VINTAGES, columns)
    assert chunk.frame["value"].to_list() == [1.0, 1.5, 2.0, 3.0, 2.5] and len(chunk.quarantined) == 0
    assert days(chunk.frame["ts"]) == ["2020-02-13", "2020-03-12", "2020-03-12", "2020-04-10", "2020-05-05"]
    current = read(tmp_path, VINTAGES, columns, layout={"revisions": "current"})
    assert current.frame["value"].to_list() == [1.0, 1.5, 2.0, 3.0], "a late word on February is not what holds in May"
    assert current.quarantined.select("row", "reason").rows() == [(5, "revises_the_past")]


def test_what_is_known_before_it_happened_is_set_aside(tmp_path: Path) -> None:
    columns = {"ts": "published", "ts_event": "observed", "value": "value"}
    chunk = read(tmp_path, VINTAGES + "2020-07-31,2020-06-10,9\n", columns, layout={"revisions": "current"})
    assert dict(chunk.counts) == {"published_before_event": 1, "revises_the_past": 1}
    with pytest.raises(SourceError, match="are they swapped"):
        read(tmp_path, VINTAGES, {"ts": "observed", "ts_event": "published", "value": "value"})


def test_the_store_keeps_both_rows_of_one_publication(tmp_path: Path) -> None:
    rows = read(tmp_path, VINTAGES, {"ts": "published", "ts_event": "observed", "value": "value"}).frame
    bare = rows.with_columns(pl.lit(None, pl.Int64).alias("ts_event"), pl.lit("bare").alias("name")).unique("ts", maintain_order=True)
    with Store.open(tmp_path / "store") as store:
        for _ in range(2):
            store.write("signals", rows, source="a")
            store.write("signals", bare, source="b")
        assert store.scan("signals", ["cpi"]).select(rows.columns).equals(rows)
        assert len(store.scan("signals", ["bare"])) == 4


FEATURES = FeatureSet.from_dict(
    {
        "name": "t",
        "stream": "bars",
        "clock": {"on": "bars", "step": "1m"},
        "session": "carry",
        "price": "close",
        "features": {"s": 'signal("cpi")', "old": 'age(signal("cpi"))', "fresh": 'signal("cpi", ttl="20m")'},
    }
)


def bars(n: int = 120) -> pl.DataFrame:
    ts = (np.arange(1, n + 1) * MINUTE).astype(np.int64)
    level = 100.0 + np.arange(n)
    frame = pl.DataFrame({"ts": ts, "ts_open": ts - MINUTE, **dict.fromkeys(("open", "high", "low", "close"), level), "volume": level})
    return frame.with_columns(symbol=pl.lit("X"), interval=pl.lit(MINUTE), session_id=pl.lit(10**15), segment_id=pl.lit(0))


def signals(published: list[int], delays: list[int]) -> pl.DataFrame:
    """Values of 1, 2, … published at these seconds, each telling of a moment so many seconds before."""
    columns = {"ts": [t * SECOND for t in published], "ts_event": [(t - d) * SECOND for t, d in zip(published, delays, strict=True)]}
    frame = pl.DataFrame(columns, schema={"ts": pl.Int64, "ts_event": pl.Int64}).sort("ts", "ts_event")
    whole = frame.with_columns(value=pl.int_range(1, pl.len() + 1).cast(pl.Float64), name=pl.lit("cpi"), session_id=pl.lit(0, pl.Int64))
    return whole.with_columns(segment_id=pl.lit(0, pl.Int64))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 7300), st.integers(0, 3000)), min_size=1, max_size=8))
def test_a_feature_sees_the_last_publication_and_its_age(rows: list[tuple[int, int]]) -> None:
    told = signals([t for t, _ in rows], [d for _, d in rows])
    table = FEATURES.compute({"bars": bars(), "signals": told})
    stamps, values = told["ts"].to_numpy(), told["value"].to_numpy()
    for at, (ts, row) in enumerate(zip(table.ts, table.values, strict=True)):
        known = int(np.searchsorted(stamps, ts, side="right"))
        if known == 0:
            assert np.isnan(row).all(), at
            continue
        since = (ts - stamps[known - 1]) / SECOND
        assert (row[0], row[1]) == (values[known - 1], pytest.approx(since)), "its value, and how long ago it was published, not happened"
        assert np.isnan(row[2]) if since > 1200 else row[2] == values[known - 1]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 7000), st.floats(-1e6, 1e6), st.integers(0, 3000))
def test_what_is_published_later_changes_nothing_before(cut: int, value: float, delay: int) -> None:
    """The attack: everything published after the cut, about whatever moment, is changed, removed, or joined by more."""
    told = signals([600, 1900, 2500, 4000, 6000], [500, 1800, 10, 3900, 0])
    base = FEATURES.compute({"bars": bars(), "signals": told})
    past, future = told.filter(pl.col("ts") <= cut * SECOND), told.filter(pl.col("ts") > cut * SECOND)
    more = signals([cut + 1, cut + 40], [delay, 0]).with_columns(value=pl.lit(value))
    seen = base.ts <= cut * SECOND
    for changed in (past, pl.concat([past, future.with_columns(pl.col("value") * -7)]), pl.concat([past, more, future]).sort("ts")):
        attacked = FEATURES.compute({"bars": bars(), "signals": changed})
        assert attacked.values[seen].tobytes() == base.values[seen].tobytes()


def test_stamped_with_what_it_tells_of_it_would_see_the_future() -> None:
    """The attack would be noticed: the same rows stamped with their event, as a careless file does, are seen too early."""
    told = signals([600, 4000], [500, 3900])
    honest = FEATURES.compute({"bars": bars(), "signals": told})
    careless = FEATURES.compute({"bars": bars(), "signals": told.with_columns(ts=pl.col("ts_event")).sort("ts")})
    at = int(np.searchsorted(honest.ts, 300 * SECOND))
    assert np.isnan(honest.values[at, 0]) and not np.isnan(careless.values[at, 0])
