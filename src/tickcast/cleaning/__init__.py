"""Cleaning: named, counted rules that set unusable rows aside with their reason."""

from __future__ import annotations

from tickcast.cleaning.clean import clean
from tickcast.cleaning.cleaned import Cleaned
from tickcast.cleaning.flags import FLAGGED, flags
from tickcast.cleaning.memory import SPREAD
from tickcast.cleaning.order import late_rows
from tickcast.cleaning.quarantine import quarantine_rows
from tickcast.cleaning.reasons import REASONS, explain
from tickcast.cleaning.rules import Rules
from tickcast.cleaning.screen import Earlier, Place, Screen
from tickcast.cleaning.series import FOUND, SeriesRules, series_faults
from tickcast.cleaning.tape import REGULAR, tape_quotes, tape_trades
from tickcast.cleaning.values import EARLIEST, LATEST, PRICE_LIMIT

__all__ = [
    "EARLIEST",
    "FLAGGED",
    "FOUND",
    "LATEST",
    "PRICE_LIMIT",
    "REASONS",
    "REGULAR",
    "SPREAD",
    "Cleaned",
    "Earlier",
    "Place",
    "Rules",
    "Screen",
    "SeriesRules",
    "clean",
    "explain",
    "flags",
    "late_rows",
    "quarantine_rows",
    "series_faults",
    "tape_quotes",
    "tape_trades",
]
