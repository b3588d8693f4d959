"""Losses: what training makes small. Needs torch (`pip install tickcast[train]`)."""

from __future__ import annotations

from collections.abc import Mapping

from tickcast.losses.base import Loss
from tickcast.losses.cross_entropy import CrossEntropy, SoftCrossEntropy
from tickcast.losses.crps import BucketCrps, bucket_crps
from tickcast.losses.earth_mover import EarthMover
from tickcast.losses.pinball import Pinball, pinball

__all__ = ["LOSSES", "BucketCrps", "CrossEntropy", "EarthMover", "Loss", "Pinball", "SoftCrossEntropy", "bucket_crps", "pinball"]

LOSSES: Mapping[str, type[BucketCrps | CrossEntropy | EarthMover | Pinball | SoftCrossEntropy]] = {
    "crps": BucketCrps,
    "cross_entropy": CrossEntropy,
    "earth_mover": EarthMover,
    "pinball": Pinball,
    "soft_cross_entropy": SoftCrossEntropy,
}
