"""Databento's history against a stand-in of its service: what comes, what is kept, what is asked, and what is never believed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from databento_dbn import MBOMsg, OHLCVMsg

import made_dbn
from sources.gateway import KEY, Market, StandIn
from tickcast.clock import DAY, HOUR, MINUTE
from tickcast.config import DataConfig
from tickcast.errors import ConfigError, ProviderRefused, ProviderUnavailable
from tickcast.sources import Databento, DatabentoHistory
from tickcast.sources.databento import mapped_ids
from tickcast.sources.files import read_bytes
from tickcast.store import Store
from tickcast.upkeep import family, fill

MONDAY = 18_267  # 2020-01-06
SPAN = (MONDAY * DAY, (MONDAY + 5) * DAY)


def market() -> Market:
    """Five days of hourly bars of two contracts and a spread; on the Wednesday nobody trades."""
    opens = np.concatenate([(MONDAY + d) * DAY + np.arange(24) * HOUR for d in (0, 1, 3, 4)])
    rows = np.concatenate([made_dbn.bars(opens, 100.0 + i, i) for i in (1, 2, 3)])
    rows = rows[np.argsort(rows["ts_event"], kind="stable")]
    symbols = {"MGCG0": 1, "MGCJ0": 2, "MGCG0-MGCJ0": 3}
    roll = {"MGC.v.0": [(0, MONDAY + 3, 1), (MONDAY + 3, 99_999, 2)]}
    return Market({"ohlcv-1m": rows}, symbols, (MONDAY - 40) * DAY, (MONDAY + 5) * DAY, roll)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    with StandIn(market()).running() as running:
        yield running


def asking(service: StandIn, cache: Path, symbol: str = "MGC.FUT", **more: Any) -> DatabentoHistory:
    access = {"url": service.url, "cache": str(cache), "first": 0.01, "longest": 0.05, "tries": 3, "read": 0.5, "connect": 2.0}
    access |= more.pop("access", {})
    return DatabentoHistory(symbol, dataset="GLBX.MDP3", schema=more.pop("schema", "ohlcv-1m"), access=access, **more)


def rows(source: DatabentoHistory, start: int = SPAN[0], end: int = SPAN[1]) -> pl.DataFrame:
    return pl.concat([chunk.frame for chunk in source.history(start=start, end=end)])


def test_days_come_as_chunks_and_an_empty_one_is_told(service: StandIn, tmp_path: Path) -> None:
    chunks = list(asking(service, tmp_path).history(start=SPAN[0], end=SPAN[1]))
    assert [chunk.day for chunk in chunks] == list(range(MONDAY, MONDAY + 5))
    assert [len(chunk.frame) for chunk in chunks] == [48, 48, 0, 48, 48]
    frame = pl.concat([chunk.frame for chunk in chunks])
    assert sorted(frame["symbol"].unique()) == ["MGCG0", "MGCJ0"] and (frame["ts"] - frame["ts_open"] == MINUTE).all()


def test_what_is_kept_is_not_asked_again_and_is_readable_by_itself(service: StandIn, tmp_path: Path) -> None:
    first = rows(asking(service, tmp_path))
    asked = service.fetched()
    assert len(asked) == len(set(asked)) == 6, "a day each, and the one before for the bar that closes at midnight"
    assert rows(asking(service, tmp_path)).equals(first)
    assert service.fetched() == asked
    files = sorted(tmp_path.rglob("*.dbn.zst"))
    assert pl.concat([chunk.frame for chunk in Databento(files).history()]).sort("symbol", "ts").equals(first.sort("symbol", "ts"))
    for file in files:
        assert Path(f"{file}.sha256").read_text() == f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"


def test_offline_reads_what_is_kept_and_asks_nobody(service: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rows(asking(service, tmp_path))
    count = len(service.asked)
    monkeypatch.delenv("DATABENTO_API_KEY")
    assert rows(asking(service, tmp_path, access={"offline": True})).equals(first)
    assert len(service.asked) == count
    with pytest.raises(ProviderUnavailable, match="is not kept"):
        rows(asking(service, tmp_path, access={"offline": True}), SPAN[0] - 9 * DAY)


def test_a_continuous_symbol_tells_the_contract_behind_it(service: StandIn, tmp_path: Path) -> None:
    frame = rows(asking(service, tmp_path, "MGC.v.0"))
    assert frame["symbol"].unique().to_list() == ["MGC.v.0"]
    contracts = frame.group_by("underlying_contract").agg(pl.col("ts").min()).sort("ts")
    assert contracts["underlying_contract"].to_list() == ["MGCG0", "MGCJ0"]
    assert contracts["ts"].to_list() == [SPAN[0] + MINUTE, (MONDAY + 3) * DAY + MINUTE]
    assert rows(asking(service, tmp_path, "MGC.v.0", access={"offline": True})).equals(frame)


def test_a_month_is_one_file_where_all_of_it_is_asked_for(service: StandIn, tmp_path: Path) -> None:
    december = (18_231 * DAY, 18_262 * DAY)
    source = asking(service, tmp_path)
    assert len(list(source.history(start=december[0] + MINUTE, end=december[1] + MINUTE))) == 32
    assert service.fetched() == [december]
    list(source.history(start=december[0] + 5 * DAY + MINUTE, end=december[0] + 6 * DAY))
    assert service.fetched() == [december], "a day of it is read from the month"


def test_a_day_without_rows_is_asked_about_every_time_and_fetched_when_there_is_something(service: StandIn, tmp_path: Path) -> None:
    assert len(rows(asking(service, tmp_path))) == 4 * 48
    asked = len(service.fetched())
    late = made_dbn.bars((MONDAY + 2) * DAY + np.arange(3) * HOUR, 100.0, 1)
    whole = np.concatenate([service.market.records["ohlcv-1m"], late])
    service.market.records["ohlcv-1m"] = whole[np.argsort(whole["ts_event"], kind="stable")]
    frame = rows(asking(service, tmp_path))
    assert len(frame) == 4 * 48 + 3
    assert service.fetched()[asked:] == [((MONDAY + 2) * DAY, (MONDAY + 3) * DAY)]


def test_a_symbol_that_does_not_exist_yet_is_an_answer_without_a_download(service: StandIn, tmp_path: Path) -> None:
    service.market.lives["MGCJ0"] = (MONDAY + 3, MONDAY + 99)
    chunks = list(asking(service, tmp_path, "MGCJ0").history(start=SPAN[0], end=SPAN[1]))
    assert [(chunk.day, len(chunk.frame)) for chunk in chunks] == [(MONDAY + d, 24 * (d > 2)) for d in range(5)]
    assert all(start >= (MONDAY + 3) * DAY for start, _ in service.fetched())


def test_nothing_is_downloaded_above_the_budget(service: StandIn, tmp_path: Path) -> None:
    service.dollars = 0.01
    source = asking(service, tmp_path, budget=1.0)
    estimate = source.estimate(start=SPAN[0], end=SPAN[1])
    assert (estimate.pieces, estimate.size) == (6, 4 * 72 * 56) and estimate.dollars == pytest.approx(2.88)
    with pytest.raises(ProviderRefused, match=r"6 downloads would cost 2.88 US dollars, 1.00 are allowed"):
        rows(source)
    assert service.fetched() == []
    assert len(rows(asking(service, tmp_path, budget=3.0))) == 4 * 48
    assert source.estimate(start=SPAN[0], end=SPAN[1]).pieces == 0
    assert len(rows(source)) == 4 * 48, "what is kept costs nothing"


def test_a_budget_is_spent_once(service: StandIn, tmp_path: Path) -> None:
    service.dollars = 0.01
    source = asking(service, tmp_path, budget=2.0)
    assert len(rows(source, SPAN[0], SPAN[0] + 2 * DAY)) == 96
    with pytest.raises(ProviderRefused, match=r"would cost 1.44 US dollars, 0.56 are allowed.*budget of 2.88"):
        rows(source)


def test_beyond_what_the_provider_has_is_said_after_what_it_has(service: StandIn, tmp_path: Path) -> None:
    seen = []
    with pytest.raises(ProviderUnavailable, match="complete until 2020-01-11"):
        for chunk in asking(service, tmp_path).history(start=SPAN[0], end=SPAN[1] + 2 * DAY):
            seen.append(chunk.day)
    assert seen == list(range(MONDAY, MONDAY + 5))
    whole = list(asking(service, tmp_path).history())
    assert (whole[0].day, whole[-2].day, whole[-2].frame["ts"][-1]) == (MONDAY - 40, MONDAY + 4, SPAN[1] - HOUR + MINUTE)


def test_a_session_of_the_exchange_is_a_day(service: StandIn, tmp_path: Path) -> None:
    chunks = list(asking(service, tmp_path, calendar="CME_Equity").history(start=SPAN[0] - DAY, end=SPAN[1] - DAY))
    told = {chunk.day: (chunk.frame["ts"][0], chunk.frame["ts"][-1]) for chunk in chunks if chunk.day is not None and len(chunk.frame)}
    assert told[MONDAY + 1] == (SPAN[0] + 22 * HOUR + MINUTE, SPAN[0] + 45 * HOUR + MINUTE), "from the evening before until the evening"


def definitions() -> np.ndarray[Any, Any]:
    day = (MONDAY + 4) * DAY
    columns = {
        "ts_event": [day, day, day + 5],
        "ts_recv": [day, day, day + 5],
        "raw_symbol": [b"MGCG0", b"MGCG0-MGCJ0", b"MGCG0"],
        "asset": [b"MGC"] * 3,
        "instrument_class": [b"F", b"S", b"F"],
        "expiration": [(MONDAY + 30) * DAY] * 3,
        "activation": [(MONDAY - 700) * DAY] * 3,
        "min_price_increment": [10**8] * 3,
        "min_price_increment_amount": [10**9, 2**63 - 1, 10**9],
        "unit_of_measure_qty": [2**63 - 1, 10**10, 10**10],
        "currency": [b"USD"] * 3,
        "exchange": [b"XCEC"] * 3,
    }
    return made_dbn.records("definition", columns, [1, 3, 1])


def test_contracts_are_told_as_the_provider_defines_them(service: StandIn, tmp_path: Path) -> None:
    service.market.records["definition"] = definitions()
    known = asking(service, tmp_path).contracts()
    assert known.height == 1
    assert known.row(0, named=True) == {
        "symbol": "MGCG0",
        "ts": (MONDAY + 4) * DAY + 5,
        "instrument_id": 1,
        "product": "MGC",
        "kind": "future",
        "expiry": (MONDAY + 30) * DAY,
        "first_day": MONDAY - 700,
        "price_tick": 0.1,
        "multiplier": 10.0,
        "currency": "USD",
        "exchange": "XCEC",
    }
    both = asking(service, tmp_path, spreads=True).contracts()
    assert both["kind"].to_list() == ["future", "spread"] and both["multiplier"].to_list() == [10.0, 10.0]
    told = rows(asking(service, tmp_path, schema="definition"))
    assert told["ts"].to_list() == [(MONDAY + 4) * DAY, (MONDAY + 4) * DAY + 5]


def test_what_makes_no_sense_is_refused_at_once(tmp_path: Path) -> None:
    for wrong, told in (
        ({"schema": "ohlcv-5m"}, "no schema 'ohlcv-5m'"),
        ({"dataset": "glbx"}, "is no dataset"),
        ({"symbol": "MGCG0,MGC.FUT"}, "several kinds"),
        ({"table": "trades"}, "gives bars, not trades"),
        ({"budget": -1.0}, "no budget"),
        ({"access": {"pace": 1}}, "no 'pace'"),
        ({"access": {"url": "http://example.org"}}, "no address for a key"),
    ):
        words: dict[str, Any] = {"symbol": "MGCG0", "dataset": "GLBX.MDP3", "schema": "ohlcv-1m", **wrong}
        with pytest.raises(ConfigError, match=told):
            DatabentoHistory(**words)


def test_real_bars_come_from_the_service_as_from_their_file(market_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two weeks of micro gold: served record by record, by the session, they are what the vendor's file holds."""
    path = market_data / "mgc" / "glbx-mdp3-20201220-20201231.ohlcv-1m.dbn.zst"
    raw = read_bytes(path)
    records = np.frombuffer(raw, np.dtype(OHLCVMsg._dtypes), offset=8 + int.from_bytes(raw[4:8], "little"))
    spans = mapped_ids(path)
    symbols = dict(spans.select("symbol", "instrument_id").iter_rows())
    first, last = 18_616, 18_628  # 2020-12-20 to 2021-01-01
    real = Market({"ohlcv-1m": records}, symbols, first * DAY, last * DAY)
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    with StandIn(real).running() as service:
        chunks = list(asking(service, tmp_path, calendar="CME_Metals").history(start=first * DAY, end=last * DAY))
        assert len(set(service.fetched())) == 12
    days = {chunk.day: len(chunk.frame) for chunk in chunks if chunk.day is not None}
    assert list(days) == [18_617, 18_618, 18_619, 18_620, 18_624, 18_625, 18_626, 18_627] and min(days.values()) > 900, (
        "no session at Christmas"
    )
    (whole,) = Databento(path).history(start=first * DAY, end=last * DAY)
    served = pl.concat([chunk.frame for chunk in chunks])
    order = ["symbol", "ts"]
    assert len(served) > 10_000 and served.sort(order).equals(whole.frame.sort(order))


