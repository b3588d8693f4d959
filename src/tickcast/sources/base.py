"""The contract of a source: history as cleaned frames in `schema`, in time order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import polars as pl

from tickcast.schema import Table
from tickcast.sources.cleaning import Cleaned

__all__ = ["FileSource", "Progress", "Source"]

Progress = Callable[[str, float], None]
"""Told what is being read and the share done, 0 to 1."""


class Source(ABC):
    """Where events come from: a vendor's files, a declared table, a simulated market.

    `name` is the key in `SOURCES`; `table` says which table of `schema` the frames belong to, `files`
    what is read (none where nothing is).
    """

    name: ClassVar[str]
    table: Table
    files: tuple[Path, ...] = ()

    @abstractmethod
    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """Chunks of events with start <= ts < end (UTC ns), one per file or day, in time order.

        Each chunk's `frame` conforms to `table`; rows that cannot be used stand in `quarantined` with their reason and are never dropped
        silently. Raises SourceError naming file, row and field where a whole file cannot be read. The same call gives the same chunks.
        """


class FileSource(Source):
    """A source that reads `files` one after the other; what differs is how one file is read."""

    @property
    def parts(self) -> tuple[Path, ...]:
        """The files that each make a chunk; all of them unless one is read along with another."""
        return self.files

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """One chunk per file. See `Source.history`."""
        parts = self.parts
        for done, path in enumerate(parts):
            if progress is not None:
                progress(f"reading {path.name}", done / len(parts))
            chunk = self._read(path)
            keep = pl.col("ts").ge(start if start is not None else 0) & (pl.col("ts").lt(end) if end is not None else pl.lit(True))
            yield Cleaned(chunk.frame.filter(keep), chunk.quarantined, chunk.counts, chunk.origin)
        if progress is not None:
            progress("read", 1.0)

    @abstractmethod
    def _read(self, path: Path) -> Cleaned:
        """All rows of one file. Raises SourceError naming it."""
