"""When markets are open: one calendar per family of products, chosen by name from this table."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from tickcast.calendars.base import Assigned, Calendar, Sessions
from tickcast.calendars.cboe import Cboe
from tickcast.calendars.cme import CmeEquity, CmeMetals
from tickcast.calendars.continuous import AlwaysOpen
from tickcast.calendars.nyse import Nyse
from tickcast.errors import ConfigError

__all__ = ["CALENDARS", "AlwaysOpen", "Assigned", "Calendar", "Cboe", "CmeEquity", "CmeMetals", "Nyse", "Sessions", "calendar"]

CALENDARS: Mapping[str, type[Calendar]] = MappingProxyType({kind.name: kind for kind in (AlwaysOpen, Cboe, CmeEquity, CmeMetals, Nyse)})


def calendar(name: str) -> Calendar:
    """The calendar of this name. Raises ConfigError naming the nearest one.

    >>> calendar("CME_Equity").zone
    'America/New_York'
    """
    if name in CALENDARS:
        return CALENDARS[name]()
    near = difflib.get_close_matches(str(name), CALENDARS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"known calendars: {', '.join(sorted(CALENDARS))}"
    raise ConfigError(f"no calendar called {name!r}", field="calendar", hint=hint)
