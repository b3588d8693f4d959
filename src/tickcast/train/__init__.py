"""Training networks, and the table of all forecasters. Needs torch (`pip install tickcast[train]`)."""

from __future__ import annotations

from tickcast.train.build import FORECASTERS, NETWORKS, NetworkKind, build
from tickcast.train.network import Network
from tickcast.train.options import Progress, TrainingOptions

__all__ = ["FORECASTERS", "NETWORKS", "Network", "NetworkKind", "Progress", "TrainingOptions", "build"]
