"""A made-up exchange on a local socket, and a source that listens to it: for tests that kill the process that records."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import ClassVar

import numpy as np
import polars as pl

from tickcast.cleaning import Cleaned, clean
from tickcast.clock import DAY
from tickcast.errors import ProviderUnavailable
from tickcast.schema import TRADES
from tickcast.sources import LiveSource, Progress, no_contracts

__all__ = ["Exchange", "Socket", "event_rows"]

START = 19_000 * DAY
_REPEATED = 300  # events that a new connection gets again
_BATCH = 40


def event_rows(first: int, end: int) -> pl.DataFrame:
    """Events first <= i < end: two share each stamp, and every fourth repeats its neighbour's price and size."""
    number = np.arange(first, end)
    columns = {"ts": START + number // 2 * 1_000_000, "sequence": number, "price": 100.0 + number // 4 % 7, "size": np.ones(len(number))}
    return pl.DataFrame(columns).with_columns(pl.lit("A").alias("symbol"))


class Exchange:
    """Sends `total` events at `rate` a second to whoever connects, the last ones again to each newcomer; cuts connections at random."""

    def __init__(self, total: int, *, rate: float, rng: np.random.Generator) -> None:
        self.total, self.sent, self._rate, self._rng = total, 0, rate, rng
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._over = Event()
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._over.set()
        self._listener.close()
        self._thread.join(5.0)

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, suppress(OSError):
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        at = max(0, self.sent - int(self._rng.integers(1, _REPEATED)))
        cut = at + int(self._rng.integers(_REPEATED, 6 * _REPEATED))
        while at < self.total and not self._over.is_set():
            end = min(at + int(self._rng.integers(1, _BATCH)), self.total)
            client.sendall(struct.pack("<qq", at, end))
            fresh, at = max(0, end - max(self.sent, at)), end
            self.sent = max(self.sent, end)
            if fresh:
                self._over.wait(fresh / self._rate)
            if at >= cut and at < self.total:
                return
        client.sendall(struct.pack("<qq", -1, -1))


class Socket(LiveSource):
    """Listens to an `Exchange`."""

    name: ClassVar[str] = "socket"

    def __init__(self, port: int) -> None:
        self.table, self.port = TRADES, port

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """It keeps no history."""
        return iter(())

    def contracts(self) -> pl.DataFrame:
        """Nothing is known."""
        return no_contracts()

    def live(self, symbols: Sequence[str], stop: Event) -> Iterator[Cleaned]:
        """What the exchange sends, until it says that the day is over."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5.0) as line:
                while not stop.is_set():
                    first, end = struct.unpack("<qq", self._exactly(line, 16))
                    if first < 0:
                        return
                    yield clean(event_rows(first, end), TRADES)
        except OSError as error:
            raise ProviderUnavailable(f"socket: {error}") from error

    @staticmethod
    def _exactly(line: socket.socket, size: int) -> bytes:
        held = b""
        while len(held) < size:
            more = line.recv(size - len(held))
            if not more:
                raise ProviderUnavailable("the connection was cut")
            held += more
        return held


def main(port: int, folder: str) -> None:
    """Record until the day is over, telling each event as one line of JSON."""
    import sys
    import time

    from tickcast.calendars import AlwaysOpen
    from tickcast.record import Recorder, RecordSettings
    from tickcast.store import Store

    def tell(event: str, figures: object) -> None:
        sys.stdout.write(json.dumps({"event": event, **figures}) + "\n")  # type: ignore[dict-item]
        sys.stdout.flush()

    limits = RecordSettings(flush_rows=100, flush_seconds=0.02, first_delay=0.01, last_delay=0.05)
    with Store.open(folder) as store:
        rng = np.random.default_rng(time.time_ns())
        tell("ready", {})
        Recorder(Socket(port), store, {"A": AlwaysOpen()}, tell=tell, settings=limits, rng=rng).run(Event())


if __name__ == "__main__":
    import sys

    main(int(sys.argv[1]), sys.argv[2])
