"""Break: where a law is broken, to the row and the value; and the comparison of two tables that finds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import LawBroken
from tickcast.features import FeatureTable

__all__ = ["ROWS", "Break", "differences", "first_of_each", "refuse", "unlike"]

ROWS = ""
"""The name that stands for the rows themselves: which there are, their stamps, sessions, segments and price."""


@dataclass(frozen=True)
class Break:
    """One feature breaking one law.

    Parameters
    ----------
    law: name of the law.
    feature: name of the feature, or `ROWS`.
    what: what was done to the events, in words that follow "when".
    cut: rows of the main stream that were past when it was done; 0 where nothing was cut.
    row, ts: the first row of the table that differs, counted from 1, and its stamp in UTC ns.
    was, became: its value before and after; None stands for NaN and for a row that is not there.
    tries: how many tries of this law it failed.
    """

    law: str
    feature: str
    what: str
    cut: int
    row: int
    ts: int
    was: float | None
    became: float | None
    tries: int = 1

    def __str__(self) -> str:
        subject = self.feature or "the table's rows, sessions or prices"
        where = f" after row {self.cut}" if self.cut else ""
        more = f" ({self.tries} tries fail)" if self.tries > 1 else ""
        return f"{subject}: row {self.row} (ts {self.ts}) is {_told(self.was)} but {_told(self.became)} when {self.what}{where}{more}"


def _told(value: float | None) -> str:
    return "NaN" if value is None else f"{value:.17g}"


def differences(law: str, what: str, cut: int, known: FeatureTable, again: FeatureTable, rows: slice) -> Iterator[Break]:
    """Breaks of every feature that differs in `rows` of `known` from the same rows of `again`; NaN equals NaN, all else to the bit."""
    first = rows.start or 0
    frames = [[getattr(table, name)[rows] for name in ("ts", "session", "segment")] for table in (known, again)]
    if not all(np.array_equal(left, right) for left, right in zip(frames[0], frames[1], strict=True)):
        n = min(len(frames[0][0]), len(frames[1][0]))
        unequal = np.zeros(n, np.bool_)
        for left, right in zip(frames[0], frames[1], strict=True):
            unequal |= left[:n] != right[:n]
        at = int(np.argmax(unequal)) if unequal.any() else n
        ts = known.ts if first + at < len(known) else again.ts
        yield Break(law, ROWS, what, cut, first + at + 1, int(ts[first + at]) if first + at < len(ts) else 0, None, None)
        return
    pairs = [(ROWS, known.price, again.price), *((name, known.values[:, i], again.values[:, i]) for i, name in enumerate(known.names))]
    apart = np.atleast_1d(unlike(known.values[rows], again.values[rows]).any(axis=0))
    for (name, left, right), suspect in zip(pairs, [True, *apart.tolist()], strict=True):
        if suspect and (bad := unlike(left[rows], right[rows])).any():
            at = first + int(np.argmax(bad))
            yield Break(law, name, what, cut, at + 1, int(known.ts[at]), _number(left[at]), _number(right[at]))


def unlike(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the bits differ and not both are NaN."""
    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    unlike: NDArray[np.bool_] = (left.view(np.int64) != right.view(np.int64)) & ~(np.isnan(left) & np.isnan(right))
    return unlike


def _number(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None


def first_of_each(breaks: Iterable[Break]) -> list[Break]:
    """One break per law and feature, the first, with the number of tries that failed."""
    found: dict[tuple[str, str], Break] = {}
    for each in breaks:
        key = (each.law, each.feature)
        found[key] = replace(found[key], tries=found[key].tries + 1) if key in found else each
    return list(found.values())


def refuse(name: str, breaks: Iterable[Break]) -> None:
    """Raise LawBroken for the first break, if there is one."""
    for each in breaks:
        raise LawBroken(f"{name}: {each}", row=each.row, field=each.feature or None)
