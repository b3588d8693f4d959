"""Rows set aside, as rows of table `quarantine`: where they came from, why they were set aside, and all they said."""

from __future__ import annotations

import polars as pl

from tickcast.cleaning.cleaned import Cleaned
from tickcast.cleaning.values import EARLIEST, LATEST
from tickcast.schema import QUARANTINE, Table, conform

__all__ = ["quarantine_rows"]

_OURS = ("row", "reason")
_ABSENT = ((r',"[^"\\]*":null', ""), (r'^\{"[^"\\]*":null,?', "{"))  # what a row does not say, in JSON


def quarantine_rows(chunk: Cleaned, table: Table, *, source: str) -> pl.DataFrame:
    """The chunk's quarantined rows in the schema of table `quarantine`.

    Parameters
    ----------
    chunk: what a source or a `Screen` gave.
    table: table that the rows were meant for.
    source: file or provider they came from; with the rows' numbers it tells them apart, so reading a file again changes nothing.

    `original` holds every value there is as text, exactly: NaN, -0.0 and 1e+18 are told apart. A row whose stamp cannot be is filed under
    the stamp of the nearest usable row before it in the file, else of the first one.
    """
    aside = chunk.quarantined
    if not len(aside):
        return QUARANTINE.empty()
    key = table.identity[0]
    ours = [name for name in table.names if name in aside.columns]  # in one order, whatever rows it stands among
    told = [*ours, *sorted(name for name in aside.columns if name not in (*ours, *_OURS))]
    original = pl.struct(pl.col(name).cast(pl.String, strict=False) for name in told).struct.json_encode()
    for pattern, instead in _ABSENT:
        original = original.str.replace_all(pattern, instead)
    number = pl.col("row").cast(pl.Int64) if "row" in aside.columns else pl.lit(None, dtype=pl.Int64)
    symbol = pl.col(key).cast(pl.String) if key in aside.columns else pl.lit(None, dtype=pl.String)
    rows = aside.select(
        symbol.fill_null("").alias("symbol"),
        _stamp(aside).alias("ts"),
        pl.lit(table.name).alias("table"),
        pl.lit(source).alias("source"),
        number.alias("file_row"),
        pl.col("reason"),
        original.alias("original"),
    )
    if rows["ts"].null_count():
        rows = _placed(rows, chunk)
    return conform(rows, QUARANTINE)


def _stamp(aside: pl.DataFrame) -> pl.Expr:
    """The row's own stamp where it may be one."""
    if "ts" not in aside.columns:
        return pl.lit(None, dtype=pl.Int64)
    ts = pl.col("ts").cast(pl.Int64, strict=False)
    return pl.when((ts >= EARLIEST) & (ts < LATEST)).then(ts)


def _placed(rows: pl.DataFrame, chunk: Cleaned) -> pl.DataFrame:
    """Rows without a stamp under that of the usable row before them in the file."""
    good = pl.DataFrame({"file_row": chunk.numbers.cast(pl.Int64), "near": chunk.frame["ts"]}).sort("file_row")
    if not len(good):
        return rows.with_columns(pl.col("ts").fill_null(0))
    order = rows.with_row_index("place").sort("file_row", nulls_last=True)
    near = order.join_asof(good, on="file_row", strategy="backward", check_sortedness=False)
    return near.sort("place").select(
        pl.coalesce("ts", "near", pl.lit(int(good["near"][0]))).alias("ts"), *rows.columns[:1], *rows.columns[2:]
    )
