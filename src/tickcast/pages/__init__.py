"""Self-contained HTML pages and the small pictures in them; reports of every room look alike."""

from tickcast.pages.page import SWITCH, page
from tickcast.pages.svg import Frame, ticks

__all__ = ["SWITCH", "Frame", "page", "ticks"]
