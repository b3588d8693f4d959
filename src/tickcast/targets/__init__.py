"""What is asked about the future: one target per file, chosen from this table."""

from __future__ import annotations

from collections.abc import Mapping

from tickcast.targets.base import Labels, Target
from tickcast.targets.forward_return import ForwardReturn

__all__ = ["TARGETS", "ForwardReturn", "Labels", "Target"]

TARGETS: Mapping[str, type[Target]] = {"forward_return": ForwardReturn}
