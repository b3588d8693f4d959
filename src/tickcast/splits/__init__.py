"""How rows are divided in time: one splitter per file, chosen from this table."""

from __future__ import annotations

from collections.abc import Mapping

from tickcast.splits.base import Split, Splitter
from tickcast.splits.chronological import Chronological

__all__ = ["SPLITTERS", "Chronological", "Split", "Splitter"]

SPLITTERS: Mapping[str, type[Splitter]] = {"chronological": Chronological}
