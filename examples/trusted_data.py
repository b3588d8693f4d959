"""From a raw file to a dataset that can be trusted: trades, some damaged, into a store that says what became of every row."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tickcast.calendars import calendar
from tickcast.query import query
from tickcast.sources import MappedTable
from tickcast.store import Store

ROWS = """time,price,size
2024-03-04 09:30:00.000,100.25,3
2024-03-04 09:30:00.000,100.25,3
2024-03-04 09:30:01.500,-1,2
2024-03-04 09:30:02.000,100.50,1
2024-03-04 09:29:00.000,100.00,5
2024-03-04 17:45:00.000,100.75,4
2024-03-05 10:00:00.000,101.00,2
"""


def main(folder: Path) -> None:
    """Read, clean, place, keep, ask."""
    (folder / "trades.csv").write_text(ROWS)
    columns = {"ts": "time", "price": "price", "size": "size"}
    source = MappedTable(folder / "trades.csv", table="trades", columns=columns, symbol="ABC", zone="America/New_York")
    with Store.open(folder / "store") as store:
        for chunk in source.history():
            placed = calendar("NYSE").assign(chunk.frame)
            print("kept", len(placed.rows), "outside the session", len(placed.outside), "set aside", dict(chunk.counts))
            first = store.write("trades", placed.rows, source=chunk.origin)
            again = store.write("trades", placed.rows, source=chunk.origin)  # the same rows, once more: nothing happens
            print("added", first.added, "then", again.added, "version the same:", first.version == again.version)
        store.empty.note("trades", "ABC", [19_788], source="NYSE", word="calendar")  # 2024-03-06: known to have no rows
        print(query(store, "SELECT symbol, count(*) AS n, min(utc(ts)) AS first FROM trades GROUP BY symbol").frame)
        print("sound blocks:", store.verify(full=True))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
