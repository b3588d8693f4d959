"""`tickcast report`: what a finished run found."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Any

from rich.table import Table

from tickcast.cli.terminal import Terminal
from tickcast.errors import ConfigError

__all__ = ["latest", "report"]


def latest(runs: Path) -> Path:
    """The run folder whose report is newest. Raises ConfigError when there is none."""
    found = sorted(runs.glob("*/report.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise ConfigError("holds no finished run", file=runs, hint="start one with `tickcast run configs/simulated.yaml`")
    return found[-1].parent


def report(run: Path | None = None, *, runs: Path = Path("runs"), json: bool = False) -> None:
    """Show a run's scores and where its report lies, or write its figures as JSON.

    For example:

    tickcast report

    tickcast report runs/nq-5m-1a2b3c4d --json

    Parameters
    ----------
    run
        A run's folder; the newest finished one when not given.
    runs
        Folder of run folders.
    json
        Write the report's figures as JSON.
    """
    folder = run or latest(runs)
    path = folder / "report.json"
    if not path.is_file():
        raise ConfigError("holds no report.json", file=folder, hint="finish the run with `tickcast run`")
    try:
        figures: dict[str, Any] = json_format.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"is not JSON: {error}", file=path, hint="run the experiment again") from None
    terminal = Terminal(as_json=json)
    try:
        table = _table(figures["evaluation"])
        told = f"{figures['finding']}\nreport: {folder / 'report.html'}\nfigures: {path}"
    except (KeyError, TypeError, IndexError, ValueError):
        raise ConfigError("is not the report of a run", file=path, hint="run the experiment again") from None
    terminal.answer(figures, table)
    if not json:
        terminal.answer({}, told)


def _table(found: dict[str, Any]) -> Table:
    """Scores per horizon; the best CRPS of each horizon is marked."""
    table = Table("horizon", "forecaster", "CRPS, bp", "skill", "95 % interval", "log score", "in 80 %", box=None)
    for column in table.columns:
        column.no_wrap = True
        column.justify = "left" if column.header in ("horizon", "forecaster") else "right"
    crps, log, inside = (found["metrics"].index(name) for name in ("crps", "log_score", "coverage_80"))
    for j, horizon in enumerate(found["horizons"]):
        known = [row[j][crps] for row in found["values"] if row[j][crps] is not None]
        for i, name in enumerate(found["forecasters"]):
            value, skill = found["values"][i][j], (found["skill"][i][j], found["skill_low"][i][j], found["skill_high"][i][j])
            mark = " *" if known and value[crps] == min(known) else ""
            span = f"{_percent(skill[1], '{:+.2f}')} … {_percent(skill[2])}"
            cells = (_number(value[crps], 3) + mark, _percent(skill[0]), span, _number(value[log], 4), _percent(value[inside], "{:.1f} %"))
            table.add_row(horizon if i == 0 else "", name, *cells, end_section=i + 1 == len(found["forecasters"]))
    table.caption = "* least CRPS. Skill is 1 − CRPS / CRPS of the best baseline at that horizon."
    return table


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None, form: str = "{:+.2f} %") -> str:
    return "–" if value is None else form.format(100 * value)
