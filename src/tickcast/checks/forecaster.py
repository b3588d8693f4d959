"""Laws of a forecaster: it looks back only, survives its folder, and the same seed gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tickcast.checks.forecast import cdf_is_monotone, outputs_are_finite, quantiles_never_cross
from tickcast.checks.future import FUTURES
from tickcast.errors import LawBroken
from tickcast.forecast import Forecast
from tickcast.models.base import Forecaster
from tickcast.views.view import View

__all__ = ["forecasts_are_distributions", "looks_back_only", "same_seed_same_bytes", "survives_its_folder"]

_LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def _same(left: Forecast, right: Forecast) -> bool:
    return np.array_equal(left.quantile(_LEVELS), right.quantile(_LEVELS)) and np.array_equal(left.scale, right.scale)


def forecasts_are_distributions(fitted: Forecaster, view: View) -> None:
    """One distribution per row and horizon, as the spec says."""
    forecast = fitted.predict(view)
    if len(forecast) != len(view) or forecast.horizons != view.horizons or forecast.kind != fitted.spec.output:
        raise LawBroken(f"{len(forecast)} {forecast.kind} forecasts of {forecast.horizons} for {len(view)} rows of {view.horizons}")
    for law in (quantiles_never_cross, cdf_is_monotone, outputs_are_finite):
        law(forecast)


def looks_back_only(fitted: Forecaster, view: View, rng: np.random.Generator) -> None:
    """Whatever happens to the rows after t, what is said at or before t keeps its bits."""
    said = fitted.predict(view)
    for share in (0.3, 0.7):
        kept = int(len(view) * share)
        cut = int(view.rows[kept - 1]) + 1
        early = view.take(slice(0, kept))
        for name, perturb in FUTURES.items():
            table = perturb(view.table, cut, rng)
            again = fitted.predict(replace(early, table=table))
            if not _same(again, said.take(slice(0, kept))):
                raise LawBroken(f"{fitted.spec.name} changes what it said when the future is {name}", row=cut)


def survives_its_folder(fitted: Forecaster, view: View, folder: Path) -> None:
    """Saved and loaded it says the same."""
    fitted.save(folder)
    again = type(fitted).load(folder)
    if again.spec != fitted.spec or not _same(again.predict(view), fitted.predict(view)):
        raise LawBroken(f"{fitted.spec.name} says something else after a save and a load")


def same_seed_same_bytes(make: Callable[[], Forecaster], train: View, valid: View, folder: Path) -> None:
    """Fitted twice by the same recipe, the files have the same hash."""
    hashes = []
    for attempt in ("first", "second"):
        place = folder / attempt
        make().fit(train, valid).save(place)
        files = sorted(path for path in place.rglob("*") if path.is_file())
        joined = b"".join(path.relative_to(place).as_posix().encode() + path.read_bytes() for path in files)
        hashes.append(hashlib.sha256(joined).hexdigest())
    if hashes[0] != hashes[1]:
        raise LawBroken("the same seed gave two different sets of files")