def test_a_real_day_of_orders_comes_in_three_tables(market_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ES on 2023-12-25, order by order: messages, trades and rebuilt books of one download are what the vendor's file gives."""
    path = market_data / "es_mbo" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
    raw = read_bytes(path)
    records = np.frombuffer(raw, np.dtype(MBOMsg._dtypes), offset=8 + int.from_bytes(raw[4:8], "little"))
    start, end = 19_716 * DAY, 19_717 * DAY
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    with StandIn(Market({"mbo": records}, {"ESH4": 17_077}, start, end)).running() as service:
        for table in ("orders", "trades", "book"):
            (chunk,) = asking(service, tmp_path, "ESH4", schema="mbo", table=table).history(start=start, end=end)
            (whole,) = Databento(path, table=table).history()
            assert chunk.day == 19_716 and len(chunk.frame) > 2_000 and chunk.frame.equals(whole.frame), table
        assert service.fetched() == [(start, end)], "one download for all three"


@pytest.mark.parametrize("schema", ["mbp-1", "mbp-10", "trades"])
def test_quotes_and_trades_come_too(schema: str, service: StandIn, tmp_path: Path) -> None:
    ts = (MONDAY * DAY + np.arange(200) * MINUTE).astype(np.uint64)
    price = (100 + np.arange(200) % 5) * 10**9
    columns: dict[str, Any] = {"ts_event": ts, "ts_recv": ts + np.uint64(7), "price": price, "size": [3] * 200, "sequence": np.arange(200)}
    columns |= {"action": [b"T"] * 200, "side": [b"B", b"A"] * 100, "flags": [128] * 200}
    if schema != "trades":
        columns |= {"bid_px_00": price - 10**9, "ask_px_00": price, "bid_sz_00": [4] * 200, "ask_sz_00": [5] * 200}
        columns |= {f"{side}_px_0{k}": [2**63 - 1] * 200 for side in ("bid", "ask") for k in range(1, 10 if schema == "mbp-10" else 1)}
    service.market.records[schema] = made_dbn.records(schema, columns, 1)
    for table in ("trades",) if schema == "trades" else ("trades", "book"):
        frame = rows(asking(service, tmp_path, "MGCG0", schema=schema, table=table), SPAN[0], SPAN[0] + DAY)
        assert len(frame) == 200 and (frame["ts"] - frame["ts_event"] == 7).all() and frame["symbol"].unique().to_list() == ["MGCG0"]
    assert len(service.fetched()) == 1


def test_a_fill_keeps_what_the_provider_tells_of_contracts(service: StandIn, tmp_path: Path) -> None:
    """One definition is one row, however often it is asked for."""
    service.market.records["definition"] = definitions()
    data = DataConfig(source="databento-history", symbol="MGC.FUT", table="bars", calendar="24/7")
    with Store.open(tmp_path / "store", clock=lambda: SPAN[1] + DAY) as store:
        for last, told in ((0, 1), (1, 0)):
            source = asking(service, tmp_path, "MGC.FUT", calendar="24/7")
            done = fill(data, source, family(data, store), store, MONDAY, MONDAY + last, clock=lambda: SPAN[1] + DAY)
            assert done.stored == 1 and done.contracts == told
        assert store.scan("contracts").select("symbol", "instrument_id", "product").rows() == [("MGCG0", 1, "MGC")]
        found = family(data, store)
        assert found.since == MONDAY + 4 and found.expected(MONDAY, MONDAY + 5).rows() == [
            *(("MGC.FUT", MONDAY + day) for day in range(4)),
            *(("MGCG0", MONDAY + day) for day in (4, 5)),
        ], "contracts that ended before the first definition are not known: their product is looked at as one"
