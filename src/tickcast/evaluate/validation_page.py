"""One self-contained page about the health of features, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from tickcast.evaluate.charts import stamp
from tickcast.evaluate.validation import FeatureHealth, Validation
from tickcast.pages.page import SWITCH, page
from tickcast.pages.svg import Frame, ticks

__all__ = ["validation_finding", "write_validation"]

_PICTURES = 12  # distributions shown before the rest is folded away


def write_validation(found: Validation, folder: Path) -> Path:
    """Write `validation.html` and `validation.json` into `folder` (made if absent) and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "validation.html"
    path.write_text(_page(found), encoding="utf-8")
    content = {"finding": validation_finding(found), **found.as_dict()}
    (folder / "validation.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def validation_finding(found: Validation) -> str:
    """The validation in one or two sentences."""
    bad = [each.name for each in _ordered(found) if each.remarks]
    pairs = f"{len(found.pairs)} pair{'s' if len(found.pairs) != 1 else ''} of features correlate beyond {found.limits.correlation:g}."
    if not bad:
        return f"All {len(found.features)} features look like their reference period. {pairs if found.pairs else 'No two say the same.'}"
    named = ", ".join(bad[:4]) + (f" and {len(bad) - 4} more" if len(bad) > 4 else "")
    return f"{len(bad)} of {len(found.features)} features deserve a look: {named}. {pairs if found.pairs else ''}".strip()


def _page(found: Validation) -> str:
    ordered = _ordered(found)
    parts = (_header(found, ordered), _drift(found, ordered), _pictures(ordered), _numbers(ordered), _pairs(found))
    return page(f"{found.name}: validation of features", "".join(parts))


def _header(found: Validation, ordered: Sequence[FeatureHealth]) -> str:
    reference, later = (
        f"{stamp(found.first)} – {stamp(found.until)} ({found.rows[0]:,} rows)",
        f"{stamp(found.last)} ({found.rows[1]:,} rows)",
    )
    spans = f"reference {reference} · later until {later}"
    warned = [each for each in ordered if each.remarks]
    lines = "".join(f"<tr><td>{escape(each.name)}</td><td>{escape('; '.join(each.remarks))}</td></tr>" for each in warned)
    table = f'<table class="facts">{lines}</table>' if warned else ""
    return (
        f'{SWITCH}<h1>{escape(found.name)}: validation of features</h1><div class="meta">{escape(spans)}</div>'
        f'<p class="finding">{escape(validation_finding(found))}</p>{table}'
    )


def _drift(found: Validation, ordered: Sequence[FeatureHealth]) -> str:
    note = (
        "Population stability index of each later period against the reference, over ten quantile bins; beyond "
        f"{found.limits.psi:g} in colour. The first column compares the two halves of the reference: what moves there always moves."
    )
    return f'<section id="drift"><h2>Drift through time</h2><p class="soft">{note}</p>{_heat(found, ordered)}</section>'


def _heat(found: Validation, ordered: Sequence[FeatureHealth]) -> str:
    """A row per feature, a cell per period; the deeper the farther."""
    k, n = len(found.periods) + 1, len(ordered)
    frame = Frame(1020, 30 + 19 * n, (0, k), (0, n), (190, 26, 8, 2))
    marks = [frame.text(j + 1.5, n, stamp(ts)[:10], "t mid", 0, -8) for j, ts in enumerate(found.periods)]
    marks.append(frame.text(0.5, n, "reference", "t mid", 0, -8))
    for i, each in zip(reversed(range(n)), ordered, strict=True):
        marks.append(frame.text(0, i + 0.5, each.name, "t end", -8, 4))
        for j, value in enumerate((each.psi_within, *each.psi)):
            if value is None:
                marks.append(frame.text(j + 0.5, i + 0.5, "–", "t mid", 0, 4))
                continue
            shade = min(np.log1p(value / found.limits.psi) / np.log1p(40), 1.0)
            kind = "col off" if value > found.limits.psi else "col"
            cell = frame.bar(j + 0.01, j + 0.99, i + 0.05, i + 0.95, kind)
            marks.append(cell.replace("<rect ", f'<rect fill-opacity="{0.06 + 0.42 * shade:.2f}" '))
            marks.append(frame.text(j + 0.5, i + 0.5, f"{value:.2f}", "t mid", 0, 4))
    return frame.svg(marks, "Population stability index by feature and period")


def _pictures(ordered: Sequence[FeatureHealth]) -> str:
    shown = [_distribution(each) for each in ordered if each.edges]
    rest = (
        f"<details><summary>{len(shown) - _PICTURES} more</summary>{_panels(shown[_PICTURES:])}</details>" if len(shown) > _PICTURES else ""
    )
    note = "Filled: the reference; line: later rows. Values beyond the 0.5 % quantiles are in the outer bins."
    head = f'<h2>Distributions</h2><p class="soft">{note}</p>'
    return f'<section id="distributions">{head}{_panels(shown[:_PICTURES])}{rest}</section>'


def _panels(pictures: Sequence[str]) -> str:
    return f'<div class="panels small">{"".join(pictures)}</div>'


def _distribution(each: FeatureHealth) -> str:
    reference, later = each.shares
    top = max(*reference, *later, 1e-9) * 1.05
    low, high = each.edges[0], each.edges[-1]
    frame = Frame(230, 120, (low, high), (0, top), (6, 22, 6, 18))
    marks = [frame.text(low, top, each.name, "h", 0, -6)]
    marks += [frame.bar(a, b, 0, y, "col") for a, b, y in zip(each.edges[:-1], each.edges[1:], reference, strict=True) if y > 0]
    steps = [x for a, b in zip(each.edges[:-1], each.edges[1:], strict=True) for x in (a, b)]
    heights = [y for share in later for y in (share, share)]
    marks += [frame.line(steps, heights, "series s1"), frame.line((low, high), (0, 0), "axis")]
    marks += [frame.text(x, 0, f"{x:.3g}", "t mid", 0, 13) for x in ticks(low, high, 3)]
    return frame.svg(marks, f"Distribution of {each.name} in the reference and later")


def _numbers(ordered: Sequence[FeatureHealth]) -> str:
    titles = ("PSI", "KS", "missing", "longest gap", "range", "outside", "median", "longest stuck", "unchanged")
    head = "".join(f"<th>{title}</th>" for title in titles)
    lines = []
    for each in ordered:
        cells = (
            escape(each.name), _told(each.psi_later, "{:.2f}"), _told(each.ks_later, "{:.2f}"),
            _pair(each.missing, "{:.1%}"), _pair(each.gap, "{:,}"), f"{_told(each.low)} … {_told(each.high)}", f"{each.outside:.1%}",
            _pair((each.quantiles[0][1], each.quantiles[1][1])), _pair(each.stale, "{:,}"), _pair(each.unchanged, "{:.1%}"),
        )  # fmt: skip
        lines.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    note = (
        "Where there are two numbers: reference, then later. Missing counts rows after the declared warm-up. Stuck and unchanged count "
        "rows that kept their value though the price moved; a calendar or a flag does so by nature."
    )
    table = f'<div class="scroll"><table><tr><th></th>{head}</tr>{"".join(lines)}</table></div>'
    return f'<section id="numbers"><h2>Numbers</h2><p class="soft">{note}</p>{table}</section>'


def _pairs(found: Validation) -> str:
    note = f"Rank correlations beyond {found.limits.correlation:g} on the reference rows; of such two one can go."
    lines = "".join(
        f"<tr><td>{escape(each.left)}</td><td>{escape(each.right)}</td><td>{each.correlation:+.3f}</td></tr>" for each in found.pairs
    )
    table = f"<table>{lines}</table>" if lines else "<p>None.</p>"
    return f'<section id="pairs"><h2>Features that say the same</h2><p class="soft">{note}</p>{table}</section>'


def _ordered(found: Validation) -> list[FeatureHealth]:
    """Those with most remarks first, then those that moved farthest."""
    return sorted(found.features, key=lambda each: (-len(each.remarks), -_worst(each)))


def _worst(each: FeatureHealth) -> float:
    return max((value for value in each.psi if value is not None), default=0.0)


def _told(value: float | None, form: str = "{:.4g}") -> str:
    return "–" if value is None else form.format(value)


def _pair(values: Sequence[float | None], form: str = "{:.4g}") -> str:
    return " → ".join(_told(value, form) for value in values)
