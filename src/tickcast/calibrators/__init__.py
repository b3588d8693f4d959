"""Corrections learned from past outcomes: one per file, chosen from this table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tickcast.calibrators.base import Calibrator
from tickcast.calibrators.identity import Identity
from tickcast.calibrators.pit import PitMap
from tickcast.calibrators.temperature import Temperature
from tickcast.errors import ForecastError
from tickcast.forecast import Forecast

__all__ = ["CALIBRATORS", "Calibrator", "Identity", "PitMap", "Temperature", "apply_all", "parse"]

CALIBRATORS: Mapping[str, type[Calibrator]] = {kind.kind: kind for kind in (Identity, PitMap, Temperature)}


def parse(parameters: Mapping[str, Any]) -> Calibrator:
    """The calibrator whose `parameters()` these are. Raises ForecastError for an unknown kind."""
    kind = parameters.get("kind")
    if kind not in CALIBRATORS:
        raise ForecastError(f"unknown calibrator {kind!r}", hint=f"known kinds: {', '.join(sorted(CALIBRATORS))}")
    return CALIBRATORS[str(kind)].parse(parameters)


def apply_all(calibrators: Sequence[Calibrator], forecast: Forecast) -> Forecast:
    """The forecast after every calibrator, in order."""
    for calibrator in calibrators:
        forecast = calibrator.apply(forecast)
    return forecast
