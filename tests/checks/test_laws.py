"""Every law over every registered implementation, counted; and planted violators, each caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from checks import market_rows
from tickcast.calibrators import CALIBRATORS, Calibrator
from tickcast.checks import FUTURES, LAWS
from tickcast.checks import calibrator as calibrator_laws
from tickcast.checks import split as split_laws
from tickcast.checks import target as target_laws
from tickcast.checks.forecast import cdf_is_monotone, outputs_are_finite, quantile_inverts_cdf, quantiles_never_cross
from tickcast.checks.future import past_of, rearranged
from tickcast.distributions import DISTRIBUTIONS
from tickcast.errors import LawBroken
from tickcast.features.table import FeatureTable
from tickcast.forecast import Forecast
from tickcast.splits import SPLITTERS, Chronological, Split, Splitter
from tickcast.targets import TARGETS, ForwardReturn, Labels, Target

TABLE = market_rows.table()
TARGET_SUBJECTS: tuple[tuple[str, Target], ...] = (
    ("forward_return", ForwardReturn(("1m", "5m"))),
    ("forward_return", ForwardReturn(("3 bars", "30m"), within="segment")),
)
SPLIT_SUBJECTS: tuple[tuple[str, Splitter], ...] = (
    ("chronological", Chronological()),
    ("chronological", Chronological(embargo="30m")),
    ("chronological", Chronological(train=0.5, valid=0.2, test=0.2)),
)
CALIBRATOR_CASES = tuple((name, kind) for name in sorted(CALIBRATORS) for kind in CALIBRATORS[name].accepts)
Law = Callable[..., None]


@pytest.mark.parametrize("law", LAWS["target"], ids=lambda law: law.__name__)
@pytest.mark.parametrize("subject", [each for _, each in TARGET_SUBJECTS], ids=repr)
def test_target(law: Law, subject: Target) -> None:
    assert law(subject, TABLE) is None


@pytest.mark.parametrize("law", LAWS["split"], ids=lambda law: law.__name__)
@pytest.mark.parametrize("subject", [each for _, each in SPLIT_SUBJECTS], ids=repr)
def test_split(law: Law, subject: Splitter) -> None:
    assert law(subject, market_rows.labels(TABLE), TABLE.ready()) is None


@pytest.mark.parametrize("law", LAWS["forecast"], ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", sorted(DISTRIBUTIONS))
def test_forecast(law: Law, kind: str) -> None:
    assert law(market_rows.forecast(kind)) is None


@pytest.mark.parametrize("law", LAWS["calibrator"], ids=lambda law: law.__name__)
@pytest.mark.parametrize(("name", "kind"), CALIBRATOR_CASES)
def test_calibrator(law: Law, name: str, kind: str) -> None:
    given = market_rows.forecast(kind)
    assert law(CALIBRATORS[name](), given, market_rows.outcomes(given)) is None


def test_no_registered_implementation_is_skipped() -> None:
    """The exact count: a new entry of a table or a new law must come with its subject here."""
    assert {name for name, _ in TARGET_SUBJECTS} == set(TARGETS)
    assert {name for name, _ in SPLIT_SUBJECTS} == set(SPLITTERS)
    assert {name for name, _ in CALIBRATOR_CASES} == set(CALIBRATORS)
    subjects = (TARGET_SUBJECTS, SPLIT_SUBJECTS, tuple(DISTRIBUTIONS), CALIBRATOR_CASES)
    kinds = ("target", "split", "forecast", "calibrator")
    counts = {kind: len(LAWS[kind]) * len(subject) for kind, subject in zip(kinds, subjects, strict=True)}
    assert counts == {"target": 8, "split": 9, "forecast": 8, "calibrator": 15}


@pytest.mark.parametrize("name", sorted(FUTURES))
def test_a_perturbation_leaves_the_past_alone_and_changes_the_future(name: str) -> None:
    changed = FUTURES[name](TABLE, 300, np.random.default_rng(1))
    for field in ("ts", "session", "segment", "price", "values"):
        assert np.array_equal(getattr(past_of(changed, 300), field), getattr(past_of(TABLE, 300), field)), field
    same = len(changed) == len(TABLE) and np.array_equal(changed.price, TABLE.price) and np.array_equal(changed.segment, TABLE.segment)
    assert not same
    assert len(FUTURES) == 8


def test_rearranged_rows_stay_in_time_order() -> None:
    again = rearranged(TABLE, np.array([0, 2, 1]))
    assert again.price.tolist() == TABLE.price[[0, 2, 1]].tolist()
    assert (np.diff(again.ts) > 0).all()


class Shortsighted(ForwardReturn):
    """Claims an interval one row shorter than what it looks at."""

    def label(self, table: FeatureTable) -> Labels:
        made = super().label(table)
        return replace(made, end=np.where(made.valid, made.end - table.step, made.end))


class Boastful(ForwardReturn):
    """Claims an interval longer than what it looks at."""

    def label(self, table: FeatureTable) -> Labels:
        made = super().label(table)
        return replace(made, end=np.where(made.valid, made.end + table.step, made.end))


class Crossing(ForwardReturn):
    """Forgets that contracts change."""

    def label(self, table: FeatureTable) -> Labels:
        return super().label(replace(table, segment=np.zeros_like(table.segment), session=np.full_like(table.session, table.session[-1])))


class Backward(ForwardReturn):
    """Labels with the past."""

    def label(self, table: FeatureTable) -> Labels:
        made = super().label(table)
        return replace(made, end=made.start[:, None] - (made.end - made.start[:, None]))


@pytest.mark.parametrize(
    ("law", "violator"),
    [
        (target_laws.nothing_after_the_end_matters, Shortsighted(("5m",))),
        (target_laws.the_end_matters, Boastful(("5m",))),
        (target_laws.never_crosses_a_segment, Crossing(("5 bars",), within="segment")),
        (target_laws.interval_is_ahead, Backward(("5m",))),
    ],
)
def test_a_target_that_breaks_its_law_is_caught(law: Law, violator: Target) -> None:
    rows = TABLE
    if isinstance(violator, Crossing):
        rows = replace(TABLE, segment=(np.arange(len(TABLE)) // 50).astype(np.int64))
    with pytest.raises(LawBroken):
        law(violator, rows)


@dataclass(frozen=True)
class Cut(Splitter):
    """Cuts rows at two places with no purge; `overlap` rows are taken twice."""

    overlap: int = 0
    unlabelled: bool = False

    def split(self, labels: Labels, usable: NDArray[np.bool_]) -> Iterator[Split]:
        rows = np.arange(len(usable)) if self.unlabelled else np.flatnonzero(usable & labels.valid.any(axis=1))
        a, b = len(rows) // 2, len(rows) * 3 // 4
        yield Split(rows[: a + self.overlap], rows[a:b], rows[b:], purged=0)


@pytest.mark.parametrize(
    ("law", "violator"),
    [
        (split_laws.intervals_never_meet, Cut()),
        (split_laws.parts_are_ordered_and_disjoint, Cut(overlap=1)),
        (split_laws.usable_rows_only, Cut(unlabelled=True)),
    ],
)
def test_a_split_that_breaks_its_law_is_caught(law: Law, violator: Splitter) -> None:
    with pytest.raises(LawBroken):
        law(violator, market_rows.labels(TABLE), TABLE.ready())


class Bent(Forecast):
    """A forecast whose answers are bent by the subclasses below."""


class CrossingQuantiles(Bent):
    def quantile(self, levels: Any) -> NDArray[np.float64]:
        return super().quantile(levels)[..., ::-1].copy()


class FallingCdf(Bent):
    def cdf(self, x: Any) -> NDArray[np.float64]:
        return 1.0 - super().cdf(x)


class ShiftedQuantiles(Bent):
    def quantile(self, levels: Any) -> NDArray[np.float64]:
        return super().quantile(levels) + self.scale[..., None]


class UnknownMean(Bent):
    def mean(self) -> NDArray[np.float64]:
        return super().mean() * np.nan


@pytest.mark.parametrize(
    ("law", "kind"),
    [
        (quantiles_never_cross, CrossingQuantiles),
        (cdf_is_monotone, FallingCdf),
        (quantile_inverts_cdf, ShiftedQuantiles),
        (outputs_are_finite, UnknownMean),
    ],
)
def test_a_forecast_that_breaks_its_law_is_caught(law: Law, kind: type[Forecast]) -> None:
    good = market_rows.forecast("quantiles")
    with pytest.raises(LawBroken):
        law(kind(good.horizons, good.law, good.scale, good.unit))


@dataclass(frozen=True)
class Leaky(Calibrator):
    """Scales by the mean of the rows it is given; forgets what it learned; or loses a horizon's name."""

    fault: str = "rows"
    kind: ClassVar[str] = "identity"
    accepts: ClassVar[tuple[str, ...]] = ("quantiles",)

    def fit(self, forecast: Forecast, outcomes: NDArray[np.float64]) -> Self:
        return self

    def apply(self, forecast: Forecast) -> Forecast:
        if self.fault == "names":
            return replace(forecast, horizons=tuple(reversed(forecast.horizons)))
        factor = forecast.scale.mean() if self.fault == "rows" else 2.0
        return replace(forecast, scale=forecast.scale * factor)

    def parameters(self) -> dict[str, Any]:
        return {"kind": "identity"}

    @classmethod
    def parse(cls, parameters: Any) -> Self:
        return cls()


@pytest.mark.parametrize(
    ("law", "fault"),
    [
        (calibrator_laws.applies_row_by_row, "rows"),
        (calibrator_laws.survives_json, "forgets"),
        (calibrator_laws.keeps_distributions, "names"),
    ],
)
def test_a_calibrator_that_breaks_its_law_is_caught(law: Law, fault: str) -> None:
    given = market_rows.forecast("quantiles")
    with pytest.raises(LawBroken):
        law(Leaky(fault), given, market_rows.outcomes(given))
