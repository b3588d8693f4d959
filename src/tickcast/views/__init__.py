"""Rows of a feature table as arrays for a model."""

from __future__ import annotations

from tickcast.views.standardizer import Standardizer
from tickcast.views.view import View
from tickcast.views.windows import eligible, windows

__all__ = ["Standardizer", "View", "eligible", "windows"]
