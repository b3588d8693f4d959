"""Measures of a forecast against what happened: per row where they can be, per horizon always."""

from __future__ import annotations

from collections.abc import Mapping

from tickcast.metrics.base import Contribution, Metric, Rows
from tickcast.metrics.bootstrap import BlockBootstrap, Interval
from tickcast.metrics.calibration import (
    PitHistogram,
    Reliability,
    coverage_by_level,
    expected_calibration_error,
    pit_histogram,
    reliability,
)
from tickcast.metrics.coverage import Coverage, Width
from tickcast.metrics.crps import CRPS_LEVELS, Crps, crps_exact, pinball
from tickcast.metrics.direction import Brier, DirectionalAccuracy, InformationCoefficient, Rmse
from tickcast.metrics.log_score import LogScore

__all__ = [
    "CRPS_LEVELS",
    "METRICS",
    "BlockBootstrap",
    "Brier",
    "Contribution",
    "Coverage",
    "Crps",
    "DirectionalAccuracy",
    "InformationCoefficient",
    "Interval",
    "LogScore",
    "Metric",
    "PitHistogram",
    "Reliability",
    "Rmse",
    "Rows",
    "Width",
    "coverage_by_level",
    "crps_exact",
    "expected_calibration_error",
    "pinball",
    "pit_histogram",
    "reliability",
]

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Crps(),
        LogScore(),
        Coverage(0.5),
        Coverage(0.8),
        Coverage(0.9),
        Width(0.5),
        Width(0.8),
        Width(0.9),
        DirectionalAccuracy(),
        Brier(),
        InformationCoefficient(),
        Rmse(),
    )
}
