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
from tickcast.errors import BundleError, ServeError

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
    patience: seconds that a client may take for its headers, for its body, or to read what a stream sends it.

    Raises BundleError and ServeError.
    """

    def __init__(
        self,
        folder: str | Path,
        host: str = "127.0.0.1",
        port: int = 8765,
        token: str | None = None,
        names: Sequence[str] = (),
        patience: float = 5.0,
    ) -> None:
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            raise ServeError(f"{host!r} is no IP address", field="host", hint="use 127.0.0.1") from None
        if token is None and not loopback:
            raise ServeError(f"{host} can be reached from outside", field="token", hint="give a token, or serve on 127.0.0.1")
        self.token = token if token is not None else secrets.token_urlsafe(24)
        self._engine = _engine.Server(folder, onnxruntime_library(), host, port, self.token, list(names), patience)
        shown, self.port = self._engine.address
        self.url = f"http://[{shown}]:{self.port}" if ":" in shown else f"http://{shown}:{self.port}"

    def load(self, folder: str | Path) -> str:
        """Verify and replay the bundle in `folder`, then let it serve instead of the one before, between two requests.

        Returns what it took over: "all" (feature graph and network are equal), "features" (the network's memory begins anew) or "nothing"
        (every symbol warms up anew). Raises BundleError naming the file; the old bundle serves on then.
        """
        return self._engine.load(folder)[2]

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
    reloaded: Callable[[str], None] | None = None,
) -> None:
    """Serve the bundle until SIGINT or SIGTERM. From the main thread only.

    `started` is told once it listens. SIGHUP loads `folder` again; `reloaded` is told one line about how that went, and a bundle that is
    damaged leaves the old one serving. Raises BundleError and ServeError before it listens.
    """
    ended, again = threading.Event(), threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    def reload(number: int, frame: FrameType | None) -> None:
        again.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    if hasattr(signal, "SIGHUP"):  # Windows has none
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, reload)
    try:
        server = Server(folder, host, port, token, names)
        if started is not None:
            started(server)
        while not ended.wait(0.2):
            if again.is_set():
                again.clear()
                told = _reloaded(server, folder)
                if reloaded is not None:
                    reloaded(told)
        server.stop()
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _reloaded(server: Server, folder: str | Path) -> str:
    try:
        return f"the bundle was loaded again; kept: {server.load(folder)}"
    except BundleError as error:
        return f"the old bundle serves on: {error}"
