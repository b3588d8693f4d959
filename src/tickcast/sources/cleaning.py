"""Cleaning has a room of its own, `tickcast.cleaning`; these are the two names of it that every source needs."""

from __future__ import annotations

from tickcast.cleaning import Cleaned, clean

__all__ = ["Cleaned", "clean"]
