"""Judge: every forecaster on the same test rows, told in one page and as JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tickcast.calibrators import Calibrator
from tickcast.clock import SECOND, format_duration
from tickcast.config import Experiment
from tickcast.evaluate import Evaluation, ForecasterFacts, RunFacts, evaluate, write_report
from tickcast.forecast import Forecast
from tickcast.lifecycle.describe import Described
from tickcast.lifecycle.fit import Fitted
from tickcast.lifecycle.progress import Progress

__all__ = ["judge", "maker_facts"]


def judge(
    experiment: Experiment,
    described: Described,
    forecasts: Mapping[str, Forecast],
    makers: tuple[ForecasterFacts, ...],
    facts: Mapping[str, Any],
    folder: Path,
    progress: Progress,
) -> tuple[Evaluation, Path]:
    """Scores with intervals on the test rows, and the report in `folder`; the same seed gives the same intervals."""
    progress.tell("judge", "scores and intervals", 0.0)
    lattice = any(forecast.unit == "ticks" for forecast in forecasts.values())
    found = evaluate(
        forecasts,
        described.view(described.split.test),
        baselines=experiment.baselines,
        rng=np.random.default_rng(experiment.seed),
        tick=experiment.data.tick if lattice else None,
        resamples=experiment.resamples,
    )
    progress.tell("judge", "report", 0.8)
    page = write_report(found, _run_facts(experiment, described, makers, facts), folder)
    progress.tell("judge", str(page), 1.0)
    return found, page


def maker_facts(name: str, fitted: Fitted, calibrators: tuple[Calibrator, ...], scale: str) -> ForecasterFacts:
    """What the report says about how one forecaster was made."""
    spec = fitted.forecaster.spec
    reads = {"matrix": "one row", "window": f"{spec.window} rows", "sequence": "carried state"}[spec.view]
    note = f"{spec.output} of return / {scale}, reads {reads}"
    kinds = tuple(calibrator.kind for calibrator in calibrators)
    return ForecasterFacts(name, spec.family, fitted.seconds, _weights(fitted.folder), kinds, note)


def _weights(folder: Path) -> int | None:
    """Number of trained parameters of a network, None for others."""
    weights = folder / "weights.safetensors"
    if not weights.is_file():
        return None
    with weights.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return sum(int(np.prod(entry["shape"])) for name, entry in header.items() if name != "__metadata__")


def _run_facts(experiment: Experiment, described: Described, makers: tuple[ForecasterFacts, ...], facts: Mapping[str, Any]) -> RunFacts:
    table, split = described.table, described.split
    gaps = int((np.diff(table.ts) > table.step).sum())
    data = {
        "from": _stamp(int(table.ts[0])),
        "to": _stamp(int(table.ts[-1])),
        "rows read": f"{facts['rows_read']:,}",
        "outside sessions": f"{facts['outside_sessions']:,}",
        "quarantined": ", ".join(f"{count:,} {reason}" for reason, count in facts["quarantined"].items()) or "0",
        "rolls": f"{max(0, len(facts['rolls']) - 1)}" if experiment.rolls else "none asked for",
        "rows on the clock": f"{len(table):,} every {format_duration(table.step)}",
        f"gaps over {format_duration(table.step)}": f"{gaps:,}",
        "rows in warm-up": f"{facts['warmup_rows']:,}",
        "features": f"{len(table.names)} ({', '.join(described.sets)})",
        "split": f"train to {_stamp(int(table.ts[split.train[-1]]))}, test from {_stamp(int(table.ts[split.test[0]]))}",
    }
    return RunFacts(
        title=experiment.name,
        symbol=experiment.data.symbol,
        config=str(facts["config"])[:12],
        commit=str(facts["commit"])[:12],
        data_version=str(facts["data_version"])[:12],
        created=_stamp(int(table.ts[-1])),
        train=len(split.train),
        valid=len(split.valid),
        test=len(split.test),
        purged=split.purged,
        data=data,
        forecasters=makers,
    )


def _stamp(ts: int) -> str:
    return dt.datetime.fromtimestamp(ts // SECOND, dt.UTC).strftime("%Y-%m-%d %H:%M")
