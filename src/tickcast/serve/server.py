"""The forecast server: Rust, on threads of its own; Python starts it and waits for a signal."""

from __future__ import annotations

import ipaddress
import secrets
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from tickcast import _engine
from tickcast.bundle import onnxruntime_library
from tickcast.errors import ServeError

__all__ = ["Server", "run"]


class Server:
    """A running server of one bundle.

    Parameters
    ----------
    folder: the bundle; verified and replayed before anything listens.
    host: an IP address; anything but loopback needs a `token` of the caller's, which reading then needs too.
    port: 0 takes a free one.
    token: what `POST` requests carry as `Authorization: Bearer <token>`, 16 characters at least; made up when absent.
    names: further host names under which clients may ask.

    Raises BundleError and ServeError.
    """

    def __init__(
        self, folder: str | Path, host: str = "127.0.0.1", port: int = 8765, token: str | None = None, names: Sequence[str] = ()
    ) -> None:
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            raise ServeError(f"{host!r} is no IP address", field="host", hint="use 127.0.0.1") from None
        if token is None and not loopback:
            raise ServeError(f"{host} can be reached from outside", field="token", hint="give a token, or serve on 127.0.0.1")
        self.token = token if token is not None else secrets.token_urlsafe(24)
        self._engine = _engine.Server(folder, onnxruntime_library(), host, port, self.token, list(names))
        shown, self.port = self._engine.address
        self.url = f"http://[{shown}]:{self.port}" if ":" in shown else f"http://{shown}:{self.port}"

    def stop(self) -> None:
        """Stop listening; answers under way are finished."""
        self._engine.stop()


def run(
    folder: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    token: str | None = None,
    names: Sequence[str] = (),
    started: Callable[[Server], None] | None = None,
) -> None:
    """Serve the bundle until SIGINT or SIGTERM; `started` is told once it listens. From the main thread only."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server = Server(folder, host, port, token, names)
        if started is not None:
            started(server)
        while not ended.wait(0.2):
            pass
        server.stop()
    finally:
        for number, action in before.items():
            signal.signal(number, action)
