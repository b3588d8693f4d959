"""One connection: a thread that takes chunks from a feed and hands them over through a bounded queue."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, Full, Queue
from threading import Event, Thread

from tickcast.errors import SourceError, TickcastError
from tickcast.sources import Cleaned, LiveSource

__all__ = ["Reader"]

_DEPTH = 256  # chunks on their way; a feed faster than its reader waits


class Reader:
    """A feed being read. A feed that hangs cannot be killed; it is left behind, and what it still brings is dropped."""

    def __init__(self, source: LiveSource, symbols: Sequence[str]) -> None:
        self._source, self._symbols = source, tuple(symbols)
        self._stop, self._queue = Event(), Queue[Cleaned | None](_DEPTH)
        self._failure: TickcastError | OSError | None = None
        self._ended = False
        self._thread = Thread(target=self._read, name="feed", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether the feed has ended, by itself or by a failure, and everything it brought was taken."""
        return not self._thread.is_alive() and self._queue.empty()

    @property
    def failure(self) -> TickcastError | OSError | None:
        """Why it is over; None where the feed ended by itself."""
        if self._failure is None and not self._ended and not self._thread.is_alive():
            return SourceError("the feed's reader died", hint="see the traceback above and report it")
        return self._failure

    def take(self, seconds: float) -> Cleaned | None:
        """The next chunk, waited for this long; None where none came, and at once where the feed is over."""
        try:
            return self._queue.get(timeout=seconds) if seconds > 0 else self._queue.get_nowait()
        except Empty:
            return None

    def close(self, seconds: float = 0.1) -> None:
        """Ask the feed to end, and wait for it that long."""
        self._stop.set()
        self._thread.join(seconds)

    def _read(self) -> None:
        try:
            for chunk in self._source.live(self._symbols, self._stop):
                if not self._hand_over(chunk):
                    break
            self._ended = True
        except (TickcastError, OSError) as error:
            self._failure = error
        finally:
            self._hand_over(None)  # wakes whoever waits

    def _hand_over(self, chunk: Cleaned | None) -> bool:
        while True:
            try:
                self._queue.put(chunk, timeout=0.2)
                return True
            except Full:
                if self._stop.is_set():
                    return False
