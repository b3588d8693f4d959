"""Cleaning: named, counted rules that set unusable rows aside with their reason."""

from __future__ import annotations

from tickcast.cleaning.clean import LATEST, PRICE_LIMIT, clean, late_rows
from tickcast.cleaning.cleaned import Cleaned

__all__ = ["LATEST", "PRICE_LIMIT", "Cleaned", "clean", "late_rows"]
