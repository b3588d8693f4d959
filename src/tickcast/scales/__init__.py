"""How large returns are about to be: one scale per file, chosen from these tables."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from tickcast.errors import BundleError, ConfigError
from tickcast.scales.base import Scale
from tickcast.scales.ewma import Ewma
from tickcast.scales.forest import Forest
from tickcast.scales.log_linear import LogLinear
from tickcast.scales.options import construct
from tickcast.scales.ticks import Ticks
from tickcast.scales.trees import Trees
from tickcast.scales.unit import Unit

__all__ = ["KINDS", "SCALES", "Ewma", "Forest", "LogLinear", "Scale", "Ticks", "Trees", "Unit", "build", "parse"]

SCALES: Mapping[str, type[Scale]] = {scale.name: scale for scale in (Unit, Ticks, Ewma, LogLinear, Trees)}
KINDS: Mapping[str, type[Scale]] = {"unit": Unit, "ticks": Ticks, "log_linear": LogLinear, "trees": Trees}


def build(name: str, features: Sequence[str] = (), options: Mapping[str, Any] | None = None) -> Scale:
    """The unfitted scale of this name, reading these features, with its own constructor arguments as `options`.

    Raises ConfigError for an unknown name, an unknown option or a value of the wrong type.
    """
    if name not in SCALES:
        raise ConfigError(f"unknown scale {name!r}", field="scale", hint=f"known scales: {', '.join(SCALES)}")
    chosen = SCALES[name]
    given = dict(options or {})
    takes = inspect.signature(chosen).parameters
    if "columns" in takes:
        given.setdefault("columns", tuple(features))
    return construct(chosen, given, "scale")


def parse(parameters: Mapping[str, Any]) -> Scale:
    """The scale whose `parameters()` these are. Raises BundleError for an unknown kind or a missing part."""
    kind = str(parameters.get("kind"))
    if kind not in KINDS:
        raise BundleError(f"unknown kind of scale {kind!r}", field="scale", hint=f"known kinds: {', '.join(KINDS)}")
    try:
        return KINDS[kind].parse(parameters)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"a {kind} scale cannot be read: {error}", field="scale") from None
