"""Audit: every finding is planted and found with its place; a store as tickcast writes it has none."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import apsw
import polars as pl
import pytest

import small_market
from tickcast.calendars import calendar
from tickcast.cleaning import clean, quarantine_rows
from tickcast.cli import execute
from tickcast.clock import DAY, HOUR, MINUTE
from tickcast.features import FeatureSet, Registry
from tickcast.lifecycle.input_days import stored_days
from tickcast.lifecycle.materialise import materialise
from tickcast.schema import TABLES
from tickcast.store import Store
from tickcast.store.base import Block
from tickcast.store.manifest import Day, Part, summary
from tickcast.store.records import Commit
from tickcast.upkeep import Audited, audit
from tickcast.upkeep.audit import STORE_FINDINGS
from tickcast.upkeep.day_audit import DAY_FINDINGS
from upkeep.provider import FIRST, rows

Change = Callable[[pl.DataFrame], pl.DataFrame]


def placed(day: int = FIRST, count: int = 6, symbol: str = "A") -> pl.DataFrame:
    """Trades with their trading day and session."""
    return rows(symbol, day, count).with_columns(
        pl.lit(day, dtype=pl.Int32).alias("trading_day"), pl.lit((day + 1) * DAY, dtype=pl.Int64).alias("session_id")
    )


def plant(store: Store, table: str, symbol: str, day: int, wrong: pl.DataFrame, **manifest: int) -> None:
    """Commit rows that `Store.write` would never write, under a manifest with these fields changed."""
    backend = store._backend
    told = replace(Day(table, symbol, day, **asdict(summary(wrong.sort("ts"))), parts=1, source="planted"), **manifest)
    with backend.exclusive():
        ledger = backend.ledger
        fence = ledger.fence() + 1
        (name,) = backend.put([Block(table, symbol, day, wrong)], fence)
        part = Part(name, table, symbol, day, len(wrong), told.first_ts, told.last_ts)
        gone = tuple(each.name for each in ledger.parts(table, [symbol], ledger.version()[0]).get((symbol, day), []))
        backend.commit(Commit(fence, 1, "planted", (told,), gone, (part,)))


def kinds(found: Audited) -> list[str]:
    return [each.kind for each in found.findings]


def with_(at: int, name: str, value: object) -> Change:
    """One cell changed."""
    return lambda frame: frame.with_columns(
        pl.when(pl.int_range(pl.len()) == at).then(pl.lit(value)).otherwise(pl.col(name)).cast(frame.schema[name]).alias(name)
    )


PLANTED = [
    ("order", lambda frame: frame[[0, 1, 3, 2, 4, 5]], 4),
    ("symbol", with_(2, "symbol", "B"), 3),
    ("trading_day", with_(1, "trading_day", FIRST - 1), 2),
    ("session", with_(5, "session_id", FIRST * DAY), 6),
    ("identity", lambda frame: frame[[0, 1, 1, 2, 3]], 2),
    ("values", with_(3, "price", -1.0), 4),
    ("values", with_(3, "size", 0.0), 4),
    ("values", with_(0, "price", 1e18), 1),
    ("values", with_(4, "price", float("nan")), 5),
    ("schema", lambda frame: frame.rename({"price": "prize"}), None),
    ("schema", lambda frame: frame.with_columns(pl.lit("much").alias("size")), None),
]


@pytest.mark.parametrize(("kind", "change", "row"), PLANTED)
def test_a_planted_row_is_found_where_it_is(kind: str, change: Change, row: int | None, tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", pl.concat([placed(FIRST + 1), placed(FIRST + 2)]), source="sound")
        plant(store, "trades", "A", FIRST, change(placed()))
        found = audit(store, progress=lambda what, share: None)
        assert not found.ok and set(kinds(found)) == {kind}
        one = found.findings[0]
        assert (one.table, one.symbol, one.day, one.row) == ("trades", "A", FIRST, row)
        assert one.file == store.coverage("trades")["content"][0] and one.do == DAY_FINDINGS[kind]


@pytest.mark.parametrize("field", ["rows", "first_ts", "last_ts", "low", "high", "total", "levels"])
def test_every_field_of_a_manifest_is_held_against_the_rows(field: str, tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        true = asdict(summary(placed()))[field]
        plant(store, "trades", "A", FIRST, placed(), **{field: true + 1 if true < 2**63 - 1 else true - 1})
        (one,) = audit(store).findings
        assert one.kind in ("manifest", "damaged") and "manifest" in one.found or one.found.startswith(f"{field} is")


@pytest.mark.parametrize("symbol", ["BTC-USD", "BRK B"])
def test_a_name_with_a_dash_or_a_blank_is_no_spread(symbol: str, tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", rows(symbol, FIRST, price=-0.5), source="s")
        assert kinds(audit(store)) == ["values"]


def test_sound_stores_have_no_findings(tmp_path: Path) -> None:
    """Trades, bars, books with all that is allowed: repeats, spreads below zero, crossed books, rows without a session."""
    book = {"symbol": "B", "ts": [FIRST * DAY + 1], "bid_price_1": [2.0], "bid_size_1": [1.0], "ask_price_1": [1.0], "ask_size_1": [1.0]}
    with Store.open(tmp_path) as store:
        store.write("trades", pl.concat([placed(), placed().with_columns(pl.lit(1, dtype=pl.Int64).alias("sequence"))]), source="twice")
        store.write("trades", rows("MGCG1-MGCJ1", FIRST, price=-0.5), source="spread")
        store.write("book", pl.DataFrame(book), source="auction")
        found = audit(store, calendar=lambda table, symbol: calendar("24/7"))
        assert found.ok and (found.days, found.rows) == (3, 16)
        assert [(each.kind, each.symbol, each.row) for each in found.remarks] == [("crossed", "B", 1)]


def test_rows_outside_the_calendars_sessions(tmp_path: Path) -> None:
    """2024-03-01 at 15:00 UTC New York traded, at 22:00 it did not."""
    night = rows("A", FIRST).with_columns(pl.col("ts") + 7 * HOUR)
    with Store.open(tmp_path) as store:
        store.write("trades", pl.concat([rows("A", FIRST), night]), source="both")
        assert audit(store).ok, "without a calendar nobody knows"
        (one,) = audit(store, table="trades", symbols=["A"], calendar=lambda table, symbol: calendar("NYSE")).findings
        assert (one.kind, one.row) == ("session", 4) and "3 rows lie outside every session of NYSE" in one.found


def test_what_tells_of_the_data_is_asked_for_no_session(tmp_path: Path) -> None:
    """A contract is known before the market opens; rows that were set aside because no session holds them are where they belong."""
    night = FIRST * DAY + 1
    frame = pl.DataFrame({"symbol": "A", "ts": [night], "price": [1.0], "size": [1.0]})
    chunk = clean(frame, TABLES["trades"], origin="a.csv").placed(calendar("NYSE"))
    gap = {"symbol": "A", "ts": night, "start": night - 1, "table": "trades", "reason": "cut off", "healed": 0}
    with Store.open(tmp_path) as store:
        store.write("quarantine", quarantine_rows(chunk, TABLES["trades"], source="a.csv"), source="a.csv")
        store.write("contracts", pl.DataFrame({"symbol": ["A"], "ts": [night]}), source="a.csv")
        store.write("gaps", pl.DataFrame([gap], schema_overrides={"healed": pl.Int8}), source="a.csv")
        found = audit(store, calendar=lambda table, symbol: calendar("NYSE"))
    assert (found.days, found.findings) == (3, ())
    assert found.quarantined == (("trades", "A", "outside_session", 1),)


def test_a_trading_day_that_the_calendar_contradicts(tmp_path: Path) -> None:
    """Filed under the day before, as somebody who took UTC for the exchange's rule would."""
    with Store.open(tmp_path) as store:
        store.write("trades", placed().with_columns(pl.lit(FIRST - 1, dtype=pl.Int32).alias("trading_day")), source="wrong rule")
        found = audit(store, calendar=lambda table, symbol: calendar("24/7"))
        assert set(kinds(found)) == {"session"} and "another trading day than 24/7 says" in found.findings[0].found


