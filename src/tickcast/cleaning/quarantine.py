"""Rows set aside, as rows of table `quarantine`: where they came from, why they were set aside, and all they said."""

from __future__ import annotations

import polars as pl

from tickcast.cleaning.cleaned import Cleaned
from tickcast.cleaning.values import EARLIEST, LATEST
from tickcast.schema import QUARANTINE, Table, conform

__all__ = ["quarantine_rows"]

_OURS = ("row", "reason")


def quarantine_rows(chunk: Cleaned, table: Table, *, source: str, outside: pl.DataFrame | None = None) -> pl.DataFrame:
    """The chunk's quarantined rows in the schema of table `quarantine`.

    Parameters
    ----------
    chunk: what a source or a `Screen` gave.
    table: table that the rows were meant for.
    source: file or provider they came from; with the rows' numbers it tells them apart, so reading a file again changes nothing.
    outside: rows of the chunk that no session of the calendar holds; they are set aside too, as `outside_session`.

    `original` holds every value as text, exactly: NaN, -0.0 and 1e+18 are told apart. A row whose stamp cannot be is filed under the stamp
    of the nearest usable row before it in the file, else of the first one.
    """
    parts = [chunk.quarantined]
    if outside is not None and len(outside):
        numbers = _numbers_of(chunk, outside)
        parts.append(outside.with_columns(numbers, pl.lit("outside_session").alias("reason")))
    return pl.concat([_filed(part, chunk, table, source) for part in parts], how="vertical")


def _filed(held: pl.DataFrame, chunk: Cleaned, table: Table, source: str) -> pl.DataFrame:
    if not len(held):
        return QUARANTINE.empty()
    key = table.identity[0]
    told = [name for name in held.columns if name not in _OURS]
    original = pl.struct(pl.col(name).cast(pl.String, strict=False) for name in told).struct.json_encode()
    number = pl.col("row").cast(pl.Int64) if "row" in held.columns else pl.lit(None, dtype=pl.Int64)
    symbol = pl.col(key).cast(pl.String) if key in held.columns else pl.lit(None, dtype=pl.String)
    rows = held.select(
        symbol.fill_null("").alias("symbol"),
        _stamp(held).alias("ts"),
        pl.lit(table.name).alias("table"),
        pl.lit(source).alias("source"),
        number.alias("file_row"),
        pl.col("reason"),
        original.alias("original"),
    )
    if rows["ts"].null_count():
        rows = _placed(rows, chunk)
    return conform(rows, QUARANTINE)


def _stamp(held: pl.DataFrame) -> pl.Expr:
    """The row's own stamp where it may be one."""
    if "ts" not in held.columns:
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


def _numbers_of(chunk: Cleaned, outside: pl.DataFrame) -> pl.Series:
    """Numbers in the file of the chunk's rows that lie outside: each is found by its place among equal rows."""
    names = outside.columns
    twin = pl.int_range(pl.len()).over(names).alias("__twin")
    numbered = chunk.frame.with_columns(chunk.numbers.cast(pl.Int64).alias("row")).filter(
        pl.col("ts").is_in(outside["ts"].unique().implode())
    )
    wanted = outside.with_columns(twin)
    found = wanted.join(numbered.with_columns(twin), on=[*names, "__twin"], how="left", nulls_equal=True, maintain_order="left")
    return found["row"]
