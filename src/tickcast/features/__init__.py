"""Expressions over market events, evaluated by one engine in batch and live."""

from tickcast.features.feature_set import FeatureSet
from tickcast.features.join import AsOf, as_of, join
from tickcast.features.online import OnlineFeatures, OnlineRow
from tickcast.features.parallel import compute_each
from tickcast.features.registry import Lineage, Registered, Registry
from tickcast.features.table import FeatureTable

__all__ = [
    "AsOf",
    "FeatureSet",
    "FeatureTable",
    "Lineage",
    "OnlineFeatures",
    "OnlineRow",
    "Registered",
    "Registry",
    "as_of",
    "compute_each",
    "join",
]