def test_days_that_lie_across_one_another(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", placed(), source="sound")
        late = placed().with_columns(pl.lit(FIRST + 1, dtype=pl.Int32).alias("trading_day"), pl.col("ts") + MINUTE // 2)
        plant(store, "trades", "A", FIRST + 1, late)
        assert kinds(audit(store)) == ["overlap"]


def test_damaged_and_absent_files(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", pl.concat([placed(FIRST + day) for day in range(4)]), source="sound")
        blocks = sorted((tmp_path / "days").rglob("*.parquet"))
        blocks[0].unlink()
        blocks[1].write_bytes(blocks[1].read_bytes().replace(b"PAR1", b"PAR2", 1))
        found = audit(store)
        assert kinds(found) == ["damaged", "damaged"] and found.days == 4


def test_a_block_that_nothing_names_is_a_remark(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", placed(), source="sound")
        with store._backend.exclusive():
            (name,) = store._backend.put([Block("trades", "A", FIRST + 1, placed(FIRST + 1))], store._backend.ledger.fence() + 1)
        found = audit(store)
        assert found.ok and [each.file for each in found.remarks] == [name]
        assert found.remarks[0].do == STORE_FINDINGS["unnamed"]


def test_a_version_that_its_days_do_not_add_up_to(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", placed(), source="sound")
        store._backend.ledger.query("UPDATE versions SET hash = ?", ("1" * 64,))
        assert "ledger" in kinds(audit(store))


def test_a_ledger_that_was_altered_behind_its_back(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("trades", placed(), source="sound")
        assert audit(store).ok
    with closing(apsw.Connection(str(tmp_path / "ledger.sqlite"))) as database:
        database.create_scalar_function("row_check", lambda *_: 0)
        database.execute("UPDATE versions SET committed = committed + 1")
    with Store.open(tmp_path) as store:
        found = audit(store)
        assert kinds(found) == ["ledger"] and "versions do not add up" in found.findings[0].found
        assert audit(store, table="trades").ok, "of a part of the store only that part is asked"


def bars(count: int) -> pl.DataFrame:
    frame = small_market.bars(count).with_columns(pl.col("ts") + FIRST * DAY)
    given = {name: pl.col("close") for name in ("open", "high", "low")}
    return frame.select(
        pl.lit("A").alias("symbol"), pl.lit(MINUTE).alias("interval"), "ts", (pl.col("ts") - MINUTE).alias("ts_open"), "close", **given
    )


def test_derived_days_are_held_against_what_they_were_made_of(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.write("bars", bars(30), source="first")
        entry = Registry(store).register(FeatureSet.from_dict(small_market.WORDS), now=1)
        materialise(entry, "A", stored_days(store, "bars", "A"), store, clock=lambda: 1)
        assert audit(store).ok and audit(store).derived == 1
        store.write("bars", bars(30).with_columns(pl.col("open", "high", "low", "close") + 1), source="correction")
        (one,) = audit(store).findings
        assert (one.kind, one.symbol, one.day) == ("derived_differs", "A", FIRST)
        materialise(entry, "A", stored_days(store, "bars", "A"), store, clock=lambda: 2)
        assert audit(store).ok, "the old day is the past of a version; the new one stands for now"
        (derived, *_) = store.derived.days()
        (path,) = (tmp_path / "days").rglob(f"{derived.part}.parquet")
        path.unlink()
        assert kinds(audit(store)) == ["derived_damaged"]


def test_a_derived_day_whose_rows_are_gone(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": [1.0, 2.0]})
    with Store.open(tmp_path) as store:
        store.write("trades", placed(), source="sound")
        told = json.dumps({"contents": ["0" * 64]})
        store.derived.write(("set@1", "A", FIRST + 9, "inputs"), frame, b"state", made=1, source=told)
        assert kinds(audit(store)) == ["derived_gone"]


def test_the_command_tells_json_and_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """See tickcast.cli.data_audit."""
    with Store.open(tmp_path / "s") as store:
        store.write("trades", placed(), source="sound")
    words = ["data", "audit", "--store", str(tmp_path / "s")]
    assert execute([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["findings"] == [] and (told["days"], told["rows"]) == (1, 6)
    assert execute([*words, "--quiet"]) == 0
    assert capsys.readouterr().out == "1 day, 6 rows, 0 derived days read: nothing is wrong; 0 rows in quarantine\n"
    with Store.open(tmp_path / "s") as store:
        plant(store, "trades", "A", FIRST, with_(3, "price", -1.0)(placed()))
    assert execute([*words, "--json"]) == 1
    (one,) = json.loads(capsys.readouterr().out)["findings"]
    assert (one["kind"], one["table"], one["symbol"], one["day"], one["row"]) == ("values", "trades", "A", "2024-03-01", 4)
    assert one["do"] == DAY_FINDINGS["values"] and "price_not_positive" in one["found"]
    assert execute([*words, "--calendar", "NYSE", "--table", "trades", "--quiet"]) == 1
    assert "price_not_positive" in capsys.readouterr().out
    config = tmp_path / "d.yaml"
    config.write_text("data: {source: simulated, symbol: A, table: trades, calendar: 24/7}\n")
    assert execute([*words, "--config", str(config), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["days"] == 1
    assert execute([*words, "--config", str(config), "--table", "bars"]) == 2


def test_every_finding_can_be_planted() -> None:
    """The kinds of this file's tests are all there are."""
    planted = {kind for kind, _, _ in PLANTED} | {"damaged", "manifest", "overlap", "ledger", "unnamed"}
    planted |= {"derived_differs", "derived_damaged", "derived_gone"}
    assert set(DAY_FINDINGS) | set(STORE_FINDINGS) == planted
