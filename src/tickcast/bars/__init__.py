"""Bars: of time, from trades or finer bars, and of activity, from trades."""

from tickcast.bars.activity import Activity, Filled, Imbalance, Measure
from tickcast.bars.build import build
from tickcast.bars.sampler import Sampler, sample

__all__ = ["Activity", "Filled", "Imbalance", "Measure", "Sampler", "build", "sample"]
