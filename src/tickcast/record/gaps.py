"""Stretches of open market of which the recorder cannot say that it saw everything: noted in table `gaps`, healed from history."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from tickcast.calendars import Calendar
from tickcast.clock import DAY
from tickcast.schema import GAPS, Table
from tickcast.store import Store

__all__ = ["Continuity", "open_gaps"]

_EDGES = 10  # stretches told one by one; of a longer absence the first and the last, the days between are missing days


class Continuity:
    """Whether a connection goes on where the rows known so far end.

    A connection that begins with rows at or before the last known one overlaps it: nothing was missed. One that begins later leaves a gap,
    as far as the market was open.

    Parameters
    ----------
    table: the rows' table.
    calendars: the calendar of each symbol.
    last: stamp of the last stored row of each symbol, UTC ns.
    """

    def __init__(self, table: Table, calendars: Mapping[str, Calendar], last: Mapping[str, int]) -> None:
        self._table, self._calendars, self._last = table, calendars, dict(last)
        self._reason, self._waiting = "not recording", set(calendars)

    def lost(self, reason: str) -> None:
        """The connection is gone: the next rows of every symbol are asked where they begin."""
        self._reason, self._waiting = reason, set(self._calendars)

    def seen(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The gaps that `rows` show, in table `gaps`; to be stored before the rows are."""
        key, found = self._table.identity[0], [GAPS.empty()]
        for symbol, first, last in rows.group_by(key).agg(pl.col("ts").min().alias("first"), pl.col("ts").max().alias("last")).iter_rows():
            if symbol in self._waiting:
                self._waiting.discard(symbol)
                found.append(self._between(symbol, first))
            self._last[symbol] = max(last, self._last.get(symbol, last))
        return pl.concat(found)

    def _between(self, symbol: str, first: int) -> pl.DataFrame:
        known = self._last.get(symbol)
        if known is not None and first <= known:
            return GAPS.empty()
        calendar = self._calendars[symbol]
        sessions = calendar.sessions(first if known is None else max(known, first - 400 * DAY), first)
        at = sessions.locate(np.array([first]), tie="open")[0]
        if known is None:  # nothing is stored: what is missing of the days before is no gap in a recording
            known = int(sessions.open[at]) if at >= 0 else first
        low, high = np.maximum(sessions.open, known), np.minimum(sessions.close, first)
        inside = np.flatnonzero(low < high)
        if len(inside) > _EDGES:
            inside = inside[[0, -1]]
        told = {"symbol": symbol, "table": self._table.name, "reason": self._reason, "healed": 0}
        rows = [{**told, "ts": int(high[each]), "start": int(low[each])} for each in inside]
        return pl.DataFrame(rows, schema=GAPS.empty().schema) if rows else GAPS.empty()


def open_gaps(store: Store, table: str, symbol: str | None = None) -> pl.DataFrame:
    """Gaps of a table that nobody has healed, by symbol and time. Rows of table `gaps`; written back with `healed` 1 they are closed."""
    noted = store.scan("gaps", None if symbol is None else [symbol])
    return noted.filter((pl.col("table") == table) & (pl.col("healed") == 0)).sort("symbol", "ts")
