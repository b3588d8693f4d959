"""`tickcast run`: from raw files to a report and a bundle."""

from __future__ import annotations

import time
from pathlib import Path

from tickcast.cli.arguments import AsJson, NewStore, Quiet, Settings
from tickcast.cli.terminal import Terminal
from tickcast.config import Experiment

__all__ = ["run"]


def run(
    config: Path,
    *,
    set_: Settings = (),
    runs: Path = Path("runs"),
    store: NewStore = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run one experiment: ingest, features, fit, calibrate, judge, report, bundle. Run it again to resume.

    For example:

    tickcast run configs/nq-5m.yaml

    tickcast run configs/es-demo.yaml --set split.embargo=300s --set seed=11

    Parameters
    ----------
    config
        The experiment's YAML file.
    runs
        Folder of run folders; this run gets its own, named after the experiment and its settings.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    experiment = Experiment.load(config, set_)  # before the heavy imports: a typo is told at once
    from tickcast.lifecycle.progress import Progress
    from tickcast.lifecycle.run import commit_of
    from tickcast.lifecycle.run import run as run_experiment

    with terminal.progress() as listener:
        commit = commit_of(Path.cwd())
        made = run_experiment(experiment, runs, store, commit=commit, clock=time.monotonic, progress=Progress(listener))
    value = {"folder": str(made.folder), "report": str(made.report), "bundle": str(made.bundle) if made.bundle else None}
    terminal.answer(value, "\n".join(f"{name}: {path}" for name, path in value.items() if path))
