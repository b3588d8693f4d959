"""Options of a file turned into typed constructor arguments."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from tickcast.errors import ConfigError

__all__ = ["construct"]

_T = TypeVar("_T")
_CONFIG = ConfigDict(arbitrary_types_allowed=True)


def construct(maker: Callable[..., _T], given: Mapping[str, Any], place: str) -> _T:
    """`maker(**given)` with every value checked and converted by the argument's type.

    Raises ConfigError naming `place` and the argument that is unknown, missing or of another type.
    """
    takes = inspect.signature(maker).parameters
    hints = get_type_hints(maker.__init__ if inspect.isclass(maker) else maker)
    for name in given:
        if name not in takes:
            near = difflib.get_close_matches(name, list(takes), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(takes) or 'nothing'}"
            raise ConfigError("unknown option", field=f"{place}.{name}", hint=hint)
    for name, argument in takes.items():
        if argument.default is inspect.Parameter.empty and name not in given:
            raise ConfigError("option is missing", field=f"{place}.{name}", hint="give it")
    values = {}
    for name, value in given.items():
        try:
            plain = isinstance(value, hints[name]) if inspect.isclass(hints[name]) else False
            values[name] = value if plain else TypeAdapter(hints[name], config=_CONFIG).validate_python(value)
        except ValidationError as error:
            raise ConfigError(error.errors(include_url=False)[0]["msg"], field=f"{place}.{name}") from None
    return maker(**values)
