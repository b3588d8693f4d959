"""Point-in-time join: the features of several tables, each on its own clock, as they were known at given moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import FeatureError
from tickcast.features.lifetime import Lifetime, lifetimes
from tickcast.features.table import FeatureTable

__all__ = ["AsOf", "as_of", "join"]


@dataclass(frozen=True, eq=False)
class AsOf:
    """A table to be read as of other rows.

    Parameters
    ----------
    table: rows on any clock.
    ttl: how long a row counts, by feature or for all; a value as old as that still counts.
    prefix: put before its feature names where two tables have the same.
    same_segment: whether a row of another segment counts as unknown; only for tables of one series.
    """

    table: FeatureTable
    ttl: Lifetime = None
    prefix: str = ""
    same_segment: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """(k,) feature names with the prefix."""
        return tuple(self.prefix + name for name in self.table.names)


def as_of(ts: NDArray[np.int64], source: AsOf, *, segment: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """(n, k) values of the source's last row with a stamp at or before each of `ts` (UTC ns, in any order); NaN where there is none.

    A row's stamp is the moment it was known, so an equal stamp counts; among rows of one stamp the last does. A value is NaN once it is
    older than its time to live; a row is never passed over for an older one that holds a number. `segment` (n,) is needed where the
    source asks for the same segment. Raises FeatureError.

    >>> table = FeatureTable(("x",), *(np.array([10, 20]) for _ in range(3)), np.ones(2), np.array([[1.0], [2.0]]), 10)
    >>> as_of(np.array([9, 10, 19, 25, 26]), AsOf(table, ttl=5)).ravel().tolist()
    [nan, 1.0, nan, 2.0, nan]
    """
    table = source.table
    at = np.searchsorted(table.ts, ts, side="right") - 1
    known = at >= 0
    if not len(table):
        return np.full((len(ts), len(table.names)), np.nan)
    if source.same_segment:
        if segment is None:
            raise FeatureError("the same segment is asked for, but the rows have none", field="segment", hint="give segment=")
        known &= table.segment[at] == segment
    values = table.values.take(at, axis=0, mode="clip")
    age = ts - table.ts.take(at, mode="clip")
    ttl = np.array(lifetimes(table.names, source.ttl))
    for most in np.unique(ttl):  # rows at once for all features that live as long
        unknown = np.flatnonzero(~known | (age > most))
        alike = np.flatnonzero(ttl == most)
        values[unknown if len(alike) == len(ttl) else np.ix_(unknown, alike)] = np.nan
    return values


def join(table: FeatureTable, others: Sequence[AsOf]) -> FeatureTable:
    """The rows of `table` with the features of the others as of each row's ts: labels made of its rows stay theirs.

    Raises FeatureError when two features would have one name.

    >>> on = FeatureTable(("x",), *(np.array([10, 20]) for _ in range(3)), np.ones(2), np.array([[1.0], [2.0]]), 10)
    >>> join(on, [AsOf(on, prefix="other_")]).names
    ('x', 'other_x')
    """
    names = [*table.names, *(name for other in others for name in other.names)]
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise FeatureError(f"two tables have a feature called {twice!r}", field=twice, hint="give one of them a prefix")
    parts = [as_of(table.ts, other, segment=table.segment) for other in others]
    return replace(table, names=tuple(names), values=np.ascontiguousarray(np.hstack([table.values, *parts])))
