"""Every class of bad tick, put among real rows: quarantined = injected, for the right reason, and nothing of it reaches a feature."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cleaning.bad_ticks import BAD, TICK, Bad, Row
from tickcast.cleaning import Cleaned, Rules, Screen, clean, explain
from tickcast.clock import DAY
from tickcast.features import FeatureSet
from tickcast.schema import BARS, BOOK, TRADES, Table
from tickcast.sources import Databento, Lobster, MappedTable

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cleaning.md"
EACH = 12  # bad rows of a class put in at once


@dataclass(frozen=True)
class Real:
    """Real rows of a table as their source gives them, the set of features that reads them, and what their market allows."""

    table: Table
    rows: pl.DataFrame
    features: str
    rules: Rules
    trades: pl.DataFrame | None = None

    def judged(self, frame: pl.DataFrame, rules: Rules | None = None, now: int | None = None) -> Cleaned:
        screen = Screen(self.table, self.rules if rules is None else rules)
        return screen.take(clean(frame, self.table, origin="file"), now=now)


def _rules(rows: pl.DataFrame, table: Table) -> Rules:
    return Rules(symbols=frozenset(rows["symbol"].unique().to_list()), tick=TICK[table.name], locked="quarantine")


@pytest.fixture(scope="module")
def real(market_data: Path) -> Callable[[str], Real]:
    """Rows as read, before cleaning numbers them: ES trades, GOOG books with a cumulative volume, bars of the busiest MGC contract."""
    made: dict[str, Real] = {}

    def es() -> Real:
        columns = {"ts": "DateTime", "price": "Price", "size": "Volume"}
        files = market_data / "es_trades" / "es_trades_2013-09.csv.xz"
        source = MappedTable(files, table="trades", columns=columns, symbol="ES", zone="America/Chicago")
        frame = next(source.history()).frame.slice(100_000, 6_000).drop("sequence", "ts_event")
        return Real(TRADES, frame, "ticks12", _rules(frame, TRADES))

    def goog() -> Real:
        files = market_data / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
        frame = next(Lobster(files).history()).frame.slice(30_000, 6_000)
        frame = frame.with_columns(pl.int_range(pl.len()).cast(pl.Float64).alias("volume") // 3 + 10, pl.col("sequence") * 2)
        executed = _placed(next(Lobster(files, table="trades").history()).frame.with_columns(pl.col("sequence") * 2))
        return Real(BOOK, frame, "touch", _rules(frame, BOOK), executed)

    def mgc() -> Real:
        frame = next(Databento(market_data / "mgc" / "glbx-mdp3-20231101-20231130.ohlcv-1m.dbn.zst", symbol="MGC").history()).frame
        busiest = frame["symbol"].value_counts().sort("count")["symbol"][-1]
        frame = frame.filter(pl.col("symbol") == busiest).slice(2_000, 4_000).drop("underlying_contract", "turnover", "count")
        return Real(BARS, frame, "nq24", _rules(frame, BARS))

    def find(name: str) -> Real:
        if name not in made:
            made[name] = {"trades": es, "book": goog, "bars": mgc}[name]()
        return made[name]

    return find


def injected(real: Real, bad: Bad, seed: int) -> tuple[pl.DataFrame, list[int], Rules]:
    """The real rows with bad ones among them, the numbers (from 1) of these, and the rules with the halts they lie in."""
    rows: list[Row] = real.rows.to_dicts()
    edges = [i for i in range(len(rows) // 3, len(rows) - 10) if rows[i + 1]["ts"] > rows[i]["ts"] + 3]  # the last row of a stamp
    places = set(np.random.default_rng(seed).choice(edges, EACH, replace=False).tolist())
    out: list[Row] = []
    where: list[int] = []
    halts: list[tuple[int, int]] = []
    for i, row in enumerate(rows):
        out.append(row)
        if i in places:
            made = bad.put(row, rows[:i])
            if bad.name == "print inside a halt":
                made = {**row, "ts": row["ts"] + 2}
                halts.append((row["ts"] + 1, row["ts"] + 3))
            out.append(made)
            where.append(len(out))
    frame = pl.DataFrame(out, schema=real.rows.schema)
    rules = real.rules
    return frame, where, Rules(symbols=rules.symbols, tick=rules.tick, locked=rules.locked, halts=tuple(halts))


def _placed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.lit(0, pl.Int64).alias("session_id"), pl.lit(0, pl.Int64).alias("segment_id"))


def numbers(real: Real, frame: pl.DataFrame) -> np.ndarray:
    """Values of the features over these rows."""
    ready = _placed(frame)
    if real.trades is None:
        return FeatureSet.load(real.features).compute(ready).values
    near = real.trades.filter(pl.col("ts").is_between(ready["ts"][0], ready["ts"][-1]))
    return FeatureSet.load(real.features).compute({"trades": near, real.table.name: ready}).values


CASES = [(bad, table) for bad in BAD for table in bad.reasons]


@pytest.mark.parametrize(("bad", "table"), CASES, ids=[f"{bad.name}-{table}" for bad, table in CASES])
def test_quarantined_is_injected_and_neighbours_stay(bad: Bad, table: str, real: Callable[[str], Real]) -> None:
    one = real(table)
    frame, where, rules = injected(one, bad, seed=len(bad.name))
    got = one.judged(frame, rules)
    assert dict(got.counts) == {bad.reasons[table]: EACH}
    assert sorted(got.quarantined["row"].to_list()) == where
    assert got.frame.equals(one.judged(one.rows).frame)
    assert got.rows is not None and not set(got.rows.to_list()) & set(where)


@pytest.mark.parametrize("table", ["trades", "book", "bars"])
def test_no_bad_tick_reaches_a_feature(table: str, real: Callable[[str], Real]) -> None:
    """All classes at once, one after another over the file; the features are those of the clean file, bit for bit."""
    one = real(table)
    rows = one.rows.to_dicts()
    classes = [bad for bad in BAD if table in bad.reasons and bad.name not in ("print inside a halt",)]
    step = len(rows) // 2 // len(classes)
    places = {len(rows) // 2 + k * step: bad for k, bad in enumerate(classes)}
    mixed = [each for i, row in enumerate(rows) for each in ([row, places[i].put(row, rows[:i])] if i in places else [row])]
    got = one.judged(pl.DataFrame(mixed, schema=one.rows.schema))
    assert sum(got.counts.values()) == len(classes)
    assert got.quarantined.sort("row")["reason"].to_list() == [bad.reasons[table] for bad in classes]
    honest = one.judged(one.rows)
    assert not honest.counts
    assert got.frame.equals(honest.frame)
    tail = got.frame.tail(1_500)
    assert np.array_equal(numbers(one, tail), numbers(one, honest.frame.tail(1_500)), equal_nan=True)
    assert np.isfinite(numbers(one, tail)).any()


def test_the_last_row_from_tomorrow_is_told_by_the_clock(real: Callable[[str], Real]) -> None:
    """No row after it contradicts it; whoever reads the file knows that tomorrow has not been."""
    one = real("trades")
    rows = one.rows.to_dicts()
    frame = pl.DataFrame([*rows, {**rows[-1], "ts": rows[-1]["ts"] + DAY}], schema=one.rows.schema)
    got = one.judged(frame, now=rows[-1]["ts"] + 1)
    assert dict(got.counts) == {"ts_ahead": 1}
    assert got.quarantined["row"].to_list() == [len(rows) + 1]


def test_two_genuine_trades_at_one_stamp_stay_two(real: Callable[[str], Real]) -> None:
    """Without a number of its own a second equal trade cannot be told from a row sent twice: it stays."""
    one = real("trades")
    twice = pl.concat([one.rows.head(100), one.rows.slice(99, 1), one.rows.slice(100, 100)])
    assert len(one.judged(twice).frame) == 201


def test_the_page_lists_the_classes_that_are_tested() -> None:
    listed = re.findall(r"^\| (\d+) \| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    expected = [
        (str(i), bad.name, ", ".join(bad.reasons), ", ".join(f"`{reason}`" for reason in dict.fromkeys(bad.reasons.values())))
        for i, bad in enumerate(BAD, 1)
    ]
    assert listed == expected
    assert len(BAD) >= 26


def test_every_reason_is_explained() -> None:
    for bad in BAD:
        for reason in bad.reasons.values():
            assert explain(reason) != reason
