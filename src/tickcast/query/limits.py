"""What a query may use."""

from __future__ import annotations

from dataclasses import dataclass

from tickcast.errors import ConfigError

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What a query may use before it is stopped.

    Parameters
    ----------
    rows: of the answer; what is beyond is left out and told.
    seconds: of the clock on the wall, from the first byte sent to the last received.
    memory: MiB that the database may hold, the rows sent to it included.
    threads: of the database.
    """

    rows: int = 10_000
    seconds: float = 60.0
    memory: int = 2048
    threads: int = 1

    def __post_init__(self) -> None:
        for name, most in (("rows", 10**9), ("seconds", 86_400), ("memory", 1 << 20), ("threads", 256)):
            value = getattr(self, name)
            if not 0 < value <= most:
                raise ConfigError(f"{value} is no limit", field=name, hint=f"give a number above 0 and up to {most}")
