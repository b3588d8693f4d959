"""Small made inputs: at least one source of every name in `SOURCES`, with a range that holds rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import zstandard

import made_dbn
from tickcast.clock import DAY, MINUTE
from tickcast.sources import Databento, Lobster, MappedTable, SimulatedMarket, Source

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


SUBJECTS: Mapping[str, tuple[Callable[[Path], Made], ...]] = {
    "databento": (databento_bars, databento_trades),
    "lobster": (lobster_book,),
    "simulated": (simulated_bars, simulated_trades),
    "table": (table_trades, table_contracts),
}
