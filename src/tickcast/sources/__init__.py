"""Where events come from. `SOURCES` is the table of names a configuration may use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tickcast.sources.base import Progress, Source
from tickcast.sources.cleaning import Cleaned

__all__ = ["SOURCES", "Cleaned", "Progress", "Source"]

SOURCES: Mapping[str, type[Source]] = MappingProxyType({})
