"""Online values: the last row of every symbol, with a time to live."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tickcast import _engine
from tickcast.errors import FeatureError, StaleFeature
from tickcast.features.feature_set import FeatureSet
from tickcast.features.lifetime import Lifetime, lifetimes
from tickcast.features.table import FeatureTable

__all__ = ["OnlineFeatures", "OnlineRow"]

_LiveRow = tuple[int, int, int, float, Sequence[float]]
"""(ts, session, segment, price, values), as the engine's `push` and `advance` give it."""


@dataclass(frozen=True, eq=False)
class OnlineRow:
    """What is known of one symbol.

    Parameters
    ----------
    names: (k,) feature names.
    ts, session, segment: of the row the values come from, UTC ns.
    price: at ts.
    values: (k,) float64; NaN where a feature was not known at ts, or is stale.
    """

    names: tuple[str, ...]
    ts: int
    session: int
    segment: int
    price: float
    values: NDArray[np.float64]


class OnlineFeatures:
    """The last row of each symbol, kept by the engine's table of rows: many readers, one writer per symbol, nobody waits.

    Parameters
    ----------
    features: the set whose rows come in.
    symbols: all that will be asked for.
    ttl: how long a row counts, by feature or for all of them.
    stale: what a value older than that is answered with: NaN, or a StaleFeature error.

    >>> small = {"name": "s", "stream": "bars", "clock": {"on": "bars"}, "price": "close", "features": {"x": "close * 2"}}
    >>> online = OnlineFeatures(FeatureSet.from_dict(small), ["ES"], ttl="1s")
    >>> online.feed("ES", [(10, 0, 0, 5.0, [10.0])])
    >>> online.get("ES", now=10).values.tolist(), online.get("ES", now=2_000_000_000).values.tolist()
    ([10.0], [nan])
    """

    def __init__(
        self, features: FeatureSet, symbols: Sequence[str], *, ttl: Lifetime = None, stale: Literal["nan", "error"] = "nan"
    ) -> None:
        if stale not in ("nan", "error"):
            raise FeatureError(f"{stale!r} is no policy", field="stale", hint="write nan or error")
        self.names = features.names
        self.ttl = MappingProxyType(dict(zip(self.names, lifetimes(self.names, ttl), strict=True)))
        self._symbols = {symbol: place for place, symbol in enumerate(dict.fromkeys(symbols))}
        self._places = {name: place for place, name in enumerate(self.names)}
        self._raises = stale == "error"
        self._rows = _engine.LastRows(list(self._symbols), list(self.ttl.values()))

    def feed(self, symbol: str, rows: Sequence[_LiveRow]) -> None:
        """Take in the rows that `push` or `advance` of the symbol's engine gave. FeatureError for rows of another set or back in time."""
        place = self._place(symbol)
        if rows:
            ts, session, segment, price, values = rows[-1]
            self._rows.put(place, ts, session, segment, price, np.asarray(values, np.float64))

    def fill(self, symbol: str, table: FeatureTable) -> None:
        """Take in the last row of a table, as after a restart. FeatureError when its features are not these."""
        place = self._place(symbol)
        if table.names != self.names:
            raise FeatureError(f"a table of {', '.join(table.names)}", hint=f"give one of {', '.join(self.names)}")
        if len(table):
            last = (int(table.ts[-1]), int(table.session[-1]), int(table.segment[-1]), float(table.price[-1]))
            self._rows.put(place, *last, np.ascontiguousarray(table.values[-1]))

    def get(self, symbol: str, names: Sequence[str] | None = None, *, now: int) -> OnlineRow | None:
        """The last row of the symbol as it counts at `now` (UTC ns), all features or these; None before the first row.

        A value as old as its time to live still counts. A row stamped after `now` counts: it has arrived, so clocks differ.
        StaleFeature names what is too old where that is an error; FeatureError for a symbol or feature that is not there.
        """
        found = self._rows.read(self._place(symbol), now)
        if found is None:
            return None
        ts, session, segment, price, values, stale = found
        asked = self.names if names is None else tuple(names)
        if stale and self._raises:
            self._refuse(symbol, asked, now - ts)
        if names is not None:
            values = values[[self._at(name) for name in asked]]
        return OnlineRow(asked, ts, session, segment, price, values)

    def _refuse(self, symbol: str, asked: Sequence[str], age: int) -> None:
        old = [name for name in asked if age > self.ttl[self.names[self._at(name)]]]
        if old:
            what = ", ".join(old[:5]) + (f" and {len(old) - 5} more" if len(old) > 5 else "")
            message = f"the last row of {symbol} is {age / 1e9:.3f} s old, longer than {what} may be"
            raise StaleFeature(message, field=old[0], hint="see whether its stream still runs")

    def _at(self, name: str) -> int:
        if name not in self._places:
            raise FeatureError(f"no feature called {name!r}", hint=f"this set has {', '.join(self.names)}")
        return self._places[name]

    def _place(self, symbol: str) -> int:
        if symbol not in self._symbols:
            near = difflib.get_close_matches(symbol, self._symbols, n=1)
            raise FeatureError(f"no symbol {symbol!r}", hint=f"did you mean {near[0]!r}?" if near else f"known: {', '.join(self._symbols)}")
        return self._symbols[symbol]
