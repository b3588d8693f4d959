"""One self-contained HTML page: style and script inside, both themes, nothing from the network."""

from __future__ import annotations

from html import escape
from importlib import resources

__all__ = ["SWITCH", "page"]

SWITCH = '<button type="button">light / dark</button>'
"""The button that changes the theme; belongs at the top of the body."""
_SCRIPT = (
    "const r=document.documentElement;document.querySelector('button').onclick=()=>{const d=r.dataset.theme?r.dataset.theme==='dark'"
    ":matchMedia('(prefers-color-scheme: dark)').matches;r.dataset.theme=d?'light':'dark'}"
)


def page(title: str, body: str) -> str:
    """The document with this title (plain text) and body (HTML that begins with `SWITCH`)."""
    style = resources.files("tickcast.pages").joinpath("page.css").read_text(encoding="utf-8")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(title)}</title>'
    inside = f"<head>{head}<style>{style}</style></head><body>{body}<script>{_SCRIPT}</script></body>"
    return f'<!doctype html><html lang="en">{inside}</html>\n'
