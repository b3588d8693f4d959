"""What a symbol's stored rows are like: range, pace, gaps, and how they lie over the day."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.clock import MINUTE, SECOND
from tickcast.profile.columns import granularity
from tickcast.schema import Table

__all__ = ["SLOT", "Gap", "SymbolFacts", "SymbolTally", "price_of", "spread_of"]

SLOT = 30 * MINUTE
"""Length of a slot of the day, ns."""
_SLOTS = 48
_GAPS = 20


@dataclass(frozen=True)
class Gap:
    """Time without a row inside a session: from the row before to the row after it (UTC ns)."""

    symbol: str
    start: int
    end: int


@dataclass(frozen=True)
class SymbolFacts:
    """One symbol of a table.

    Parameters
    ----------
    rows, days: stored; `tied` rows share their stamp with the row before.
    low, high: of the price; None where the table has none. `tick`: the smallest price step seen.
    volume: traded over all rows, None where not told.
    crossed, locked: rows whose bid is above, or at, the offer.
    spread: median of (offer - bid) / middle in basis points; None without quotes.
    pace: median time between two rows, ns.
    gaps: the longest times without a row, longest first.
    slots: (48, 3) rows, volume and mean spread (bp, NaN for none) per half hour of the local day.
    """

    symbol: str
    rows: int
    days: int
    tied: int
    low: float | None
    high: float | None
    tick: float | None
    volume: float | None
    crossed: int
    locked: int
    spread: float | None
    pace: int
    gaps: tuple[Gap, ...]
    slots: NDArray[np.float64]


def price_of(table: Table) -> pl.Expr | None:
    """The price that tells a table's level, None where it has none."""
    if table.name == "book":
        return (pl.col("bid_price_1") + pl.col("ask_price_1")) / 2
    for name in ("price", "close", "underlying_price"):
        if name in table.names:
            return pl.col(name)
    return None


def spread_of(table: Table) -> tuple[pl.Expr, pl.Expr] | None:
    """Best bid and offer of a table of quotes, null where nobody quotes."""
    if table.name == "book":
        return pl.col("bid_price_1"), pl.col("ask_price_1")
    if table.name == "options":
        return pl.when(pl.col("bid") > 0).then(pl.col("bid")), pl.when(pl.col("ask") > 0).then(pl.col("ask"))
    return None


@dataclass
class SymbolTally:
    """Sums over a symbol's chunks, in time order; `facts` tells what came of them."""

    symbol: str
    table: Table
    zone: str
    rows: int = 0
    days: set[int] = field(default_factory=set)
    tied: int = 0
    low: float = np.inf
    high: float = -np.inf
    ticks: list[float] = field(default_factory=list)
    volume: float = 0.0
    crossed: int = 0
    locked: int = 0
    spreads: list[NDArray[np.float64]] = field(default_factory=list)
    paces: list[NDArray[np.int64]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    slots: NDArray[np.float64] = field(default_factory=lambda: np.zeros((_SLOTS, 4)))

    def add(self, day: int, rows: pl.DataFrame) -> None:
        """Count the rows of one day."""
        ts = rows["ts"].to_numpy()
        self.rows += len(rows)
        self.days.add(day)
        self._prices(rows)
        local = rows.select(pl.from_epoch("ts", "ns").dt.replace_time_zone("UTC").dt.convert_time_zone(self.zone).alias("at"))
        since = local.select(pl.col("at").dt.hour().cast(pl.Int64) * 60 + pl.col("at").dt.minute()).to_series().to_numpy()
        slot = since // (SLOT // MINUTE)
        self.slots[:, 0] += np.bincount(slot, minlength=_SLOTS)
        traded = next((name for name in ("size", "volume") if name in self.table.names and self.table.name != "book"), None)
        if traded is not None:
            sizes = rows[traded].fill_null(0.0).to_numpy()
            self.volume += float(sizes.sum())
            self.slots[:, 1] += np.bincount(slot, sizes, minlength=_SLOTS)
        self._quotes(rows, slot)
        self._times(ts, rows)

    def _prices(self, rows: pl.DataFrame) -> None:
        price = price_of(self.table)
        if price is None:
            return
        values = rows.select(price.alias("price")).to_series().drop_nulls()
        if len(values):
            self.low, self.high = min(self.low, float(values.to_numpy().min())), max(self.high, float(values.to_numpy().max()))
            quoted = rows["bid_price_1"] if self.table.name == "book" else values
            step = granularity(quoted.head(50_000))
            self.ticks += [step] if step is not None else []

    def _quotes(self, rows: pl.DataFrame, slot: NDArray[np.int64]) -> None:
        quotes = spread_of(self.table)
        if quotes is None:
            return
        bid, ask = (rows.select(side.alias("side")).to_series().to_numpy() for side in quotes)
        with np.errstate(invalid="ignore"):
            self.crossed += int((bid > ask).sum())
            self.locked += int((bid == ask).sum())
            relative = (ask - bid) / ((ask + bid) / 2) * 1e4
        known = np.isfinite(relative)
        self.slots[:, 2] += np.bincount(slot[known], relative[known], minlength=_SLOTS)
        self.slots[:, 3] += np.bincount(slot[known], minlength=_SLOTS)
        self.spreads.append(relative[known][:: max(1, int(known.sum()) // 2_000)])

    def _times(self, ts: NDArray[np.int64], rows: pl.DataFrame) -> None:
        between = np.diff(ts)
        self.tied += int((between == 0).sum())
        if not len(between):
            return
        apart = between[between > 0]
        self.paces.append(apart[:: max(1, len(apart) // 2_000)])
        inside = np.ones(len(between), np.bool_)
        if "session_id" in rows.columns:
            session = rows["session_id"].fill_null(0).to_numpy()
            inside = session[1:] == session[:-1]
        longest = np.flatnonzero(inside)[np.argsort(-between[inside], kind="stable")[:_GAPS]]
        found = [Gap(self.symbol, int(ts[at]), int(ts[at + 1])) for at in longest if between[at] > SECOND]
        self.gaps = sorted([*self.gaps, *found], key=lambda gap: gap.start - gap.end)[:_GAPS]

    def facts(self) -> SymbolFacts:
        """What the rows so far were like."""
        seen = np.isfinite(self.low)
        spreads = np.concatenate(self.spreads) if self.spreads else np.empty(0)
        paces = np.concatenate(self.paces) if self.paces else np.zeros(1, np.int64)
        pace = int(np.median(paces)) if len(paces) else 0
        slots = np.column_stack(
            [self.slots[:, 0], self.slots[:, 1], self.slots[:, 2] / np.where(self.slots[:, 3], self.slots[:, 3], np.nan)]
        )
        return SymbolFacts(
            symbol=self.symbol,
            rows=self.rows,
            days=len(self.days),
            tied=self.tied,
            low=self.low if seen else None,
            high=self.high if seen else None,
            tick=min(self.ticks) if self.ticks else None,
            volume=self.volume if self.volume else None,
            crossed=self.crossed,
            locked=self.locked,
            spread=float(np.median(spreads)) if len(spreads) else None,
            pace=pace,
            gaps=tuple(gap for gap in self.gaps if gap.end - gap.start > 10 * pace),
            slots=slots,
        )
