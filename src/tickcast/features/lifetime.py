"""How long a feature's last row counts: a time to live per feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tickcast.clock import parse_duration
from tickcast.errors import ConfigError, FeatureError

__all__ = ["FOREVER", "Lifetime", "lifetimes"]

FOREVER = 2**63 - 1
Lifetime = int | str | Mapping[str, int | str] | None
"""Nanoseconds or a duration as "5m", for all features or by feature (those not named live for ever); None: for ever."""


def lifetimes(names: Sequence[str], ttl: Lifetime) -> tuple[int, ...]:
    """(k,) ns of the features called `names`, FOREVER where none is set. Raises FeatureError for a name or duration that is none.

    >>> lifetimes(("a", "b"), {"b": "1s"})
    (9223372036854775807, 1000000000)
    """
    if not isinstance(ttl, Mapping):
        return (FOREVER if ttl is None else _nanoseconds(ttl, "ttl"),) * len(names)
    for name in ttl:
        if name not in names:
            raise FeatureError("a time to live for a feature that is not there", field=name, hint=f"there are {', '.join(names)}")
    return tuple(_nanoseconds(ttl[name], name) if name in ttl else FOREVER for name in names)


def _nanoseconds(value: int | str, name: str) -> int:
    try:
        length = parse_duration(value) if isinstance(value, str) else int(value)
    except ConfigError as error:
        raise FeatureError(error.message, field=name, hint=error.hint) from None
    if length < 0:
        raise FeatureError(f"a time to live of {length} ns", field=name, hint="write a duration, as 5m")
    return length
