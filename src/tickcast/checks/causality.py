"""Nothing at or before a moment may change with what comes after it: eight futures at 25 cuts, and corrections that come late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import polars as pl

from tickcast.checks.differences import Break, differences
from tickcast.checks.events import Cut, Events, cuts, each, main, numbers, rejoined
from tickcast.checks.future import FRAME_FUTURES, FrameFuture
from tickcast.checks.subject import Computes, computed
from tickcast.features import FeatureTable

__all__ = ["Told", "correction_breaks", "future_breaks"]

Told = Callable[[str, float], None]
"""Hears (what is being tried, share done)."""

_CORRECTED = 40  # rows before a cut that are corrected after it


def _past(table: FeatureTable, cut: Cut, *, own_rows: bool) -> slice:
    """Rows of the table that were known at the cut."""
    return slice(0, cut.row if own_rows else int(np.searchsorted(table.ts, cut.ts, side="right")))


def _own_rows(table: FeatureTable, events: Events) -> bool:
    """Whether the table has one row per event: then even rows of one stamp have an order."""
    return np.array_equal(table.ts, main(events)["ts"].to_numpy())


def _perturbed(perturb: FrameFuture, rng: np.random.Generator, past: pl.DataFrame, future: pl.DataFrame) -> pl.DataFrame:
    return perturb(future, rng) if len(future) else future


def future_breaks(subject: Computes, events: Events, rng: np.random.Generator, told: Told | None = None) -> Iterator[Break]:
    """Every feature that changes at or before a cut when the future is perturbed, once per cut and perturbation.

    A table with one row per event is cut between any two events, those of one stamp too; any other between stamps.
    """
    known = computed(subject, events)
    own_rows = _own_rows(known, events)
    moments = cuts(events, inside_stamps=own_rows)
    for i, cut in enumerate(moments):
        for name, perturb in FRAME_FUTURES.items():
            again = computed(subject, rejoined(events, cut, partial(_perturbed, perturb, rng)))
            yield from differences("looks back only", f"the future is {name}", cut.row, known, again, _past(known, cut, own_rows=own_rows))
        if told is not None:
            told("futures", (i + 1) / len(moments))


def _corrected(now: int, past: pl.DataFrame, future: pl.DataFrame) -> pl.DataFrame:
    wrong = past.tail(_CORRECTED)
    return pl.concat([wrong.with_columns(pl.lit(now, pl.Int64).alias("ts"), *(pl.col(name) * 1.1 for name in numbers(wrong))), future])


def correction_breaks(subject: Computes, events: Events, rng: np.random.Generator) -> Iterator[Break]:
    """Every feature that changes at or before a cut when rows before the cut are corrected after it.

    A correction is a row with the `ts_event` of what it corrects and the `ts` at which it became known. Who orders or joins by the moment
    of the event sees it before it came.
    """

    def dated(frame: pl.DataFrame) -> pl.DataFrame:
        return frame if "ts_event" in frame.columns else frame.with_columns(ts_event=pl.col("ts"))

    events = each(events, dated)
    known = computed(subject, events)
    for cut in cuts(events, inside_stamps=False)[::6]:
        again = computed(subject, rejoined(events, cut, partial(_corrected, cut.ts + 1)))
        past = _past(known, cut, own_rows=_own_rows(known, events))
        yield from differences("corrections wait", "its events are corrected later", cut.row, known, again, past)
