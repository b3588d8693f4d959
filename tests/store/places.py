"""Where the stores of a test lie, whatever their kind."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from tickcast.store import BACKENDS, Store
from tickcast.store.base import Backend
from tickcast.store.quest_server import QuestServer


class Places:
    """Where the stores of one test lie; all are closed when it ends."""

    def __init__(self, kind: str, folder: Path, server: QuestServer | None = None) -> None:
        self.kind, self._folder, self._server, self._open, self._count = kind, folder, server, ExitStack(), itertools.count()

    def __call__(self, name: str = "one", *, clock: Callable[[], int] = time.time_ns) -> Store:
        """The store of this name; the same name again is a second client of the same rows."""
        return self._open.enter_context(Store.open(self.where(name), clock=clock))

    def new(self, *, clock: Callable[[], int] = time.time_ns) -> Store:
        """A store that nothing was written to."""
        return self(f"new{next(self._count)}", clock=clock)

    def backend(self, name: str = "one") -> Backend:
        """The backend of the store of this name."""
        return self._open.enter_context(closing(BACKENDS["folder" if self._server is None else "questdb"](self.where(name))))

    def where(self, name: str = "one") -> str:
        """What `Store.open` takes for the store of this name, in another process too."""
        place = str(self._folder / name)
        if self._server is None:
            return place
        return str(self._server.address(f"t{hashlib.sha256(place.encode()).hexdigest()[:12]}"))

    def close(self) -> None:
        """Let go of all of them."""
        self._open.close()
