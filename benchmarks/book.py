"""Order books from real events: ES order by order (2023-12-25) and LOBSTER's GOOG (2012-06-21): `python benchmarks/book.py`.

The ES day is taken ten times over, a day apart; each begins with its snapshot. The rival is the book that one writes in Python: orders and
levels in dictionaries, the ten best levels by `heapq` where a packet ends. Beside the ingest stands Databento's own decoder, which makes a
Python object of each record: no columns, no symbols, no cleaning. Files are looked for in $TICKCAST_TEST_DATA, else ../shared/data.
"""

from __future__ import annotations

import heapq
import os
from pathlib import Path

import databento_dbn as dbn
import numpy as np
from stopwatch import best

from tickcast.book import OrderBook
from tickcast.sources import Databento, Lobster
from tickcast.sources.files import read_bytes

LEVELS = 10
DAY = 86_400 * 10**9
Row = dict[str, object]


def data() -> Path:
    """Where the days are looked for."""
    folder = os.environ.get("TICKCAST_TEST_DATA")
    return Path(folder) if folder else Path(__file__).resolve().parents[2] / "shared" / "data"


def es_days(times: int) -> np.ndarray:
    """The ES day so many times over."""
    raw = read_bytes(data() / "es_mbo" / "esh4-glbx-mdp3-20231225.mbo.dbn.zst")
    day = np.frombuffer(raw, dtype=np.dtype(dbn.MBOMsg._dtypes), offset=8 + int.from_bytes(raw[4:8], "little"))
    days = np.tile(day, times)
    days["ts_recv"] += np.repeat(np.arange(times, dtype=np.uint64) * np.uint64(DAY), len(day))
    return days


def in_python(records: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """The ten best prices of each side after each packet."""
    orders: dict[int, list[int]] = {}
    levels: dict[int, dict[int, int]] = {66: {}, 65: {}}
    shown = []
    names = ["action", "side", "order_id", "price", "size", "flags"]
    inside = False
    for action, side, number, price, size, flags in zip(*(records[name].tolist() for name in names), strict=True):
        if flags & 32 and not inside:
            orders, levels = {}, {66: {}, 65: {}}
        inside = bool(flags & 32)
        if action in (b"A", b"M", b"C"):
            old = orders.pop(number, None)
            if old is not None:
                own = levels[old[0]]
                own[old[1]] -= old[2]
                if not own[old[1]]:
                    del own[old[1]]
            left = size if action != b"C" else old[2] - size if old is not None else 0
            if left:
                at, where = (price, side[0]) if action != b"C" or old is None else (old[1], old[0])
                orders[number] = [where, at, left]
                levels[where][at] = levels[where].get(at, 0) + left
        if flags & 128:
            shown.append((heapq.nlargest(LEVELS, levels[66]), heapq.nsmallest(LEVELS, levels[65])))
    return shown


def book_rows() -> list[Row]:
    """Events per second through the Python call, rows of ten levels out."""
    days = es_days(10)
    what = f"order book, {len(days):,} ES events, L{LEVELS} at each packet"
    took = best(lambda: OrderBook(levels=LEVELS).apply_mbo(days))
    day = days[: len(days) // 10]
    slow = best(lambda: in_python(day), 1)
    messages = next(Lobster(data() / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip", table="orders").history()).frame
    goog = best(lambda: OrderBook(levels=LEVELS, every="event", depth=LEVELS).apply(messages))
    return [
        {"what": what, "who": "tickcast", "value": len(days) / took / 1e6, "unit": "M events/s"},
        {"what": what, "who": "Python dictionaries", "value": len(day) / slow / 1e6, "unit": "M events/s"},
        {"what": "order book, GOOG messages, L10 at each", "who": "tickcast", "value": len(messages) / goog / 1e6, "unit": "M events/s"},
    ]


def ingest_rows() -> list[Row]:
    """Rows per second from packed file to cleaned frame."""
    files = sorted((data() / "mgc").glob("*.dbn.zst"))[20:30]
    raw = [read_bytes(path) for path in files]
    rows = sum((len(content) - 8 - int.from_bytes(content[4:8], "little")) // 56 for content in raw)

    def decoded() -> int:
        total = 0
        for content in raw:
            decoder = dbn.DBNDecoder()
            decoder.write(content)
            total += len(decoder.decode())
        return total

    out: list[Row] = []
    took = best(lambda: [len(chunk.frame) for chunk in Databento(files).history()])
    what = f"DBN ohlcv-1m, {rows:,} rows of MGC"
    out.append({"what": what, "who": "tickcast, packed file to cleaned frame", "value": rows / took / 1e6, "unit": "M rows/s"})
    out.append({"what": what, "who": "databento_dbn, objects, not cleaned", "value": rows / best(decoded, 1) / 1e6, "unit": "M rows/s"})
    goog = data() / "lobster" / "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip"
    for table in ("orders", "book"):
        took = best(lambda table=table: next(Lobster(goog, table=table).history()))
        row = {"what": f"LOBSTER {table}, 147,916 rows", "who": "tickcast, zip to cleaned frame", "value": 147_916 / took / 1e6}
        out.append({**row, "unit": "M rows/s"})
    return out


def rows() -> list[Row]:
    """Every measurement as {what, who, value, unit}."""
    if not (data() / "es_mbo").is_dir():
        absent = {"what": "order book", "who": "tickcast", "value": None, "unit": "M events/s"}
        return [{**absent, "reason": f"{data()} holds no es_mbo; set TICKCAST_TEST_DATA"}]
    return book_rows() + ingest_rows()


def main() -> None:
    for row in rows():
        found = f"{row['value']:10.2f} {row['unit']}" if row["value"] is not None else row["reason"]
        print(f"{row['what']:52} {row['who']:40} {found}")


if __name__ == "__main__":
    main()
