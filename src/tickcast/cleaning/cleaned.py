"""What cleaning hands on: the rows that can be used, and those set aside with their reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

__all__ = ["Cleaned"]


@dataclass(frozen=True)
class Cleaned:
    """One chunk of a source's history.

    `frame` conforms to the table. `quarantined` holds the rows set aside, as read, with `row` (from 1, header excluded) and `reason`.
    `counts` gives the number of rows per reason. `origin` names the file the chunk comes from, for provenance. `day` is the trading day
    (days since 1970-01-01) for which the provider has answered in full, None where the chunk is no whole day.
    """

    frame: pl.DataFrame
    quarantined: pl.DataFrame
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    origin: str = ""
    day: int | None = None
