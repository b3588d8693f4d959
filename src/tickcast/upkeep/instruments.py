"""What sources tell of their instruments, kept in table `contracts` and read back as it was known."""

from __future__ import annotations

import polars as pl

from tickcast.clock import DAY
from tickcast.schema import CONTRACTS
from tickcast.store import Store

__all__ = ["known_contracts", "remember"]

_FACTS = tuple(name for name in CONTRACTS.names if name not in CONTRACTS.identity)


def remember(known: pl.DataFrame, store: Store, *, source: str, now: int | None) -> int:
    """Commit, at once, the rows of `known` that say something new; how many. Telling the same again writes nothing.

    A row that repeats what was known of its symbol at its moment is left out; of a moment that is stored already a row adds what was not
    told and replaces what was told otherwise.

    Parameters
    ----------
    known: rows of table `contracts`.
    source: provenance of the rows.
    now: UTC ns; a row that becomes known later is left for later. None takes all.
    """
    if now is not None:
        known = known.filter(pl.col("ts") <= now)
    if not len(known):
        return 0
    key = list(CONTRACTS.identity)
    held = store.scan(CONTRACTS.name, known["symbol"].unique().to_list()).select(CONTRACTS.names)
    fresh = known.select(CONTRACTS.names).unique(key, keep="last", maintain_order=True).join(held, on=key, how="left", suffix="_held")
    fresh = fresh.select(*key, *(pl.coalesce(name, f"{name}_held").alias(name) for name in _FACTS), pl.lit(True).alias("fresh"))
    old = held.join(fresh, on=key, how="anti").with_columns(pl.lit(False).alias("fresh"))
    before = _carried(pl.concat([old, fresh]).sort(key), shifted=True)
    news = pl.any_horizontal(pl.col(name).is_not_null() & pl.col(name).ne_missing(pl.col(f"{name}_known")) for name in _FACTS)
    first = pl.col("symbol").ne_missing(pl.col("symbol").shift(1))
    chosen = before.filter(pl.col("fresh") & (news | first)).select(CONTRACTS.names)
    chosen = pl.concat([chosen, fresh.join(held, on=key, how="semi").select(CONTRACTS.names)]).unique(key, keep="last")
    chosen = chosen.join(held, on=CONTRACTS.names, how="anti", nulls_equal=True)
    if len(chosen):
        store.write(CONTRACTS.name, _placed(chosen.sort(key), store), source=source)
    return len(chosen)


def known_contracts(store: Store, *, as_of: str | None = None) -> pl.DataFrame:
    """Table `contracts` with what a row leaves out filled from the rows before it of the same contract: a row is all known at its moment.

    A symbol that comes back after its contract has ended (MGCG1 after ten years) begins anew.
    """
    held = store.scan(CONTRACTS.name, as_of=as_of).select(CONTRACTS.names).sort(CONTRACTS.identity)
    whole = _carried(held, shifted=False)
    return whole.select(*CONTRACTS.identity, *(pl.col(f"{name}_known").alias(name) for name in _FACTS))


def _carried(rows: pl.DataFrame, *, shifted: bool) -> pl.DataFrame:
    """Rows sorted by symbol and ts with NAME_known of each fact: the last one told at the row or, if `shifted`, before it."""
    ended = pl.col("ts") > pl.col("expiry").forward_fill().shift(1).over("symbol")
    lives = rows.with_columns(ended.fill_null(False).cum_sum().over("symbol").alias("life"))
    told = [pl.col(name).forward_fill().shift(1) if shifted else pl.col(name).forward_fill() for name in _FACTS]
    return lives.with_columns(each.over("symbol", "life").alias(f"{name}_known") for name, each in zip(_FACTS, told, strict=True))


def _placed(rows: pl.DataFrame, store: Store) -> pl.DataFrame:
    """The rows with their days: the stored one that holds their moment already, as a calendar may have placed it, else the UTC day."""
    held = store.coverage(CONTRACTS.name).select("symbol", pl.col("trading_day").alias("around"), "first_ts", "last_ts").sort("first_ts")
    near = rows.sort("ts").join_asof(held, left_on="ts", right_on="first_ts", by="symbol", check_sortedness=False)
    inside = pl.when(pl.col("ts") <= pl.col("last_ts")).then(pl.col("around"))
    day = pl.coalesce(inside, pl.col("ts") // DAY).cast(pl.Int32).alias("trading_day")
    return near.select(*CONTRACTS.names, day).sort(CONTRACTS.identity)
