"""How long to wait before a lost connection is tried again."""

from __future__ import annotations

import numpy as np

from tickcast.errors import ConfigError

__all__ = ["Backoff"]


class Backoff:
    """Delays that double from `first` to `last` seconds, each spread over its upper half; a connection that lived `healthy` seconds
    makes the next one `first` again.

    The spread keeps many recorders, cut off at one moment, from coming back at one moment.

    >>> import numpy as np
    >>> backoff = Backoff(np.random.default_rng(0), first=1.0, last=8.0, healthy=60.0)
    >>> [0.5 * low <= backoff.after(0.0) <= low for low in (1, 2, 4, 8, 8)]
    [True, True, True, True, True]
    """

    def __init__(self, rng: np.random.Generator, *, first: float = 1.0, last: float = 120.0, healthy: float = 60.0) -> None:
        if not 0 < first <= last:
            raise ConfigError(f"delays from {first} to {last} s", field="first", hint="0 < first <= last")
        self.first, self.last, self.healthy = first, last, healthy
        self._rng, self._failures = rng, 0

    def after(self, alive: float) -> float:
        """Seconds to wait after a connection that lived `alive` seconds."""
        self._failures = 1 if alive >= self.healthy else self._failures + 1
        whole = min(self.last, self.first * 2.0 ** min(self._failures - 1, 60))
        return whole * float(self._rng.uniform(0.5, 1.0))
