"""Every page of docs/ is reached from its index by links, and every relative link of a page leads to a file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest

from house import checkout

START = PurePosixPath("docs/index.md")
UNLINKED = (PurePosixPath("docs/decisions/0000-template.md"),)  # copied, not read
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def pages(*tops: str) -> list[PurePosixPath]:
    """Markdown files that git knows: at the root, and below these folders."""
    return [path for path in checkout.files() if path.suffix == ".md" and (len(path.parts) == 1 or path.parts[0] in tops)]


def targets(page: PurePosixPath, text: str) -> list[PurePosixPath]:
    """Files that the relative links of a page name; links inside code are none."""
    found = [link.partition("#")[0] for link in _LINK.findall(_CODE.sub("", text))]
    inside = [link for link in found if link and "://" not in link and not link.startswith("mailto:")]
    return [PurePosixPath(posixpath.normpath(str(page.parent / link))) for link in inside]


def reached(start: PurePosixPath, read: Callable[[PurePosixPath], str]) -> set[PurePosixPath]:
    """Markdown pages reached from `start` by links, `start` among them."""
    seen, left = {start}, [start]
    while left:
        page = left.pop()
        new = {target for target in targets(page, read(page)) if target.suffix == ".md"} - seen
        seen |= new
        left += sorted(new)
    return seen


@pytest.mark.parametrize("page", pages("docs", "benchmarks"), ids=str)
def test_links_lead_to_files(page: PurePosixPath) -> None:
    lost = [str(target) for target in targets(page, checkout.text(page)) if not (checkout.ROOT / target).exists()]
    assert not lost, f"{page} links to {', '.join(lost)}, which does not exist: mend the link"


def test_every_page_is_reached_from_the_index() -> None:
    known = set(checkout.files())
    found = reached(START, lambda page: checkout.text(page) if page in known else "")
    lost = [str(page) for page in pages("docs") if page.parts[0] == "docs" and page not in found and page not in UNLINKED]
    assert not lost, f"no link leads from {START} to {', '.join(lost)}: name them in a page that is reached"


def test_a_broken_link_and_a_lonely_page_are_seen() -> None:
    page = PurePosixPath("docs/features/a.md")
    assert targets(page, "[b](../b.md#part) [c](https://x/c.md) `[d](d.md)` [e](#here)") == [PurePosixPath("docs/b.md")]
    texts = {"docs/index.md": "[a](a.md)", "docs/a.md": "[i](index.md)", "docs/lonely.md": "[a](a.md)"}
    assert reached(START, lambda path: texts[str(path)]) == {START, PurePosixPath("docs/a.md")}
