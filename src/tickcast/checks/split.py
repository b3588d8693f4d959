"""Laws of a split: the parts are apart in time by the intervals of their labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import LawBroken
from tickcast.splits.base import Split, Splitter
from tickcast.targets.base import Labels

__all__ = ["intervals_never_meet", "parts_are_ordered_and_disjoint", "usable_rows_only"]


def _splits(splitter: Splitter, labels: Labels, usable: NDArray[np.bool_]) -> list[Split]:
    made = list(splitter.split(labels, usable))
    if not made:
        raise LawBroken("a splitter made no split")
    return made


def parts_are_ordered_and_disjoint(splitter: Splitter, labels: Labels, usable: NDArray[np.bool_]) -> None:
    """Positions increase inside each part and no row is in two."""
    for split in _splits(splitter, labels, usable):
        for name in ("train", "valid", "test"):
            rows = getattr(split, name)
            if not len(rows) or (np.diff(rows) <= 0).any():
                raise LawBroken("rows of a part are empty or do not increase", field=name)
        every = np.concatenate([split.train, split.valid, split.test])
        if len(np.unique(every)) != len(every):
            raise LawBroken("a row is in two parts")


def usable_rows_only(splitter: Splitter, labels: Labels, usable: NDArray[np.bool_]) -> None:
    """Every row taken is usable and has a label."""
    for split in _splits(splitter, labels, usable):
        every = np.concatenate([split.train, split.valid, split.test])
        if not (usable & labels.valid.any(axis=1))[every].all():
            raise LawBroken("a row without a label, or one that is not usable, was taken")


def intervals_never_meet(splitter: Splitter, labels: Labels, usable: NDArray[np.bool_]) -> None:
    """No training label interval meets an interval of validation or test, nor a validation one an interval of test."""
    for split in _splits(splitter, labels, usable):
        for earlier, later in (("train", "valid"), ("train", "test"), ("valid", "test")):
            ours, theirs = getattr(split, earlier), getattr(split, later)
            start, end = np.sort(labels.start[theirs]), labels.end[theirs].max(axis=1)[np.argsort(labels.start[theirs])]
            reach = np.maximum.accumulate(end)
            before = np.searchsorted(start, labels.end[ours].max(axis=1), side="right")
            meets = (before > 0) & (reach[np.maximum(before - 1, 0)] >= labels.start[ours])
            if meets.any():
                raise LawBroken(f"a {earlier} label interval meets one of {later}", row=int(ours[np.flatnonzero(meets)[0]]) + 1)
