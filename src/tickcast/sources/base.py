"""The contract of a source: cleaned frames in `schema`, of the past and, where there is a feed, as they come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import ClassVar

import polars as pl

from tickcast.cleaning import Cleaned
from tickcast.schema import CONTRACTS, Table
from tickcast.sources.portions import Portion

__all__ = ["FileSource", "LiveSource", "PortionSource", "Progress", "Source", "no_contracts"]

Progress = Callable[[str, float], None]
"""Told what is being read and the share done, 0 to 1."""


class Source(ABC):
    """Where events come from: a vendor's files or service, a declared table, a simulated market.

    `name` is the key in `SOURCES`; `remote` says that history is asked of a provider over a network; `table` is the table of `schema` that
    the frames belong to; `files` what is read (none where nothing is) and `beside` what is read along with them; `calendar` a name in
    `CALENDARS` whose sessions hold the rows, None where the source cannot know.
    """

    name: ClassVar[str]
    remote: ClassVar[bool] = False
    table: Table
    files: tuple[Path, ...] = ()
    beside: tuple[Path, ...] = ()
    calendar: str | None = None

    @abstractmethod
    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """Chunks of events with start <= ts < end (UTC ns), one per file or day, each symbol's rows in time order.

        Each chunk's `frame` conforms to `table`; rows that cannot be used stand in `quarantined` with their reason and are never dropped
        silently. The same call gives the same chunks; a range asked in pieces gives the same rows as at once.

        A remote source answers for every trading day of its calendar that the range covers: those chunks carry `day`, and an empty one says
        that the provider was asked and had nothing. What it could not get raises; a hole is never left out silently.

        Raises SourceError naming file, row and field where a whole file cannot be read; ProviderRefused and ProviderUnavailable where a
        provider does not answer.
        """

    @abstractmethod
    def contracts(self) -> pl.DataFrame:
        """What is known of the instruments, a row of table `contracts` per symbol and moment it became known; `no_contracts()` for nothing.

        Sorted by symbol and ts. Raises as `history` does.
        """


class LiveSource(Source):
    """A source that also has a feed."""

    @abstractmethod
    def live(self, symbols: Sequence[str], stop: Event) -> Iterator[Cleaned]:
        """Chunks of these symbols' events as they arrive, in the form `history` gives the same events later; none twice.

        Within a second of the last chunk comes another one, empty where nothing happened, so that whoever reads can flush and look at the
        clock. Ends soon after `stop` is set, and where the feed itself ends. Raises ProviderUnavailable when the connection is lost: the
        reader decides when to call again.
        """


class FileSource(Source):
    """A source that reads `files` one after the other."""

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """See `Source.history`."""
        for _, chunk in self.chunks(progress):
            yield chunk.within(start, end)
            del chunk  # else it would be held while the next one is read

    @abstractmethod
    def chunks(self, progress: Progress | None = None, skip: int = 0) -> Iterator[tuple[Path, Cleaned]]:
        """Each chunk with its file, without the first `skip` ones, for which no more is done than the next ones need.

        Raises SourceError naming the file.
        """


class PortionSource(FileSource):
    """A source whose every portion of a file makes one chunk, whatever came before; what differs is how a portion is read."""

    @property
    def portions(self) -> tuple[Portion, ...]:
        """What makes a chunk each: the files, unless one is read along with another or is too large to be read at once."""
        return tuple(map(Portion, self.files))

    def chunks(self, progress: Progress | None = None, skip: int = 0) -> Iterator[tuple[Path, Cleaned]]:
        """One chunk per portion; those that are skipped are not even opened."""
        portions = self.portions
        for done, portion in enumerate(portions):
            if done < skip:
                continue
            if progress is not None:
                progress(f"reading {portion.file.name}", done / len(portions))
            yield portion.file, self._read(portion)  # no name here holds the chunk while the next one is read
        if progress is not None:
            progress("read", 1.0)

    @abstractmethod
    def _read(self, portion: Portion) -> Cleaned:
        """All rows of one portion. Raises SourceError naming its file."""


def no_contracts() -> pl.DataFrame:
    """An empty table `contracts`: nothing is known of the instruments."""
    return CONTRACTS.empty()
