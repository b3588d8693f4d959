"""Expressions over market events, evaluated by one engine in batch and live."""

from tickcast.features.feature_set import FeatureSet
from tickcast.features.table import FeatureTable

__all__ = ["FeatureSet", "FeatureTable"]
