"""Fit: every forecaster of an experiment on the same rows, each kept in a folder of its own so that a run can resume."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tickcast import __version__
from tickcast.calibrators import CALIBRATORS, Calibrator, parse
from tickcast.config import ForecasterConfig
from tickcast.errors import ConfigError
from tickcast.forecast import Forecast
from tickcast.lifecycle.build import build_forecaster, load_forecaster
from tickcast.lifecycle.describe import Described
from tickcast.lifecycle.progress import Progress
from tickcast.metrics import METRICS, Rows
from tickcast.models import Forecaster

__all__ = ["Fitted", "calibrate", "fit"]

_QUARTERS = 4  # parts of the validation rows on which a calibrator has to prove itself


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted forecaster as it would be shipped.

    Parameters
    ----------
    forecaster: read back from `folder`, so what is judged is what is served.
    folder: its `model.json` and weights.
    seconds: spent on fitting, when it was fitted.
    """

    forecaster: Forecaster
    folder: Path
    seconds: float


def _key(config: ForecasterConfig, described: Described, version: str, seed: int) -> str:
    """What decides the weights: settings, features, rows, data, seed and the code's version."""
    rows = hashlib.sha256(described.split.train.tobytes() + described.split.valid.tobytes()).hexdigest()
    parts = [config.model_dump(mode="json"), described.features.hash, list(described.labels.horizons), rows, version, seed, __version__]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def fit(
    name: str,
    config: ForecasterConfig,
    described: Described,
    folder: Path,
    *,
    version: str,
    seed: int,
    clock: Callable[[], float],
    progress: Progress,
) -> Fitted:
    """The forecaster, fitted now or taken from `folder` when the same settings, rows, data and seed fitted it before.

    `clock` gives seconds; an interrupted network resumes from the checkpoint in `folder`.
    """
    done = folder / "done.json"
    key = _key(config, described, version, seed)
    seconds = _seconds(done, key)
    if seconds is None:
        started = folder / "started.txt"
        if folder.exists() and (not started.is_file() or started.read_text() != key):
            shutil.rmtree(folder)  # weights or checkpoints of other settings
        folder.mkdir(parents=True, exist_ok=True)
        started.write_text(key)
        begin = clock()
        told = progress.within(name)
        forecaster = build_forecaster(name, config, described, folder / "checkpoints", seed=seed, progress=told)
        forecaster.fit(described.view(described.split.train), described.view(described.split.valid))
        forecaster.save(folder / "model")
        seconds = round(clock() - begin, 3)
        done.write_text(json.dumps({"key": key, "seconds": seconds}))
    return Fitted(load_forecaster(folder / "model"), folder / "model", seconds)


def _seconds(done: Path, key: str) -> float | None:
    """How long the fit took that `key` stands for; None when there was none, or when its note was cut off in writing."""
    try:
        kept = json.loads(done.read_text(encoding="utf-8"))
        return float(kept["seconds"]) if kept["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def calibrate(names: tuple[str, ...], forecast: Forecast, described: Described, *, proven: bool = True) -> tuple[Calibrator, ...]:
    """Calibrators in order, each fitted on the validation rows' forecast as the earlier ones leave it.

    With `proven` a calibrator has to earn its place: fitted on three quarters of the validation rows it must lower the CRPS of the fourth,
    whichever that is. Else what it learned is one season's luck (a falling year teaches a PIT map to expect falls) and it is left out, as
    are kinds that cannot correct this forecast. `forecast` holds the validation rows. Raises ConfigError for an unknown calibrator.
    """
    outcomes = described.view(described.split.valid).outcomes
    fitted: list[Calibrator] = []
    for name in names:
        if name not in CALIBRATORS:
            raise ConfigError(f"no calibrator is called {name!r}", field="calibrators", hint=f"known: {', '.join(CALIBRATORS)}")
        kind = CALIBRATORS[name]
        if forecast.kind not in kind.accepts or (proven and not _earns_its_place(kind(), forecast, outcomes)):
            continue
        calibrator = parse(json.loads(json.dumps(kind().fit(forecast, outcomes).parameters())))  # judged as it will be shipped
        forecast = calibrator.apply(forecast)
        fitted.append(calibrator)
    return tuple(fitted)


def _earns_its_place(calibrator: Calibrator, forecast: Forecast, outcomes: NDArray[np.float64]) -> bool:
    """Whether every quarter of the rows is forecast better, on average over horizons, with what the other three taught."""
    cuts = np.linspace(0, len(outcomes), _QUARTERS + 1).astype(np.int64)
    rows = np.arange(len(outcomes))
    for low, high in zip(cuts, cuts[1:], strict=False):
        inside = (rows >= low) & (rows < high)
        learn, score = rows[~inside], rows[inside]
        held, truth = forecast.take(score), Rows(outcomes[score], None)
        after = METRICS["crps"].score(calibrator.fit(forecast.take(learn), outcomes[learn]).apply(held), truth)
        if not np.nanmean(after / METRICS["crps"].score(held, truth)) < 1.0:
            return False
    return True
