"""Heads: from an embedding to a distribution. Needs torch (`pip install tickcast[train]`)."""

from __future__ import annotations

from collections.abc import Mapping

from tickcast.heads.base import Head, HeadOptions
from tickcast.heads.buckets import BucketHead, BucketOptions
from tickcast.heads.grids import LatticeGrid, SigmaGrid
from tickcast.heads.quantiles import QuantileHead, QuantileOptions

__all__ = [
    "HEADS",
    "BucketHead",
    "BucketOptions",
    "Head",
    "HeadOptions",
    "LatticeGrid",
    "QuantileHead",
    "QuantileOptions",
    "SigmaGrid",
]

HEADS: Mapping[str, type[Head]] = {head.output: head for head in (BucketHead, QuantileHead)}
