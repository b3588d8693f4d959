"""Small made inputs: at least one source of every name in `SOURCES`, with a range that holds rows."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import zstandard

import made_dbn
import made_rda
from sources import tq_market
from sources.gateway import KEY, Market, StandIn
from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.sources import Databento, DatabentoHistory, Fi2010, Lean, Lobster, MappedTable, Sgx, SimulatedMarket, Source, SqlTable, Taq

Made = tuple[Source, int, int]
"""A source and the range [start, end) in which it is judged."""
MONDAY = 18_267 * DAY  # 2020-01-06


def databento_bars(folder: Path) -> Made:
    """Two contracts and a spread over two files of a day, one price undefined."""
    symbols = {"MGCG0": 1, "MGCJ0": 2, "MGCG0-MGCJ0": 3}
    for day in range(2):
        opens = MONDAY + day * DAY + np.arange(60) * MINUTE
        rows = np.concatenate([made_dbn.bars(opens, 100.0 + number, number) for number in symbols.values()])
        rows["close"][5] = 2**63 - 1
        rows = rows[np.argsort(rows["ts_event"], kind="stable")]
        (folder / f"day-{day}.dbn.zst").write_bytes(zstandard.compress(made_dbn.file("ohlcv-1m", rows, symbols)))
    return Databento(folder, symbol="MGC"), MONDAY, MONDAY + 2 * DAY


def databento_trades(folder: Path) -> Made:
    """Trades of which several share a stamp."""
    at = MONDAY + np.repeat(np.arange(50), 3) * MINUTE
    columns = {"ts_event": at, "ts_recv": at + 5, "price": 1_500_000_000 + np.arange(150) * 10**7, "size": 1 + np.arange(150) % 7}
    rows = made_dbn.records("trades", {**columns, "side": [b"A", b"B", b"N"] * 50, "sequence": np.arange(150)})
    (folder / "trades.dbn").write_bytes(made_dbn.file("trades", rows, {"MGCG0": 1}))
    return Databento(folder / "trades.dbn", table="trades"), MONDAY, MONDAY + DAY


def lobster_book(folder: Path) -> Made:
    """Thirty orders of one day and the book after each."""
    lines = [f"{34200 + i // 2}.5,1,{i + 1},10,{1_000_000 - 100 * (i % 5)},1" for i in range(30)]
    books = [f"{1_000_100 + 100 * (i % 3)},5,{1_000_000 - 100 * (i % 3)},{7 + i}" for i in range(30)]
    stem = folder / "ABC_2020-01-06_34200000_57600000"
    Path(f"{stem}_message_1.csv").write_text("\n".join(lines) + "\n")
    Path(f"{stem}_orderbook_1.csv").write_text("\n".join(books) + "\n")
    return Lobster(folder), MONDAY, MONDAY + DAY


def table_trades(folder: Path) -> Made:
    """A CSV of trades with a price of zero and a stamp out of order."""
    rows = [f"{1_578_300_000_000 + 250 * (i // 2)},{10 + i % 4},{1 + i % 3}" for i in range(40)]
    rows[7], rows[20] = rows[7].replace(",13,", ",0,"), "1578200000000,10,1"
    (folder / "t.csv").write_text("time,price,size\n" + "\n".join(rows) + "\n")
    columns = {"ts": "time", "price": "price", "size": "size"}
    return MappedTable(folder / "t.csv", table="trades", columns=columns, symbol="ABC", unit="ms"), MONDAY, MONDAY + DAY


def table_contracts(folder: Path) -> Made:
    """Contract metadata kept in a CSV, one row corrected later."""
    rows = ["1577836800,ABCF0,1578787200,0.1", "1577836800,ABCG0,1581292800,0.1", "1578009600,ABCF0,1578700800,0.1"]
    (folder / "c.csv").write_text("known,contract,last,tick\n" + "\n".join(rows) + "\n")
    columns = {"ts": "known", "symbol": "contract", "price_tick": "tick"}
    return MappedTable(folder / "c.csv", table="contracts", columns=columns, unit="s"), 18_200 * DAY, MONDAY


def simulated_bars(folder: Path) -> Made:
    """Three days of a market with sessions."""
    return SimulatedMarket(days=8, calendar="CME_Equity", tick=0.25), 18_262 * DAY, 18_270 * DAY


def simulated_trades(folder: Path) -> Made:
    """A day of trades around the clock."""
    return SimulatedMarket(days=1, table="trades", interval="30m"), 18_262 * DAY, 18_263 * DAY


def lean_bars(folder: Path) -> Made:
    """Minutes of two contracts on two days, each day's in one zip."""
    for day in ("20200106", "20200107"):
        with zipfile.ZipFile(folder / f"{day}_trade.zip", "w") as archive:
            for number, contract in enumerate(("202003", "202006")):
                lines = [f"{34_200_000 + 60_000 * i},{100 + number},{102 + i % 3},99,101,{1 + i}" for i in range(30)]
                archive.writestr(f"{day}_es_minute_trade_{contract}.csv", "\n".join(lines) + "\n")
    return Lean(folder), MONDAY, MONDAY + 2 * DAY


