"""Bars of any interval, from trades or from finer bars."""

from tickcast.bars.build import build

__all__ = ["build"]
