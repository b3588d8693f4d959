"""Cleaning: named, counted rules that set unusable rows aside with their reason.

A row is quarantined under the first rule it breaks; good neighbours stay. Two equal trades at one stamp are both genuine and stay.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.cleaning.cleaned import Cleaned
from tickcast.clock import DAY
from tickcast.schema import BARS, BOOK, BOOK_LEVELS, CONTEXT, OPTIONS, ORDERS, SIGNALS, Table, conform

__all__ = ["LATEST", "PRICE_LIMIT", "clean", "late_rows"]

LATEST = 47_482 * DAY
"""2100-01-01 in UTC ns: a stamp at or beyond it, or at or before 1970-01-01, is in the wrong unit."""
PRICE_LIMIT = 1e9
"""Prices and sizes at or beyond it in absolute value are sentinels or in the wrong unit."""
_BOOK_PRICES = tuple(f"{side}_price_{k}" for side in ("bid", "ask") for k in range(1, BOOK_LEVELS + 1))
_PRICES = MappingProxyType(
    {
        "trades": ("price",),
        "bars": ("open", "high", "low", "close"),
        "book": _BOOK_PRICES,
        "orders": ("price",),
        "options": ("strike", "underlying_price"),
    }
)
_SIZES = MappingProxyType(
    {
        "trades": ("size",),
        "bars": ("volume",),
        "book": tuple(n.replace("price", "size") for n in _BOOK_PRICES),
        "orders": ("size",),
        "options": ("volume", "open_interest"),
    }
)


def clean(
    frame: pl.DataFrame, table: Table, *, reasons: Sequence[pl.Expr] = (), signed: pl.Expr | None = None, origin: str = ""
) -> Cleaned:
    """`frame` split into rows that can be used and rows that cannot.

    Parameters
    ----------
    frame: columns of `table`, in the order read; `row`, its number in the file, where known; other columns may serve `reasons`.
    reasons: expressions over `frame` giving a reason (String) or null, asked before the rules here, as what a reader found while parsing.
    signed: rows whose prices may be zero or negative, as calendar spreads.
    origin: file the rows come from.

    Rules, in order: `<column>_missing`, `ts_implausible`, `<price>_not_finite`, `<price>_not_positive`, `<price>_implausible`, the same for
    sizes (a bar may have volume 0), `ohlc_inconsistent`, `levels_unsorted`, `kind_unknown`, for options `right_unknown`, `expired`,
    `<quote>_negative` and `crossed`, then `out_of_order`, `duplicate` (tables without genuine repeats). A book's level of size 0 is not
    occupied: price and size become null. Crossed books stay: auctions have them. An option's volatility that is not above 0, or whose vega
    is 0, is what a feed writes when it has none: it becomes null.

    Raises DataError if a column is missing or cannot be cast.
    """
    if "row" not in frame.columns:
        frame = frame.with_row_index("row", offset=1)
    if table is BOOK:
        frame = _without_empty_levels(frame)
    if table is OPTIONS and "iv" in frame.columns:
        tells = pl.col("iv") > 0 if "vega" not in frame.columns else (pl.col("iv") > 0) & (pl.col("vega").fill_null(1) != 0)
        frame = frame.with_columns(pl.when(tells).then(pl.col("iv")).alias("iv"))
    found = frame.with_columns(pl.coalesce([*reasons, *_value_rules(table, frame, signed), pl.lit(None, dtype=pl.String)]).alias("reason"))
    found = _mark(found, "out_of_order", _disorder(found, table))
    if not table.repeats:
        sound = pl.col("reason").is_null()
        again = found.with_columns((pl.int_range(pl.len()).over([*table.identity, sound]) > 0).alias("again"))["again"]
        found = _mark(found, "duplicate", again.to_numpy())
    held = found.filter(pl.col("reason").is_not_null())
    good = (found.filter(pl.col("reason").is_null()) if len(held) else found).select(_kept(found, table))
    tally = held.group_by("reason").len().sort("reason")
    counts = MappingProxyType(dict(zip(tally["reason"].to_list(), tally["len"].to_list(), strict=True)))
    return Cleaned(conform(_sequenced(good, table), table, file=origin or None), held, counts, origin)


def late_rows(ts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The fewest rows whose removal leaves `ts` (n,) in order; True marks a row to remove.

    One stamp in the far future must not condemn all rows after it, so this keeps a longest non-decreasing subsequence. Rows that agree with
    all others are kept at once; only the rest go through the search.
    """
    before, after = np.maximum.accumulate(ts), np.minimum.accumulate(ts[::-1])[::-1]
    doubtful = np.flatnonzero((ts < before) | (ts > after))
    tails: list[int] = []
    holders: list[int] = []
    previous = np.full(doubtful.size, -1, dtype=np.int64)
    for position, stamp in enumerate(ts[doubtful].tolist()):
        at = bisect_right(tails, stamp)
        previous[position] = holders[at - 1] if at else -1
        tails[at : at + 1] = [stamp]
        holders[at : at + 1] = [position]
    late = np.zeros(ts.size, dtype=np.bool_)
    late[doubtful] = True
    position = holders[-1] if holders else -1
    while position >= 0:
        late[doubtful[position]] = False
        position = int(previous[position])
    return late


