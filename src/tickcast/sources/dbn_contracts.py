"""Which contract a record of a DBN file is of, and whether it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.cleaning import SPREAD
from tickcast.clock import DAY
from tickcast.sources.dbn import Symbols, stamp, stamped_by
from tickcast.sources.dbn_metadata import Metadata

__all__ = ["FileContracts", "is_spread"]

_Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class _Known:
    """Names by code; the last one, -1, is no symbol. `spread` and `other` mark calendar spreads, and what is of another product."""

    names: pl.Series
    spread: _Marks
    other: _Marks

    @classmethod
    def of(cls, names: pl.Series, symbol: str | None) -> _Known:
        other = np.zeros(len(names), np.bool_) if symbol is None else ~names.str.starts_with(symbol).to_numpy()
        spread = names.to_frame("symbol").select(is_spread()).to_series().to_numpy()
        return cls(pl.Series("symbol", [*names, None], dtype=pl.String), np.append(spread, False), np.append(other, False))


class FileContracts:
    """Contracts of one file by code, -1 where none is told.

    Parameters
    ----------
    metadata: of the file, which maps instrument ids.
    defined: asked for definitions, once, where the metadata tells nothing of an id; None where there are none.
    symbol: the product whose contracts are wanted; None for all. spreads: whether calendar spreads are.
    """

    def __init__(self, metadata: Metadata, defined: Callable[[], Symbols] | None, symbol: str | None, spreads: bool) -> None:
        self.symbol, self.spreads = symbol, spreads
        self._mapped, self._defined = Symbols.of(metadata.spans), defined
        self._more: Symbols | None = None
        self._known = _Known.of(self._mapped.names, symbol)

    def codes(self, records: NDArray[Any]) -> NDArray[np.int64]:
        """(n,) contract of each record on its UTC day."""
        days, ids = stamp(records[stamped_by(records.dtype)]) // DAY, records["instrument_id"]
        at = self._mapped.place(ids, days)
        if self._defined is None or not (at < 0).any():
            return at
        if self._more is None:
            self._more = self._defined()
            self._known = _Known.of(pl.concat([self._mapped.names, self._more.names]), self.symbol)
        more = self._more.place(ids, days)
        return np.where(at < 0, np.where(more < 0, -1, more + len(self._mapped.names)), at)

    def wanted(self, codes: NDArray[np.int64]) -> _Marks:
        """(n,) contracts asked for; those without a symbol too, to be set aside."""
        known = self._known
        return ~(known.other if self.spreads else known.other | known.spread)[codes]

    def left_out(self, codes: NDArray[np.int64]) -> Mapping[str, int]:
        """How many of these are not asked for, by what they are."""
        known = self._known
        spread = np.zeros_like(known.spread) if self.spreads else known.spread & ~known.other
        counts = {"other_symbol": int(known.other[codes].sum()), "spread": int(spread[codes].sum())}
        return MappingProxyType({name: count for name, count in counts.items() if count})

    def columns(self, codes: NDArray[np.int64]) -> list[pl.Series]:
        """`symbol`, `underlying_contract` and `spread` of each."""
        known = self._known
        names = known.names.gather(np.where(codes < 0, len(known.names) - 1, codes))
        return [names, names.alias("underlying_contract"), pl.Series("spread", known.spread[codes])]


def is_spread() -> pl.Expr:
    """Whether column `symbol` names a spread."""
    return pl.col("symbol").str.contains(SPREAD).fill_null(False)
