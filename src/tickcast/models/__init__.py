"""Forecasters and network backbones: the classical forecasters in this table, networks built in `tickcast.train`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tickcast.errors import BundleError, ConfigError
from tickcast.models.base import Forecaster, Spec
from tickcast.models.climatology import Climatology
from tickcast.models.residual import ResidualQuantiles
from tickcast.scales import Scale
from tickcast.scales.options import construct

__all__ = ["CLASSICAL", "Climatology", "Forecaster", "ResidualQuantiles", "Spec", "build", "load"]

CLASSICAL: Mapping[str, type[Forecaster]] = {"climatology": Climatology, "residual": ResidualQuantiles}


def build(kind: str, scale: Scale | None = None, options: Mapping[str, Any] | None = None) -> Forecaster:
    """The unfitted classical forecaster of this kind under this scale, its own constructor arguments as `options`.

    Raises ConfigError for an unknown kind or option, and for a scale where the forecaster takes none.
    """
    if kind not in CLASSICAL:
        raise ConfigError(f"unknown forecaster {kind!r}", field="kind", hint=f"known kinds: {', '.join(CLASSICAL)}")
    given = dict(options or {})
    if scale is not None:
        given["scale"] = scale
    return construct(CLASSICAL[kind], given, kind)


def load(folder: Path, forecaster: str) -> Forecaster:
    """The classical forecaster saved in `folder` as model.json says it is. Raises BundleError for another kind."""
    if forecaster not in CLASSICAL:
        raise BundleError(f"{forecaster!r} is no classical forecaster", file=folder, hint=f"these are: {', '.join(CLASSICAL)}")
    return CLASSICAL[forecaster].load(folder)
