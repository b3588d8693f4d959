"""Genuine repeats and rows told again: the store tells them apart by their count at a stamp, so it is given stamps as a whole."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tickcast.schema import Table
from tickcast.store import Store

__all__ = ["unstored", "whole_stamps"]


def whole_stamps(rows: pl.DataFrame, store: Store, table: Table) -> pl.DataFrame:
    """`rows` of a file whose `sequence` counts those of a stamp, and where they begin inside one the rows stored of it before them.

    A large file is cut anywhere: without these the second of two equal trades would be taken for the first one, told again.
    """
    if not table.repeats or not len(rows):
        return rows
    key = table.identity[0]
    begins = rows.unique(key, keep="first", maintain_order=True).filter(pl.col("sequence") > 0)
    before = [
        store.scan(table.name, [symbol], ts, ts + 1).filter(pl.col("sequence") < number)
        for symbol, ts, number in begins.select(key, "ts", "sequence").iter_rows()
    ]
    return pl.concat([*before, rows], how="diagonal_relaxed") if before else rows


def unstored(rows: pl.DataFrame, store: Store, table: Table, last: Mapping[str, int]) -> pl.DataFrame:
    """The stamps of `rows` at which the store lacks something, each with all its rows; `rows` are of one connection.

    The store tells genuine repeats by their count within a write, so a stamp is written whole: with the rows stored of it under other
    sequence numbers, as where a connection was cut inside a stamp. Stamps that the store holds with every value equal are left out: a
    repeated hour then does not rewrite its day. A row of a known identity and other values is a correction and stays.

    Parameters
    ----------
    last: stamp of the last stored row of each symbol, UTC ns; only rows at or before it are looked up.
    """
    key, kept = table.identity[0], [rows.clear()]
    for (symbol,), part in rows.partition_by(key, as_dict=True, maintain_order=True).items():
        end, first = last.get(str(symbol)), int(part.select(pl.col("ts").min()).item())
        if end is None or first > end:
            kept.append(part)
            continue
        old = store.scan(table.name, [str(symbol)], first, end + 1)
        names = [name for name in part.columns if name in old.columns]
        lacking = part.join(old, on=names, how="anti", nulls_equal=True).select("ts").unique()
        part = part.join(lacking, on="ts", how="semi", maintain_order="left")
        if table.repeats:
            beside = old.join(part, on=["ts", "sequence"], how="anti").join(lacking, on="ts", how="semi", maintain_order="left")
            kept.append(beside.select(names))
        kept.append(part)
    return pl.concat(kept, how="diagonal")