def _value_rules(table: Table, frame: pl.DataFrame, signed: pl.Expr | None) -> list[pl.Expr]:
    prices = [name for name in _PRICES.get(table.name, ()) if name in frame.columns]
    sizes = [name for name in _SIZES.get(table.name, ()) if name in frame.columns]
    required = [column.name for column in table.columns if column.required and column.name in frame.columns]
    positive = pl.lit(True) if signed is None else ~signed
    rules = [(pl.col(name).is_null(), f"{name}_missing") for name in required]
    rules.append(((pl.col("ts") <= 0) | (pl.col("ts") >= LATEST), "ts_implausible"))
    for name in prices:
        rules.append((pl.col(name).is_finite().not_(), f"{name}_not_finite"))
        rules.append(((pl.col(name) <= 0) & positive, f"{name}_not_positive"))
        rules.append((pl.col(name).abs() >= PRICE_LIMIT, f"{name}_implausible"))
    for name in sizes:
        rules.append((pl.col(name).is_finite().not_(), f"{name}_not_finite"))
        rules.append((pl.col(name) < 0 if table in (BARS, OPTIONS) else pl.col(name) <= 0, f"{name}_not_positive"))
        rules.append((pl.col(name).abs() >= PRICE_LIMIT, f"{name}_implausible"))
    if table is SIGNALS:
        rules.append((pl.col("value").is_finite().not_(), "value_not_finite"))
    if table is BARS:
        body = (pl.col("high") < pl.max_horizontal("open", "low", "close")) | (pl.col("low") > pl.min_horizontal("open", "close"))
        rules.append((body, "ohlc_inconsistent"))
    if table is BOOK:
        for side, better in (("bid", pl.Expr.le), ("ask", pl.Expr.ge)):
            levels = [name for name in prices if name.startswith(side)]
            rules += [(better(pl.col(near), pl.col(far)), "levels_unsorted") for near, far in zip(levels, levels[1:], strict=False)]
    if table is ORDERS:
        rules.append((~pl.col("kind").is_between(1, 7), "kind_unknown"))
    if table is OPTIONS:
        rules += _option_rules(frame)
    # a rule that no row breaks needs no column of reasons: a book of ten levels has 140 rules
    broken = frame.select(rule.any().alias(str(i)) for i, (rule, _) in enumerate(rules)).row(0)
    return [pl.when(rule).then(pl.lit(reason)) for (rule, reason), any_row in zip(rules, broken, strict=True) if any_row]


def _without_empty_levels(frame: pl.DataFrame) -> pl.DataFrame:
    """The book with null for price and size of levels of size 0."""
    empty = {name: pl.col(name.replace("price", "size")) == 0 for name in _BOOK_PRICES if name.replace("price", "size") in frame.columns}
    some = frame.select(zero.any().alias(name) for name, zero in empty.items()).row(0) if len(frame) else ()
    nulled = []
    for (name, zero), any_row in zip(empty.items(), some, strict=False):
        if any_row:
            both = [each for each in (name, name.replace("price", "size")) if each in frame.columns]
            nulled += [pl.when(~zero.fill_null(False)).then(pl.col(each)).alias(each) for each in both]
    return frame.with_columns(nulled) if nulled else frame


def _option_rules(frame: pl.DataFrame) -> list[tuple[pl.Expr, str]]:
    """A bid or an offer may be absent (null or 0); a contract that has settled, or a bid above the offer, is no quote."""
    rules = [(pl.col("right").abs() != 1, "right_unknown"), (pl.col("expiry") <= pl.col("ts"), "expired")]
    for name in ("bid", "ask", "last"):
        if name in frame.columns:
            rules.append((pl.col(name).is_finite().not_(), f"{name}_not_finite"))
            rules.append((pl.col(name) < 0, f"{name}_negative"))
            rules.append((pl.col(name) >= PRICE_LIMIT, f"{name}_implausible"))
    if {"bid", "ask"} <= set(frame.columns):
        rules.append(((pl.col("ask") > 0) & (pl.col("bid") > pl.col("ask")), "crossed"))
    return rules


def _disorder(found: pl.DataFrame, table: Table) -> NDArray[np.bool_]:
    """Rows out of order among the sound rows of their own symbol; True marks them."""
    late = np.zeros(len(found), dtype=np.bool_)
    sound = found.with_row_index("at").filter(pl.col("reason").is_null())
    if len(sound) == 0 or sound["ts"].is_sorted():
        return late
    for group in sound.select("at", "ts", table.identity[0]).partition_by(table.identity[0], maintain_order=True):
        late[group["at"].to_numpy()[late_rows(group["ts"].to_numpy())]] = True
    return late


def _kept(found: pl.DataFrame, table: Table) -> list[str]:
    """Columns of the table and its context; what a reader added to judge a row stays behind, in the quarantine."""
    known = {column.name for column in (*table.columns, *CONTEXT)}
    return [name for name in found.columns if name in known]


def _mark(found: pl.DataFrame, reason: str, rows: NDArray[np.bool_]) -> pl.DataFrame:
    if not rows.any():
        return found
    return found.with_columns(
        pl.when(pl.col("reason").is_null() & pl.Series(rows)).then(pl.lit(reason)).otherwise(pl.col("reason")).alias("reason")
    )


def _sequenced(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The order of rows at one stamp, written down where the source has no number of its own: the last trade of a stamp is its price."""
    if "sequence" not in table.names or "sequence" in frame.columns:
        return frame
    return frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over("symbol", "ts").alias("sequence"))
