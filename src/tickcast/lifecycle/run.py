"""Run: one experiment from raw files to an honest report and a bundle, resumable at every step."""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tickcast import __version__
from tickcast.calibrators import Calibrator, apply_all
from tickcast.config import Experiment
from tickcast.evaluate import Evaluation
from tickcast.forecast import Forecast
from tickcast.lifecycle.build import longest_window
from tickcast.lifecycle.describe import Described, describe
from tickcast.lifecycle.fit import Fitted, calibrate, fit
from tickcast.lifecycle.ingest import Ingested, ingest
from tickcast.lifecycle.judge import judge, maker_facts
from tickcast.lifecycle.market import Market, market
from tickcast.lifecycle.progress import Progress
from tickcast.lifecycle.receipts import receipts_of
from tickcast.lifecycle.ship import ship
from tickcast.store import Store

__all__ = ["RunResult", "commit_of", "run"]


@dataclass(frozen=True)
class RunResult:
    """Where a run left what it made.

    Parameters
    ----------
    folder: the run's folder, named after the experiment and the hash of its settings.
    evaluation: every forecaster on the same test rows.
    report: the HTML report; `report.json` lies beside it.
    bundle: the bundle's folder, None where the experiment asks for none.
    """

    folder: Path
    evaluation: Evaluation
    report: Path
    bundle: Path | None


def commit_of(folder: Path) -> str:
    """The commit of the code in `folder`, with "+changes" where files differ from it; "unknown" outside a repository."""
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
        state = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if state.stdout.strip() else "")


def run(
    experiment: Experiment, runs: Path, store: str | Path, *, commit: str, clock: Callable[[], float], progress: Progress | None = None
) -> RunResult:
    """Ingest, roll, build bars, describe, fit, calibrate, judge and ship.

    Parameters
    ----------
    runs: folder of run folders; `store`: folder of the embedded store, or the address of a server store.
    commit: of the code, written down with the run.
    clock: monotonic seconds, for the training times in the report.

    Called again with the same experiment it repeats only what is not done. Raises a TickcastError of the step that failed; what the steps
    before it made stays.
    """
    told = progress or Progress()
    folder = runs / f"{experiment.name}-{experiment.hash()[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(experiment.model_dump(mode="json"), indent=2))
    with contextlib.closing(Store.open(store)) as kept:
        arrived = ingest(experiment.data, kept, receipts_of(store), told)
        told.tell("prepare", "rolls, bars", 0.0)
        rows = market(experiment, kept, arrived)
    told.tell("prepare", "features", 0.5)
    described = describe(experiment, rows, longest_window(experiment))
    told.tell("prepare", f"{len(described.table)} rows", 1.0)
    fitted: dict[str, Fitted] = {}
    calibrators: dict[str, tuple[Calibrator, ...]] = {}
    forecasts: dict[str, Forecast] = {}
    for name, settings in experiment.forecasters.items():
        place = folder / "forecasters" / name
        fitted[name] = fit(name, settings, described, place, version=arrived.version, seed=experiment.seed, clock=clock, progress=told)
        told.tell("predict", name, 0.0)
        model = fitted[name].forecaster
        asked = settings.calibrators
        if asked is None:
            asked = () if name in experiment.baselines else experiment.calibrators
        if asked:
            calibrators[name] = calibrate(
                asked, model.predict(described.view(described.split.valid)), described, proven=settings.calibrators is None
            )
        else:
            calibrators[name] = ()
        forecasts[name] = apply_all(calibrators[name], model.predict(described.view(described.split.test)))
        told.tell("predict", name, 1.0)
    facts = _facts(experiment, arrived, rows, described, fitted, commit)
    (folder / "run.json").write_text(json.dumps(facts, indent=2))
    makers = tuple(maker_facts(name, one, calibrators[name], _scale_name(experiment, name)) for name, one in fitted.items())
    evaluation, report = judge(experiment, described, forecasts, makers, facts, folder, told)
    bundle = None
    if experiment.bundle is not None:
        told.tell("ship", experiment.bundle, 0.0)
        chosen = experiment.bundle
        bundle = ship(experiment, rows, described, fitted[chosen], calibrators[chosen], evaluation, facts, folder / "bundle")
        told.tell("ship", chosen, 1.0)
    return RunResult(folder, evaluation, report, bundle)


def _facts(
    experiment: Experiment, arrived: Ingested, rows: Market, described: Described, fitted: dict[str, Fitted], commit: str
) -> dict[str, Any]:
    """What the run used and found, as JSON values."""
    table, split = described.table, described.split
    return {
        "name": experiment.name,
        "config": experiment.hash(),
        "commit": commit,
        "tickcast": __version__,
        "python": platform.python_version(),
        "data_version": arrived.version,
        "files": dict(arrived.files),
        "symbol": experiment.data.symbol,
        "rows_read": arrived.rows,
        "outside_sessions": arrived.outside,
        "quarantined": dict(arrived.quarantined),
        "rolls": [] if rows.schedule is None else rows.schedule.as_dict()["rolls"],
        "market_rows": len(rows.rows),
        "table_rows": len(table),
        "first_ts": int(table.ts[0]),
        "last_ts": int(table.ts[-1]),
        "features": {name: list(names) for name, names in described.sets.items()},
        "features_hash": described.features.hash,
        "warmup_rows": int((~table.ready()).sum()),
        "parts": {part: _span(described, getattr(split, part)) for part in ("train", "valid", "test")},
        "purged": split.purged,
        "fit_seconds": {name: one.seconds for name, one in fitted.items()},
    }


def _scale_name(experiment: Experiment, name: str) -> str:
    scale = experiment.forecasters[name].scale
    return "1" if scale is None else scale.kind


def _span(described: Described, rows: Any) -> dict[str, int]:
    ts = described.table.ts[rows]
    return {"rows": len(rows), "first_ts": int(ts[0]), "last_ts": int(ts[-1])}
