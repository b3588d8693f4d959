"""Quotes and trades in one feature set: at(...) reads the book as of each trade, and again five seconds later. Made-up events."""

import numpy as np
import polars as pl

from tickcast.features import FeatureSet

SECOND, START = 1_000_000_000, 1_700_000_000_000_000_000
words = {
    "name": "cost",
    "stream": "book",
    "streams": {"trades": {"ttl": "60s"}},
    "clock": {"on": "book"},
    "price": "(bid_price_1 + ask_price_1) / 2",
    "features": {
        "last": "trades.price",  # as of this row of the book
        "effective": 'at("trades", 2 * side * (price - mid()))',  # the book as of each trade
        "realised": 'at("trades + 5s", 2 * side * (price - mid()))',  # the same trade, five seconds later
        "silence": "age(trades.price)",  # seconds since the last trade
    },
}
stamp = {"session_id": START + 3600 * SECOND, "segment_id": 0}  # a session is named by its close
bids = [100.00, 100.00, 100.01, 100.02, 100.02, 100.01, 100.01, 100.00, 100.00, 100.02, 100.03, 100.03]
book = pl.DataFrame(
    {"ts": [START + i * SECOND for i in range(len(bids))], "bid_price_1": bids, "ask_price_1": [bid + 0.02 for bid in bids]}
)
book = book.with_columns(bid_size_1=pl.lit(3.0), ask_size_1=pl.lit(5.0), **{name: pl.lit(value) for name, value in stamp.items()})
trades = pl.DataFrame({"ts": [START + 2 * SECOND, START + 4 * SECOND], "price": [100.02, 100.02], "size": [2.0, 1.0], "side": [1, -1]})
trades = trades.with_columns(**{name: pl.lit(value) for name, value in stamp.items()})

features = FeatureSet.from_dict(words)
table = features.compute({"book": book, "trades": trades})
print("second", *(f"{name:>10}" for name in features.names))
for i in range(len(table)):
    print(f"{(table.ts[i] - START) // SECOND:>6}", *(f"{value:>10.2f}" for value in table.values[i]))

# the same events one by one: sides first at equal stamps, the same bits
engine, frames = features.stream(), {"book": book, "trades": trades}
events = [(row["ts"], -n, n, row) for n, name in enumerate(features.streams) for row in frames[name].iter_rows(named=True)]
rows = []
for ts, _, n, row in sorted(events, key=lambda event: event[:2]):
    values = [float(row[column]) for column in list(features.streams.values())[n]]
    rows += engine.push(ts, row["session_id"], row["segment_id"], values, n)
live = np.array([row[4] for row in rows])
print("live the same:", np.array_equal(live, table.values, equal_nan=True))
