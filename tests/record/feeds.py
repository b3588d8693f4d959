"""Feeds for tests: what an exchange sent, told over connections that are cut, repeat and begin anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import ClassVar

import polars as pl

from tickcast.cleaning import Cleaned, clean
from tickcast.errors import ProviderUnavailable
from tickcast.schema import TRADES, Table, conform
from tickcast.sources import LiveSource, Progress, no_contracts

__all__ = ["Cut", "Script", "quiet", "trades"]

Step = Sequence[int] | Exception
"""Positions of the events in a chunk, or what is raised."""


def trades(stamps: Sequence[int], *, symbol: str = "A", numbered: bool = True) -> pl.DataFrame:
    """A trade per stamp; price and size repeat, so that equal trades at one stamp are common."""
    frame = pl.DataFrame({"symbol": symbol, "ts": list(stamps), "price": 10.0, "size": 1.0}, schema_overrides={"ts": pl.Int64})
    return frame.with_row_index("sequence").with_columns(pl.col("sequence").cast(pl.Int64)) if numbered else frame


def quiet(table: Table = TRADES) -> Cleaned:
    """An empty chunk: nothing happened."""
    return clean(table.empty().with_row_index("row"), table)


class Script(LiveSource):
    """Each call of `live` plays the next connection of a script; a connection is a list of steps, and the last ends the feed.

    `hold` keeps a feed open that has nothing more to say; `raw` events are cleaned as they are, not cast to the table first.
    """

    name: ClassVar[str] = "script"

    def __init__(
        self,
        events: pl.DataFrame,
        connections: Sequence[Sequence[Step]],
        *,
        hold: Callable[[], bool] | None = None,
        table: Table = TRADES,
        raw: bool = False,
    ) -> None:
        self.raw = raw
        self.table, self.events, self.connections, self.calls, self.hold = table, events, connections, 0, hold

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """All events in one chunk."""
        yield clean(self.events, self.table)

    def contracts(self) -> pl.DataFrame:
        """Nothing is known."""
        return no_contracts()

    def live(self, symbols: Sequence[str], stop: Event) -> Iterator[Cleaned]:
        """The next connection of the script."""
        steps = self.connections[min(self.calls, len(self.connections) - 1)]
        self.calls += 1
        for step in steps:
            if stop.is_set():
                return
            if isinstance(step, Exception):
                raise step
            rows = self.events[list(step)]
            rows = rows if self.raw else conform(rows, self.table)
            yield clean(rows, self.table, arriving=self.raw) if len(step) else quiet(self.table)
        while self.hold is not None and self.hold() and not stop.wait(0.01):
            yield quiet(self.table)


class Cut(ProviderUnavailable):
    """The connection of a script is cut."""
