"""`clean`: a source's rows, split into those that can be used and those that cannot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.cleaning.cleaned import Cleaned, tally
from tickcast.cleaning.order import doubled, sequenced, strays
from tickcast.cleaning.values import broken, nulled
from tickcast.schema import CONTEXT, Table, conform

__all__ = ["clean"]


def clean(
    frame: pl.DataFrame,
    table: Table,
    *,
    reasons: Sequence[pl.Expr] = (),
    signed: pl.Expr | None = None,
    origin: str = "",
    arriving: bool = False,
) -> Cleaned:
    """`frame` split into rows that can be used and rows that cannot.

    Parameters
    ----------
    frame: columns of `table`, in the order read; `row`, its number in the file, where known; other columns may serve `reasons`.
    reasons: expressions over `frame` giving a reason (String) or null, asked before the rules here, as what a reader found while parsing.
    signed: rows whose prices may be zero or negative, as calendar spreads.
    origin: file the rows come from.
    arriving: the rows come from a feed, batch by batch. Which of them come too late or again is then for `Screen` to say, which remembers
        the batches before; of a file, it is said here.

    Rules, in order: `reasons`, those of `values.broken`, then of a file `out_of_order`, `ts_ahead` and, in tables without genuine repeats,
    `duplicate`. What a feed writes for "none" becomes null first, see `values.nulled`. Crossed books stay: see `Screen`.

    Raises DataError if a column is missing or cannot be cast.
    """
    if "row" not in frame.columns:
        frame = frame.with_row_index("row", offset=1)
    frame = nulled(frame, table)
    found = frame
    rules = [*reasons, *broken(frame, table, signed)]
    if rules:
        found = frame.with_columns(pl.coalesce([*rules, pl.lit(None, dtype=pl.String)]).alias("reason"))
        if found["reason"].null_count() == len(found):
            found = frame
    if not arriving:
        late, ahead = strays(_sound(found), table.identity[0])
        found = _mark(_mark(found, "out_of_order", late), "ts_ahead", ahead[~late])
        if not table.repeats:
            found = _mark(found, "duplicate", doubled(_sound(found), table))
    known = {column.name for column in (*table.columns, *CONTEXT)}
    good = _sound(found)
    counted = "sequence" in table.names and "sequence" not in good.columns
    wanted = good.select(name for name in good.columns if name in known)
    kept = conform(sequenced(wanted) if counted else wanted, table, file=origin or None)
    if "reason" not in found.columns:
        aside = found.clear().with_columns(pl.lit(None, dtype=pl.String).alias("reason"))
        return Cleaned(kept, aside, tally(aside), origin, rows=good["row"], counted=counted)
    aside = found.filter(pl.col("reason").is_not_null())
    return Cleaned(kept, aside, tally(aside), origin, rows=good["row"], counted=counted)


def _sound(found: pl.DataFrame) -> pl.DataFrame:
    """Rows with no reason against them yet."""
    return found.filter(pl.col("reason").is_null()) if "reason" in found.columns else found


def _mark(found: pl.DataFrame, reason: str, rows: NDArray[np.bool_]) -> pl.DataFrame:
    """`found` with a reason against those of its sound rows that are marked."""
    if not rows.any():
        return found
    if "reason" not in found.columns:
        found = found.with_columns(pl.lit(None, dtype=pl.String).alias("reason"))
    marked = np.zeros(len(found), dtype=np.bool_)
    marked[np.flatnonzero(found["reason"].is_null().to_numpy())[rows]] = True
    return found.with_columns(pl.when(pl.Series(marked)).then(pl.lit(reason)).otherwise(pl.col("reason")).alias("reason"))
