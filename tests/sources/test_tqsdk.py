"""TqSdk's own package against a stand-in of its service: history, feed, catalogue, and every way it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event, Thread

import numpy as np
import polars as pl
import pytest

from sources.tq_market import CONTRACT, END, NOW, START, SYMBOL, market, source, stamps
from sources.tq_server import TqServer, tick
from tickcast.calendars import calendar
from tickcast.clock import DAY, HOUR, SECOND
from tickcast.errors import ConfigError, ProviderRefused, ProviderUnavailable
from tickcast.record import Recorder, RecordSettings, open_gaps
from tickcast.schema import BOOK, CONTRACTS
from tickcast.sources import SOURCES, TqSdk
from tickcast.sources.tqsdk_catalogue import LISTED_AHEAD, merged_catalogue
from tickcast.sources.tqsdk_link import Account
from tickcast.sources.tqsdk_process import FIELDS, Tail
from tickcast.store import Store

pytest.importorskip("tqsdk", reason="TqSdk is an extra: pip install 'tickcast[tqsdk]'")


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[TqServer, dict[str, str]]]:
    made = market()
    with made.running() as variables:
        yield made, variables


def rows(feed: Iterator[object], count: int) -> pl.DataFrame:
    """The first `count` rows of a feed."""
    frames: list[pl.DataFrame] = []
    for chunk in feed:
        frames.append(chunk.frame)  # type: ignore[attr-defined]
        if sum(map(len, frames)) >= count:
            break
    return pl.concat(frames)


def test_history_is_what_the_service_holds_day_by_day(server: tuple[TqServer, dict[str, str]]) -> None:
    chunks = list(source(server[1]).history(start=START, end=END))
    assert [chunk.day for chunk in chunks] == [19_431, 19_432, 19_433]
    assert [len(chunk.frame) for chunk in chunks] == [600, 300, 0]
    book = pl.concat([chunk.frame for chunk in chunks])
    assert book["ts"].to_list() == stamps() and book["sequence"].to_list() == list(range(900))
    told = server[0].ticks[SYMBOL][601]
    row = book.row(601, named=True)
    for k in range(1, 6):
        assert (row[f"bid_price_{k}"], row[f"bid_size_{k}"]) == (told[f"bid_price{k}"], told[f"bid_volume{k}"])
        assert (row[f"ask_price_{k}"], row[f"ask_size_{k}"]) == (told[f"ask_price{k}"], told[f"ask_volume{k}"])
    assert (row["last"], row["volume"], row["turnover"]) == (told["last_price"], told["volume"], told["amount"])
    assert row["open_interest"] == told["open_interest"] and row["ts_event"] is None and row["bid_price_6"] is None
    assert calendar("SHFE.cu").assign(book).outside.height == 0


def test_a_day_that_is_not_over_is_no_whole_day(server: tuple[TqServer, dict[str, str]]) -> None:
    early = START + DAY + 2 * HOUR  # the first trading day closed two hours ago
    chunks = list(source(server[1], clock=lambda: early).history(start=START, end=END))
    assert [chunk.day for chunk in chunks] == [19_431, None, None]


def test_a_delay_stands_between_the_event_and_its_row(server: tuple[TqServer, dict[str, str]]) -> None:
    book = pl.concat([chunk.frame for chunk in source(server[1], delay="50ms").history(start=START, end=START + 12 * HOUR)])
    assert book["ts_event"].to_list() == stamps()[:300]
    assert (book["ts"] - book["ts_event"]).unique().to_list() == [50_000_000]


def test_levels_that_are_absent_are_null_and_a_tick_that_says_nothing_is_set_aside() -> None:
    morning = stamps()[0]
    deep = {f"{side}_{what}{k}": "-" for side in ("bid", "ask") for what in ("price", "volume") for k in range(2, 6)}
    bare = {name: "-" for name in tick(0, 0) if "price" in name}
    given = [
        tick(0, morning),
        tick(1, morning + SECOND, **deep),
        tick(2, morning + 2 * SECOND, **bare),
        tick(3, morning + 3 * SECOND, ask_price1="-", ask_volume1=0),
    ]
    given[3] |= {name: "-" for name in given[3] if name.startswith("ask_price")}
    with TqServer({SYMBOL: given}, {SYMBOL: CONTRACT}).running() as variables:
        (chunk,) = source(variables).history(start=START, end=START + 12 * HOUR)
    assert chunk.frame["sequence"].to_list() == [0, 1, 3]
    assert dict(chunk.counts) == {"levels_missing": 1} and chunk.quarantined["sequence"].to_list() == [2]
    assert chunk.frame["bid_price_2"].to_list()[1] is None and chunk.frame["bid_size_2"].to_list()[1] is None
    assert chunk.frame.select(pl.col("^ask_(price|size)_.$")).row(2) == (None,) * 18
    assert chunk.frame["bid_price_5"].to_list()[2] == 69_950.0


def test_the_feed_tells_each_tick_once_whole_and_stamped_as_history(server: tuple[TqServer, dict[str, str]]) -> None:
    made, variables = server
    made.shown[SYMBOL], made.halved = 40, True
    stop = Event()
    feed = source(variables, backlog=30).live([SYMBOL], stop)
    try:
        assert rows(feed, 29)["sequence"].to_list() == list(range(10, 39))
        made.happen(SYMBOL, 11)
        later = rows(feed, 12)
        assert later["sequence"].to_list() == list(range(39, 51))
        past = pl.concat([chunk.frame for chunk in source(variables).history(start=START, end=END)])
        assert later.equals(past.filter(pl.col("sequence").is_between(39, 50)))
        stop.set()
        assert all(len(chunk.frame) == 0 for chunk in feed)
    finally:
        made.shown[SYMBOL], made.halved = 900, False


def test_a_recording_over_cut_connections_is_the_history(tmp_path: Path, server: tuple[TqServer, dict[str, str]]) -> None:
    made, variables = server
    made.shown[SYMBOL] = 100
    stop, lost = Event(), []
    limits = RecordSettings(flush_seconds=0.1, first_delay=0.01, last_delay=0.05)

    def tell(event: str, figures: object) -> None:
        lost.extend([event] if event == "lost" else [])

    with Store.open(tmp_path) as store:
        feed = source(variables, backlog=400)
        recorder = Recorder(
            feed,
            store,
            {SYMBOL: calendar("SHFE.cu")},
            tell=tell,
            settings=limits,
            rng=np.random.default_rng(0),
        )
        thread = Thread(target=recorder.run, args=(stop,))
        thread.start()
        try:
            for end in (250, 400, 900):
                _until(lambda: recorder.status.acknowledged >= made.shown[SYMBOL] - 2)
                if end < 900:
                    known = len(lost)
                    made.cut()
                    _until(partial(_longer, lost, known))
                while made.shown[SYMBOL] < end:
                    made.happen(SYMBOL, 40)
                    thread.join(0.05)
            _until(lambda: recorder.status.acknowledged == 900)
        finally:
            stop.set()
            thread.join(10.0)
            made.shown[SYMBOL] = 900
        past = pl.concat([chunk.frame for chunk in feed.history(start=START, end=END)])
        kept = store.scan("book")
        assert kept.select(past.columns).equals(past) and len(lost) == 2
        assert kept["trading_day"].unique().sort().to_list() == [19_431, 19_432]
        gaps = open_gaps(store, "book")
        assert gaps["reason"].to_list() == [] and recorder.status.repeated > 0
        version = store.version()
        for chunk in feed.history(start=START, end=END):
            store.write("book", calendar("SHFE.cu").assign(chunk.frame).rows, source="tqsdk")
        assert store.version() == version  # a row recorded and the same row of history are one


def _longer(found: list[str], known: int) -> bool:
    return len(found) > known


def _until(done: Callable[[], bool]) -> None:
    """Wait for something, a minute at most."""
    for _ in range(3_000):
        if done():
            return
        Event().wait(0.02)
    assert done()


def test_a_cut_connection_is_told(server: tuple[TqServer, dict[str, str]]) -> None:
    made, variables = server
    feed = source(variables, backlog=5).live([SYMBOL], Event())
    rows(feed, 4)
    made.cut()
    with pytest.raises(ProviderUnavailable):
        rows(feed, 10**6)


@pytest.mark.parametrize(
    ("changes", "account", "error", "words"),
    [
        ({}, Account("someone", "wrong"), ProviderRefused, "401"),
        ({"features": ("futr",)}, None, ProviderRefused, "tq_dl|get_tick_data_series"),
    ],
    ids=["password", "no right to download"],
)
def test_a_service_that_says_no_is_believed(
    changes: dict[str, object], account: Account | None, error: type[Exception], words: str
) -> None:
    with market(**changes).running() as variables, pytest.raises(error, match=words):
        list(source(variables, **({} if account is None else {"account": account})).history(start=START, end=END))


def test_a_service_that_is_down_may_be_asked_again() -> None:
    made = market()
    made.refuse_with = 503
    with made.running() as variables, pytest.raises(ProviderUnavailable, match="503"):
        list(source(variables).history(start=START, end=END))
    with pytest.raises(ProviderUnavailable):
        list(source({"TQ_AUTH_URL": "http://127.0.0.1:9", "TQ_MD_URL": "ws://127.0.0.1:9"}).history(start=START, end=END))


def test_an_interpreter_without_tqsdk_is_told(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(ProviderRefused, match=r"is not installed.*tickcast\[tqsdk\]"):
        source({}, python=str(bare)).contracts()


def test_without_an_account_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TQSDK_USER", raising=False)
    with pytest.raises(ProviderRefused, match="TQSDK_USER"):
        TqSdk(symbol=SYMBOL).contracts()
    assert "word" not in repr(Account("a", "word")) and Account.find({"TQSDK_USER": "a", "TQSDK_PASSWORD": "b"}) == Account("a", "b")


def test_the_catalogue_has_the_service_the_package_and_the_store(server: tuple[TqServer, dict[str, str]]) -> None:
    known = source(server[1], symbol="SHFE.cu").contracts()
    assert known.columns == list(CONTRACTS.names) and known["symbol"].is_sorted() and len(known) > 50
    row = known.row(by_predicate=pl.col("symbol") == SYMBOL, named=True)
    assert (row["price_tick"], row["multiplier"], row["product"], row["exchange"]) == (10.0, 5.0, "SHFE.cu", "SHFE")
    assert row["expiry"] == CONTRACT["expire_datetime"] and row["expiry"] - row["ts"] >= LISTED_AHEAD
    old = known.row(by_predicate=pl.col("symbol") == "SHFE.cu1602", named=True)
    assert old["expiry"] == 1_455_519_600 * SECOND and old["multiplier"] == 5.0
    held = pl.DataFrame({"symbol": ["SHFE.cu1602", "SHFE.cu9912"], "first_ts": [DAY, 2 * DAY], "trading_day": [1, 2]})
    both = merged_catalogue(
        [], [{**CONTRACT, "ins_class": "FUTURE", "instrument_id": "SHFE.cu1602", "expire_datetime": 1_455_519_600.0}], held
    )
    assert both.select("symbol", "ts", "first_day", "multiplier").rows() == [
        ("SHFE.cu1602", DAY, 1, 5.0),
        ("SHFE.cu9912", 2 * DAY, 2, None),
    ]


def test_a_product_is_all_its_contracts_alive(server: tuple[TqServer, dict[str, str]]) -> None:
    chunks = list(source(server[1], symbol="SHFE.cu").history(start=START, end=START + DAY))
    assert [chunk.frame["symbol"].unique().to_list() for chunk in chunks][0] == [SYMBOL]


@pytest.mark.parametrize("wrong", [{"symbol": "cu2305"}, {"table": "bars"}, {"backlog": 0}, {"delay": "soon"}])
def test_arguments_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        source({}, **wrong)
    with pytest.raises(ConfigError, match="start"):
        list(source({}).history())


def test_a_tick_is_told_once_it_stands() -> None:
    tail, each = Tail(), np.array([[0.0, 5.0, 1.0], [1.0, 6.0, np.nan]])
    assert tail.fresh(each)[:, 0].tolist() == [0.0]
    patched = np.array([[0.0, 5.0, 1.0], [1.0, 6.0, 2.0]])
    assert tail.fresh(patched).tolist() == []
    assert tail.fresh(patched).tolist() == [[1.0, 6.0, 2.0]]
    assert tail.fresh(patched).tolist() == [] and len(FIELDS) == 26


def test_nobody_imports_tqsdk_but_its_own_process() -> None:
    code = (
        "import sys, tickcast.sources, tickcast.record; sys.stdout.write(repr(sorted({'tqsdk', 'aiohttp', 'pandas'} & set(sys.modules))))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert out.stdout == "[]"
    assert SOURCES["tqsdk"] is TqSdk and source({}).table is BOOK and source({}).calendar == "SHFE.cu" and NOW > END