def sgx_book(folder: Path) -> Made:
    """Snapshots of two levels, one of them with its levels out of order."""
    blocks = [
        f"TimeStamp,2020-01-06D09:00:{i:02d}.25\n{100 - i % 3},5,{101 + i % 2},7\n{96 if i != 9 else 105},4,104,{i + 1}" for i in range(40)
    ]
    (folder / "book.csv").write_text("Bid,Bid_Quantity,Ask,Ask_Quantity\n\n" + "\n".join(blocks) + "\n")
    return Sgx(folder, symbol="CN"), MONDAY, MONDAY + DAY


def fi2010_book(folder: Path) -> Made:
    """Two days of the benchmark's form."""
    for day in (1, 2):
        values = np.ones((149, 30))
        for level in range(10):
            values[4 * level] = 0.26 + np.arange(30) % 4 * 1e-4 + (level + 1) * 1e-4
            values[4 * level + 2] = 0.26 + np.arange(30) % 4 * 1e-4 - (level + 1) * 1e-4
        np.savetxt(folder / f"Test_DecPre_CF_{day}.txt", values)
    return Fi2010(folder, symbol="FI", start="2020-01-06"), MONDAY, MONDAY + DAY


def sql_trades(folder: Path) -> Made:
    """A table of trades, read in small batches, several at a stamp."""
    with sqlite3.connect(folder / "t.db") as opened:
        opened.execute("CREATE TABLE trades (at BIGINT, px REAL, qty INTEGER)")
        opened.executemany(
            "INSERT INTO trades VALUES (?, ?, ?)", [(1_578_300_000 + i // 3, 10 + i % 4 - 10 * (i == 8), 1) for i in range(60)]
        )
    columns = {"ts": "at", "price": "px", "size": "qty"}
    source = SqlTable(f"sqlite:///{folder / 't.db'}", relation="trades", table="trades", columns=columns, symbol="ABC", unit="s", batch=7)
    return source, MONDAY, MONDAY + DAY


@cache
def databento_service(hours: int) -> StandIn:
    """A stand-in of the service: bars of four days, none on the third, none from hour `hours` UTC on. It runs as long as the tests do."""
    minutes = np.arange(0, 60 * hours, 45)
    opens = np.concatenate([MONDAY + day * DAY + minutes * MINUTE for day in (0, 1, 3)])
    bars = np.sort(np.concatenate([made_dbn.bars(opens, 100.0 + i, i) for i in (1, 2)]), order="ts_event", kind="stable")
    service = StandIn(Market({"ohlcv-1m": bars}, {"MGCG0": 1, "MGCJ0": 2}, MONDAY - DAY, MONDAY + 5 * DAY))
    service.start()
    return service


def databento_days(folder: Path, hours: int = 24, calendar: str | None = None) -> Made:
    """Two contracts of a parent, by the UTC day."""
    (folder / "databento.key").write_text(KEY)
    (folder / "databento.key").chmod(0o600)
    access = {"url": databento_service(hours).url, "cache": str(folder / "cache"), "key_file": str(folder / "databento.key")}
    source = DatabentoHistory("MGC.FUT", dataset="GLBX.MDP3", schema="ohlcv-1m", calendar=calendar, access=access)
    return source, MONDAY, MONDAY + 4 * DAY


def databento_sessions(folder: Path) -> Made:
    """The same by the sessions of the exchange, which closes at 22:00 UTC."""
    return databento_days(folder, 22, "CME_Metals")


def tqsdk_book(folder: Path) -> Made:
    """Two trading days of copper and a silent third, through TqSdk's own package from a stand-in of its service."""
    pytest.importorskip("tqsdk", reason="TqSdk is an extra: pip install 'tickcast[tqsdk]'")
    return tq_market.standing_source(), tq_market.START, tq_market.END


def taq_trades(folder: Path) -> Made:
    """A tape of two exchanges, one trade corrected and one of an odd condition."""
    count = 40
    tape = {
        "DT": [(MONDAY + 15 * HOUR) / SECOND + i // 2 for i in range(count)],
        "EX": ["N" if i % 4 else "T" for i in range(count)],
        "SYMBOL": ["ABC"] * count,
        "PRICE": [10.0 + i % 5 * 0.01 for i in range(count)],
        "SIZE": [100.0 * (1 + i % 3) for i in range(count)],
        "COND": ["Z" if i == 9 else "" for i in range(count)],
        "CORR": [1.0 if i == 5 else 0.0 for i in range(count)],
    }
    (folder / "tape.rda").write_bytes(made_rda.file("tape", tape))
    return Taq(folder, exchange="N"), MONDAY, MONDAY + DAY


SUBJECTS: Mapping[str, tuple[Callable[[Path], Made], ...]] = {
    "databento": (databento_bars, databento_trades),
    "databento-history": (databento_days, databento_sessions),
    "fi2010": (fi2010_book,),
    "lean": (lean_bars,),
    "lobster": (lobster_book,),
    "sgx": (sgx_book,),
    "simulated": (simulated_bars, simulated_trades),
    "sql": (sql_trades,),
    "taq": (taq_trades,),
    "table": (table_trades, table_contracts),
    "tqsdk": (tqsdk_book,),
}
