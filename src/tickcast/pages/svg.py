"""Small inline SVG: a frame with scales, and the marks drawn in it. Colours are classes that the style sheet knows, for both themes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

__all__ = ["Frame", "ticks"]


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers inside [low, high], about `count` of them.

    >>> ticks(-1.2, 9.7)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * min((1.0, 2.0, 5.0, 10.0), key=lambda m: abs(m * power - raw))
    first = np.ceil(low / step - 1e-9)
    return [float(round(k * step, 12)) + 0.0 for k in np.arange(first, np.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Frame:
    """A drawing of `width` × `height` with margins (left, top, right, bottom) and linear scales x in [x0, x1], y in [y0, y1]."""

    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]
    margin: tuple[float, float, float, float] = (44, 10, 12, 24)

    def px(self, x: float) -> float:
        """Horizontal position."""
        left, _, right, _ = self.margin
        share = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1.0)
        return round(float(left + share * (self.width - left - right)), 1)

    def py(self, y: float) -> float:
        """Vertical position."""
        _, top, _, bottom = self.margin
        share = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1.0)
        return round(float(self.height - bottom - share * (self.height - top - bottom)), 1)

    def svg(self, marks: Sequence[str], label: str) -> str:
        """The finished picture; `label` is read aloud."""
        head = (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" style="max-width:{self.width:g}px" role="img" aria-label="{escape(label)}">'
        )
        return head + "".join(marks) + "</svg>"

    def line(self, xs: Sequence[float], ys: Sequence[float], kind: str) -> str:
        """A line through the points."""
        points = " ".join(f"{self.px(x)},{self.py(y)}" for x, y in zip(xs, ys, strict=True) if np.isfinite(x) and np.isfinite(y))
        return f'<polyline class="{kind}" points="{points}"/>'

    def band(self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], kind: str) -> str:
        """The area between two lines."""
        up = [f"{self.px(x)},{self.py(y)}" for x, y in zip(xs, high, strict=True)]
        down = [f"{self.px(x)},{self.py(y)}" for x, y in zip(xs, low, strict=True)]
        return f'<polygon class="{kind}" points="{" ".join(up + down[::-1])}"/>'

    def bar(self, x0: float, x1: float, y0: float, y1: float, kind: str) -> str:
        """A filled rectangle."""
        left, right, top, bottom = self.px(x0), self.px(x1), self.py(max(y0, y1)), self.py(min(y0, y1))
        return f'<rect class="{kind}" x="{left}" y="{top}" width="{max(right - left - 0.6, 0.5):.1f}" height="{max(bottom - top, 0):.1f}"/>'

    def dot(self, x: float, y: float, kind: str, title: str = "", radius: float = 3.0) -> str:
        """A point with a tip."""
        tip = f"<title>{escape(title)}</title>" if title else ""
        return f'<circle class="{kind}" cx="{self.px(x)}" cy="{self.py(y)}" r="{radius}">{tip}</circle>'

    def text(self, x: float, y: float, words: str, kind: str = "t", dx: float = 0, dy: float = 0) -> str:
        """Words at a point of the scales."""
        return f'<text class="{kind}" x="{self.px(x) + dx:.1f}" y="{self.py(y) + dy:.1f}">{escape(words)}</text>'

    def y_axis(self, values: Sequence[float], form: str) -> list[str]:
        """Hairlines with numbers at the left."""
        marks = [self.line(self.x, (value, value), "grid") for value in values]
        return marks + [self.text(self.x[0], value, form.format(value), "t end", -6, 3.5) for value in values]
