"""One self-contained page about a run, and the same as JSON. No network, no library, no font from elsewhere."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np

from tickcast.evaluate.charts import coverage_chart, fan_chart, pit_chart, reliability_chart, skill_chart, stamp
from tickcast.evaluate.evaluation import Evaluation, plain
from tickcast.evaluate.facts import RunFacts
from tickcast.pages.page import SWITCH, page

__all__ = ["key_finding", "write_report"]

_COLUMNS = (
    ("crps", "CRPS, bp", "{:.3f}"),
    ("log_score", "log score", "{:.3f}"),
    ("coverage_50", "in 50 %", "{:.1%}"),
    ("coverage_80", "in 80 %", "{:.1%}"),
    ("coverage_90", "in 90 %", "{:.1%}"),
    ("width_90", "90 % width, bp", "{:.1f}"),
    ("direction", "direction", "{:.1%}"),
    ("ic", "IC", "{:+.3f}"),
    ("brier", "Brier", "{:.4f}"),
    ("rmse", "RMSE, bp", "{:.2f}"),
)
_EDGE = 0.01  # share of outcomes in an outer bucket above which the grid is too narrow


def write_report(evaluation: Evaluation, facts: RunFacts, folder: Path) -> Path:
    """Write `report.html` and `report.json` into `folder` (made if absent) and return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(_page(evaluation, facts), encoding="utf-8")
    content = {"finding": key_finding(evaluation), "facts": plain(facts), "evaluation": evaluation.as_dict()}
    (folder / "report.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def key_finding(found: Evaluation) -> str:
    """The run in one or two sentences, careful about chance."""
    best, i = found.best, found.forecasters.index(found.best)
    skill = found.skill[i]
    if not found.baselines or not np.isfinite(skill).any():
        return f"{best} has the least CRPS; no baseline was run, so its skill is unknown."
    if best in found.baselines:
        return f"No forecaster beats the baselines overall: {best} is best."
    sure = [name for name, low in zip(found.horizons, found.skill_low[i], strict=True) if low > 0]
    best_j = int(np.nanargmax(skill))
    span = f"{np.nanmin(skill) * 100:+.2f} % to {np.nanmax(skill) * 100:+.2f} %" if len(skill) > 1 else f"{skill[0] * 100:+.2f} %"
    many = f"at {len(sure)} of {len(found.horizons)} horizons" if sure else "at no horizon"
    where = f", most at {found.horizons[best_j]}" if len(found.horizons) > 1 else ""
    return f"{best} has a CRPS skill of {span} against the best baseline{where}; its gain exceeds chance (95 % interval above zero) {many}."


def _page(found: Evaluation, facts: RunFacts) -> str:
    parts = (_header(found, facts), _skill(found), _scores(found), _fans(found), _calibration(found), _data(found, facts), _details(facts))
    return page(facts.title, "".join(parts))


def _header(found: Evaluation, facts: RunFacts) -> str:
    parts = [facts.symbol, f"tested {stamp(found.first)} – {stamp(found.last)}", facts.created and f"made {facts.created}"]
    marks = [("data", facts.data_version[:12]), ("commit", facts.commit[:12]), ("config", facts.config)]
    meta = " · ".join(escape(part) for part in parts if part)
    marked = " · ".join(f"{name} <code>{escape(value)}</code>" for name, value in marks if value)
    warnings = [*facts.warnings, *_edge_warnings(found)]
    shown = "".join(f'<p class="warn">{escape(text)}</p>' for text in warnings)
    return (
        f'{SWITCH}<h1>{escape(facts.title)}</h1><div class="meta">{meta}<br>{marked}</div>'
        f'<p class="finding">{escape(key_finding(found))}</p>{shown}'
    )


def _edge_warnings(found: Evaluation) -> list[str]:
    out = []
    for name, row in zip(found.forecasters, found.edge_share, strict=True):
        bad = [f"{horizon} {share:.1%}" for horizon, share in zip(found.horizons, row, strict=True) if share > _EDGE]
        if bad:
            out.append(f"{name}: more than 1 % of outcomes fall into an outer bucket ({', '.join(bad)}); widen its grid.")
    return out


def _skill(found: Evaluation) -> str:
    note = (
        "1 − CRPS / CRPS of the best baseline at that horizon, higher is better. Lines are 95 % intervals of a paired block bootstrap "
        f"({found.resamples} resamples, blocks of {found.block:,} rows)."
    )
    return f'<section id="skill"><h2>Skill by horizon</h2><p class="soft">{note}</p>{skill_chart(found)}</section>'


def _scores(found: Evaluation) -> str:
    kind = "log probability of the tick move" if found.lattice else "log density per bp"
    note = (
        f"Best in colour; small print: 95 % interval. CRPS over 39 quantile levels; log score: {kind}. Every forecaster on the same rows."
    )
    tables = "".join(_table(found, j) for j in found.scored)
    return f'<section id="scores"><h2>Scores</h2><p class="soft">{note}</p>{tables}</section>'


def _table(found: Evaluation, j: int) -> str:
    columns = [(found.metrics.index(key), title, form) for key, title, form in _COLUMNS if key in found.metrics]
    head = "".join(f"<th>{title}</th>" for _, title, _ in columns)
    best = {m: -1 if found.metrics[m].startswith("width") else _best(found.values[:, j, m], found.better[m]) for m, _, _ in columns}
    lines = []
    for i, name in enumerate(found.forecasters):
        cells = [f"<td>{escape(name)}</td>"]
        for m, _, form in columns:
            value, low, high = (float(part[i, j, m]) for part in (found.values, found.low, found.high))
            text = form.format(value) if np.isfinite(value) else "–"
            text = f"<b>{text}</b>" if i == best[m] else text
            small = f"<small>{form.format(low)} … {form.format(high)}</small>" if np.isfinite(low) else ""
            cells.append(f"<td>{text}{small}</td>")
        lines.append("<tr>" + "".join(cells) + "</tr>")
    title = f'<h3>{escape(found.horizons[j])} <span class="soft">{int(found.rows[j]):,} rows</span></h3>'
    return f'{title}<div class="scroll"><table><tr><th></th>{head}</tr>{"".join(lines)}</table></div>'


def _best(values: np.ndarray, better: str) -> int:
    """Position of the best value; -1 where there is no best (targets, nothing known)."""
    if better == "target" or not np.isfinite(values).any():
        return -1
    return int(np.nanargmin(values) if better == "lower" else np.nanargmax(values))


def _fans(found: Evaluation) -> str:
    colours = (("f95", "95 %"), ("f80", "80 %"), ("f50", "50 %"), ("hot", "what happened"))
    key = "".join(f'<span style="background:var(--{colour})"></span>{words}' for colour, words in colours)
    pictures = "".join(fan_chart(fan) for fan in found.fans)
    title = f"<h2>Forecast and event: {escape(found.best)}</h2>"
    return f'<section id="fans">{title}<p class="soft key">{key}</p><div class="panels">{pictures}</div></section>'


def _calibration(found: Evaluation) -> str:
    order = sorted(range(len(found.forecasters)), key=lambda i: found.forecasters[i] != found.best)
    blocks = []
    for rank, i in enumerate(order):
        hs = found.scored
        parts = (
            '<h3>PIT histograms</h3><p class="soft">Flat is right; a hump is too wide, a bowl too narrow. Shaded: 99 % band.</p>'
            f'<div class="panels small">{"".join(pit_chart(found, i, j) for j in hs)}</div>'
            '<h3>Reliability of p_up</h3><p class="soft">Forecast against frequency of a rise; bars show what chance allows.</p>'
            f'<div class="panels small">{"".join(reliability_chart(found, i, j) for j in hs)}</div>'
            '<h3>Coverage by level</h3><p class="soft">Share of outcomes below each quantile minus its level, percentage points.</p>'
            f"{coverage_chart(found, i)}"
        )
        name = escape(found.forecasters[i])
        blocks.append(parts if rank == 0 else f"<details><summary>{name}</summary>{parts}</details>")
    return f'<section id="calibration"><h2>Calibration: {escape(found.best)}</h2>{"".join(blocks)}</section>'


def _data(found: Evaluation, facts: RunFacts) -> str:
    counts = (("training rows", facts.train), ("validation rows", facts.valid), ("test rows", facts.test), ("purged rows", facts.purged))
    lines = [(name, f"{value:,}") for name, value in counts if value is not None]
    lines += [(f"labels at {horizon}", f"{int(rows):,}") for horizon, rows in zip(found.horizons, found.rows, strict=True)]
    lines += [(str(name), str(value)) for name, value in facts.data.items()]
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in lines)
    return f'<section id="data"><h2>Data</h2><table class="facts">{rows}</table></section>'


def _details(facts: RunFacts) -> str:
    if not facts.forecasters:
        return ""
    head = "<tr><th>forecaster</th><th>family</th><th>training</th><th>parameters</th><th>calibrators</th><th>note</th></tr>"
    rows = []
    for one in facts.forecasters:
        cells = (
            one.name,
            one.family,
            "–" if one.seconds is None else f"{one.seconds:,.1f} s",
            "–" if one.parameters is None else f"{one.parameters:,}",
            ", ".join(one.calibrators) or "–",
            one.note,
        )
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return f'<section id="forecasters"><h2>Forecasters</h2><div class="scroll"><table>{head}{"".join(rows)}</table></div></section>'
