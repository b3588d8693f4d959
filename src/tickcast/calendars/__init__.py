"""When markets are open: one calendar per family of products, chosen by name from this table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tickcast.calendars.always_open import AlwaysOpen
from tickcast.calendars.base import Assigned, Calendar, Sessions
from tickcast.calendars.cboe import Cboe
from tickcast.calendars.cme import CME_FAMILIES, Cme
from tickcast.calendars.nyse import Nyse
from tickcast.calendars.sgx import SgxA50
from tickcast.calendars.shfe import SHFE_PRODUCTS, Shfe
from tickcast.errors import ConfigError

__all__ = ["CALENDARS", "AlwaysOpen", "Assigned", "Calendar", "Cboe", "Cme", "Nyse", "Sessions", "SgxA50", "Shfe", "calendar"]

CALENDARS: Mapping[str, tuple[Callable[..., Calendar], *tuple[str, ...]]] = MappingProxyType(
    {
        **{kind.name: (kind,) for kind in (AlwaysOpen, Cboe, Nyse, SgxA50)},
        **{f"CME_{family}": (Cme, family) for family in CME_FAMILIES},
        **{product: (Shfe, product) for product in SHFE_PRODUCTS},
    }
)
"""Name to class and arguments."""


def calendar(name: str) -> Calendar:
    """The calendar of this name. Raises ConfigError naming the nearest one.

    >>> calendar("CME_Equity").zone, calendar("SHFE.au").zone
    ('America/New_York', 'Asia/Shanghai')
    """
    if name in CALENDARS:
        kind, *arguments = CALENDARS[name]
        return kind(*arguments)
    near = difflib.get_close_matches(str(name), CALENDARS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"known calendars: {', '.join(sorted(CALENDARS))}"
    raise ConfigError(f"no calendar called {name!r}", field="calendar", hint=hint)
