"""A page is one file in which nothing of the title is taken for markup."""

from __future__ import annotations

import re

from tickcast.pages import SWITCH, page


def test_a_page_is_whole_and_escapes_its_title() -> None:
    made = page("a < b & c", f"{SWITCH}<p>text</p>")
    assert "<title>a &lt; b &amp; c</title>" in made
    assert made.count("<button") == 1 and made.startswith("<!doctype html>") and made.endswith("</html>\n")
    assert re.findall(r"https?:|src=|@import|url\(", made) == []


def test_every_colour_has_a_value_for_both_themes() -> None:
    style = page("", SWITCH)
    light, *dark = (set(re.findall(r"(--\w+):#", block)) for block in re.findall(r"\{([^{}]*--paper:[^{}]*)\}", style))
    assert len(dark) == 2 and all(theme == light for theme in dark)
    assert set(re.findall(r"var\((--\w+)\)", style)) <= light
