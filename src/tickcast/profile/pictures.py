"""The pictures of a profile: days stored, rows and volume by time of day, spread by time of day."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from tickcast.clock import day_date, day_text
from tickcast.pages import Frame, ticks
from tickcast.profile.profile import Profile
from tickcast.profile.symbols import SymbolFacts

__all__ = ["coverage_picture", "day_picture"]

_CELL, _YEARS = 7.0, 8


def coverage_picture(found: Profile, symbol: str) -> str:
    """A calendar of a symbol's days, a strip a year: the darker the more rows; missing and empty days stand out."""
    rows = {each.day: each.rows for each in found.days if each.symbol == symbol}
    missing, empty = set(found.missing.get(symbol, ())), set(found.empty.get(symbol, ()))
    shown = sorted({*rows, *missing, *empty})
    first, last = day_date(shown[0]), day_date(shown[-1])
    years = range(max(first.year, last.year - _YEARS + 1), last.year + 1)
    low, high = np.quantile(list(rows.values()), (0.33, 0.67)) if rows else (0.0, 0.0)
    frame = Frame(53.5 * _CELL + 40, len(years) * 8.6 * _CELL + 14, (0, 53.5), (len(years) * 8.6, 0), (36, 12, 4, 2))
    marks = []
    for strip, year in enumerate(years):
        top = strip * 8.6
        marks.append(frame.text(0, top + 4, str(year), "t end", -6, 3))
        monday = date(year, 1, 1) - timedelta(date(year, 1, 1).weekday())
        for month in range(1, 13):
            week = (date(year, month, 1) - monday).days / 7
            marks += [frame.text(week, 0, date(year, month, 1).strftime("%b"), "t", 0, -4)] if strip == 0 else []
        for day in (each for each in shown if day_date(each).year == year):
            at = day_date(day)
            week, weekday = (at - monday).days // 7, at.weekday()
            kind = "missing" if day in missing else "none" if day in empty else f"d{int(rows[day] >= low) + int(rows[day] > high)}"
            told = {"missing": "missing", "none": "known to be empty"}.get(kind, f"{rows.get(day, 0):,} rows")
            marks.append(_cell(frame.px(week), frame.py(top + weekday), kind, f"{day_text(day)}: {told}"))
    return frame.svg(marks, f"Stored days of {symbol}")


def _cell(x: float, y: float, kind: str, told: str) -> str:
    return f'<rect class="day {kind}" x="{x}" y="{y}" width="{_CELL - 1:g}" height="{_CELL - 1:g}"><title>{told}</title></rect>'


def day_picture(found: SymbolFacts, column: int, title: str, form: str) -> str:
    """Bars per half hour of the local day: 0 rows, 1 volume, 2 mean spread."""
    values = np.nan_to_num(found.slots[:, column])
    top = float(values.max()) or 1.0
    frame = Frame(320, 128, (0, 24), (0, top * 1.05), (48, 20, 8, 18))
    marks = [frame.text(0, top * 1.05, title, "h", 0, -7), *frame.y_axis(ticks(0, top, 3), form)]
    marks += [frame.bar(slot / 2, slot / 2 + 0.5, 0, float(value), "col") for slot, value in enumerate(values) if value > 0]
    marks += [frame.text(hour, 0, f"{hour:02d}", "t mid", 0, 13) for hour in range(0, 25, 6)]
    return frame.svg(marks, f"{title} by time of day, {found.symbol}")
