"""The pictures of a report."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.evaluate.evaluation import Evaluation
from tickcast.evaluate.fans import Fan
from tickcast.pages.svg import Frame, ticks

__all__ = ["coverage_chart", "fan_chart", "pit_chart", "reliability_chart", "skill_chart", "stamp"]


def stamp(ts: int) -> str:
    """UTC ns as 2024-05-31 14:05 UTC."""
    return datetime.fromtimestamp(ts // SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")


def skill_chart(found: Evaluation) -> str:
    """One panel per horizon, one line per forecaster: skill against the best baseline with its 95 % interval."""
    ends = np.concatenate([found.skill_low.ravel(), found.skill_high.ravel(), [0.0]]) * 100
    centre = found.skill.ravel() * 100
    low, high = float(np.nanmin(np.append(centre, 0.0))), float(np.nanmax(np.append(centre, 0.0)))
    room = max(high - low, 1.0)
    span = (max(float(np.nanmin(ends)), low - 0.6 * room) - 0.05 * room, min(float(np.nanmax(ends)), high + 0.6 * room) + 0.05 * room)
    panels = []
    for j in found.scored:
        horizon = found.horizons[j]
        order = np.argsort(-np.nan_to_num(found.skill[:, j], nan=-9.0))
        frame = Frame(320, 46 + 21 * len(order), span, (len(order) - 0.5, -0.6), (112, 22, 52, 22))
        marks = [frame.text(span[0], -0.6, f"{horizon}", "h", -112, -8)]
        marks += [frame.text(span[0], -0.6, f"against {found.best_baseline[j] or 'nothing'}", "t", -112 + 9 * len(horizon) + 8, -8)]
        for value in ticks(*span, 3):
            marks += [frame.line((value, value), frame.y, "grid"), frame.text(value, len(order) - 0.5, f"{value:+g}%", "t mid", 0, 14)]
        marks.append(frame.line((0, 0), frame.y, "axis"))
        for row, i in enumerate(order):
            name, value = found.forecasters[i], found.skill[i, j] * 100
            kind = "best" if name == found.best else "base" if name in found.baselines else "other"
            marks.append(frame.text(span[0], row, name, f"t end {kind}", -8, 4))
            if np.isfinite(value):
                a, b = (float(np.clip(end[i, j] * 100, *span)) for end in (found.skill_low, found.skill_high))
                tip = f"{name} {value:+.2f}% [{found.skill_low[i, j] * 100:+.2f}, {found.skill_high[i, j] * 100:+.2f}]"
                marks += [frame.line((a, b), (row, row), f"reach {kind}"), frame.dot(float(np.clip(value, *span)), row, kind, tip)]
                marks.append(frame.text(span[1], row, f"{value:+.2f}%", f"t end {kind}", 50, 4))
        panels.append(frame.svg(marks, f"Skill at {horizon}"))
    return '<div class="panels">' + "".join(panels) + "</div>"


def pit_chart(found: Evaluation, forecaster: int, horizon: int) -> str:
    """PIT histogram with the band that holds a calibrated bin in 99 % of cases."""
    pit = found.pit[forecaster]
    density, low, high = pit.density[horizon], float(pit.low[horizon]), float(pit.high[horizon])
    top = max(1.6, float(density.max()) * 1.05, min(high * 1.05, 2.6))
    frame = Frame(210, 128, (0, 1), (0, top), (30, 20, 8, 18))
    out = int(((density < low) | (density > high)).sum())
    marks = [frame.text(0, top, found.horizons[horizon], "h", 0, -7)]
    marks.append(
        frame.text(1, top, "inside the band" if not out else f"{out} of {len(density)} outside", "t end" + (" bad" if out else ""), 0, -7)
    )
    marks.append(frame.band((0, 1), (low, low), (min(high, top), min(high, top)), "zone"))
    ends = np.linspace(0, 1, len(density) + 1)
    for k, value in enumerate(density):
        marks.append(frame.bar(ends[k], ends[k + 1], 0, float(min(value, top)), "col" if low <= value <= high else "col off"))
    marks += [frame.line((0, 1), (1, 1), "axis"), frame.text(0, 1, "1", "t end", -5, 3.5), frame.text(0, 0, "0", "t end", -5, 3.5)]
    marks += [frame.text(x, 0, f"{x:g}", "t mid", 0, 13) for x in (0, 0.5, 1)]
    return frame.svg(marks, f"PIT histogram of {found.forecasters[forecaster]} at {found.horizons[horizon]}")


def reliability_chart(found: Evaluation, forecaster: int, horizon: int) -> str:
    """p_up against the share of rises, ten groups of equally many rows; bars are 95 % of what chance allows a calibrated forecast."""
    table = found.reliability[forecaster]
    p, seen, count = table.forecast[horizon], table.observed[horizon], table.count[horizon]
    overlap = max(found.rows[horizon] / max(found.pit[forecaster].effective[horizon], 1), 1)
    reach = 1.96 * np.sqrt(p * (1 - p) / np.maximum(count / overlap, 1))
    held = np.concatenate([p, seen, p - reach, p + reach])
    low, high = max(0.0, float(np.nanmin(held)) - 0.02), min(1.0, float(np.nanmax(held)) + 0.02)
    frame = Frame(210, 190, (low, high), (low, high), (36, 20, 8, 24))
    form = "{:.0%}"
    marks = [
        frame.text(low, high, found.horizons[horizon], "h", 0, -7),
        frame.text(high, high, f"ECE {found.ece[forecaster, horizon]:.3f}", "t end", 0, -7),
    ]
    marks += frame.y_axis(ticks(low, high, 4), form) + [frame.text(x, low, form.format(x), "t mid", 0, 14) for x in ticks(low, high, 4)]
    marks += [frame.line((low, high), (low, high), "axis dash")]
    marks += [frame.line((a, a), (a - r, a + r), "reach other") for a, r in zip(p, reach, strict=True) if np.isfinite(a)]
    tips = [f"p_up {a:.3f}, rose {b:.3f}, {c:.0f} rows" for a, b, c in zip(p, seen, count, strict=True)]
    marks += [frame.dot(a, b, "best", tip, 2.6) for a, b, tip in zip(p, seen, tips, strict=True) if np.isfinite(a)]
    return frame.svg(marks, f"Reliability of p_up at {found.horizons[horizon]}")


def coverage_chart(found: Evaluation, forecaster: int) -> str:
    """Share of outcomes below each quantile minus its level, one line per horizon."""
    gap = (found.coverage[forecaster] - found.levels) * 100
    reach = max(1.0, float(np.nanmax(np.abs(gap))) * 1.15)
    frame = Frame(680, 190, (0, 1), (-reach, reach), (48, 10, 60, 26))
    marks = frame.y_axis(ticks(-reach, reach, 5), "{:+g} pp") + [
        frame.text(x, -reach, f"{x:.0%}", "t mid", 0, 15) for x in (0.1, 0.25, 0.5, 0.75, 0.9)
    ]
    marks.append(frame.line((0, 1), (0, 0), "axis"))
    ends = sorted(found.scored, key=lambda j: -gap[j, -1])
    place = -np.inf
    for j in ends:
        marks.append(frame.line(list(found.levels), list(gap[j]), f"series s{j % 4}"))
        at = max(frame.py(gap[j, -1]) + 3.5, place + 11)
        place = at
        marks.append(f'<text class="t" x="{frame.px(found.levels[-1]) + 5:.1f}" y="{at:.1f}">{found.horizons[j]}</text>')
    return frame.svg(marks, "Quantile calibration")


def fan_chart(fan: Fan) -> str:
    """Bands of 50, 80 and 95 % against the prices that came."""
    xs = np.concatenate([[0], fan.at - fan.ts]).astype(float)
    order = np.argsort(xs, kind="stable")
    values = np.concatenate([np.full((1, fan.quantiles.shape[1]), fan.price), fan.quantiles])[order]
    xs, path = xs[order], (fan.path_ts - fan.ts).astype(float)
    end = float(xs[-1]) or 1.0
    y = np.concatenate([values.ravel(), fan.path_price])
    pad = 0.04 * float(y.max() - y.min()) + 1e-9
    frame = Frame(
        330, 210, (max(-end, float(path.min())) if len(path) else -end, end), (float(y.min()) - pad, float(y.max()) + pad), (54, 8, 10, 24)
    )
    marks = frame.y_axis(ticks(*frame.y, 4), "{:,.6g}")
    for a, b, kind in ((0, 6, "f95"), (1, 5, "f80"), (2, 4, "f50")):
        marks.append(frame.band(list(xs), list(values[:, a]), list(values[:, b]), f"fan {kind}"))
    marks += [frame.line(list(xs), list(values[:, 3]), "median"), frame.line((0, 0), frame.y, "axis dash")]
    before, after = path <= 0, path >= 0
    marks += [
        frame.line(list(path[before]), list(fan.path_price[before]), "past"),
        frame.line(list(path[after]), list(fan.path_price[after]), "real"),
    ]
    unit, name = next((u, n) for u, n in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (1, "ns")) if end >= 2 * u or u == 1)
    marks += [
        frame.text(x * unit, frame.y[0], "now" if x == 0 else f"{x:+g}{name}", "t mid", 0, 15)
        for x in ticks(frame.x[0] / unit, frame.x[1] / unit, 5)
    ]
    caption = f"<figcaption><b>{stamp(fan.ts)}</b><br>{fan.title}</figcaption>"
    return f"<figure>{frame.svg(marks, f'Fan at {stamp(fan.ts)}')}{caption}</figure>"
