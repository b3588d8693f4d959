"""`tickcast report`: what a finished run found."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Any

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
    """Say where a run's report lies, or write its figures as JSON.

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
    Terminal(as_json=json).answer(figures, f"report: {folder / 'report.html'}\nfigures: {path}")
