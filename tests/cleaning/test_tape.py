"""tape_trades and tape_quotes: the steps that the real days do not need, on planted rows. tests/sources/test_taq.py has the real ones."""

from __future__ import annotations

import numpy as np
import polars as pl

from tickcast.calendars import calendar
from tickcast.cleaning import tape_quotes, tape_trades


def test_a_quote_far_from_its_neighbours_and_a_wide_one_are_set_aside() -> None:
    opens = int(calendar("NYSE").sessions(1_700_000_000 * 10**9, 1_700_100_000 * 10**9).open[-1])
    n = 200
    bid = 10.0 + 0.01 * (np.arange(n) % 5)
    frame = pl.DataFrame(
        {
            "row": np.arange(n),
            "symbol": "A",
            "ts": opens + np.arange(n) * 10**9,
            "bid_price_1": bid,
            "ask_price_1": bid + 0.02,
            "bid_size_1": 1.0,
            "ask_size_1": 1.0,
            "exchange": "N",
        }
    )
    for row, change in (
        (50, ("bid_price_1", 12.0, "ask_price_1", 12.02)),
        (5, ("ask_price_1", 30.0)),
        (199, ("bid_price_1", 11.0, "ask_price_1", 10.5)),
    ):
        for name, value in zip(change[::2], change[1::2], strict=True):
            frame[row, str(name)] = value
    got = tape_quotes(frame, calendar("NYSE"), "N")
    assert dict(zip(got.quarantined["row"].to_list(), got.quarantined["reason"].to_list(), strict=True)) == {
        199: "spread_not_positive",
        5: "spread_wide",
        50: "outlier",
    }
    trades = frame.select("row", "symbol", "ts", "exchange", pl.col("bid_price_1").alias("price"), pl.col("bid_size_1").alias("size"))
    same = trades.with_columns(condition=pl.lit("F I"), correction=pl.lit(0), ts=pl.lit(opens + 5))
    one = tape_trades(same, calendar("NYSE"), "N")
    assert one.frame["price"].to_list() == [same["price"].median()] and one.frame["size"].to_list() == [200.0]
    assert dict(one.counts) == {"same_stamp": 199}
