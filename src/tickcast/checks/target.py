"""Laws of a target: a label looks at its own interval and at nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tickcast.errors import LawBroken
from tickcast.features.table import FeatureTable
from tickcast.targets.base import Target

__all__ = ["interval_is_ahead", "never_crosses_a_segment", "nothing_after_the_end_matters", "the_end_matters"]


def interval_is_ahead(target: Target, table: FeatureTable) -> None:
    """A label's interval starts at the row's ts and ends after it; without a label it is empty."""
    labels = target.label(table)
    if labels.values.shape != (len(table), len(labels.horizons)) or labels.horizons != tuple(target.horizons):
        raise LawBroken(f"labels {labels.values.shape} do not fit {len(table)} rows and horizons {target.horizons}")
    if not np.array_equal(labels.start, table.ts):
        raise LawBroken("a label does not start at its row's ts")
    ahead = labels.end > labels.start[:, None]
    if not np.array_equal(ahead, labels.valid):
        row = int(np.flatnonzero((ahead != labels.valid).any(axis=1))[0])
        raise LawBroken("the interval is not open ahead exactly where there is a label", row=row + 1, field="end")


def never_crosses_a_segment(target: Target, table: FeatureTable) -> None:
    """No label interval reaches a row of another segment."""
    labels = target.label(table)
    last = np.searchsorted(table.ts, labels.end, side="right") - 1
    crossing = labels.valid & (table.segment[last] != table.segment[:, None])
    if crossing.any():
        raise LawBroken("a label crosses into another segment", row=int(np.flatnonzero(crossing.any(axis=1))[0]) + 1)


def nothing_after_the_end_matters(target: Target, table: FeatureTable) -> None:
    """Prices outside every interval up to a cut may change without changing one of its labels."""
    labels = target.label(table)
    for share in (0.25, 0.5, 0.75):
        cut = int(len(table) * share)
        price = table.price.copy()
        price[cut + 1 :] = price[cut + 1 :][::-1] * 3.0
        again = target.label(replace(table, price=price))
        settled = labels.end <= table.ts[cut]
        settled[cut + 1 :] = False
        settled &= labels.valid
        if not np.array_equal(labels.values[settled], again.values[settled]):
            raise LawBroken(f"labels that end at or before row {cut + 1} change with prices after it")


def the_end_matters(target: Target, table: FeatureTable) -> None:
    """Changing the price at a label's end changes the label: the interval is no longer than what is looked at."""
    labels = target.label(table)
    for j, horizon in enumerate(labels.horizons):
        rows = np.flatnonzero(labels.valid[:, j])
        for row in rows[:: max(len(rows) // 5, 1)]:
            price = table.price.copy()
            price[table.ts == labels.end[row, j]] *= 1.01
            if target.label(replace(table, price=price)).values[row, j] == labels.values[row, j]:
                raise LawBroken(f"the label at {horizon} does not look at the end of its interval", row=int(row) + 1)
