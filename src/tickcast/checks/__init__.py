"""The laws: functions that raise LawBroken. `LAWS` lists them by the kind of thing that must keep them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tickcast.checks import bundle, calibrator, feature_set, forecast, forecaster, selector, source, split, target
from tickcast.checks.future import FUTURES

__all__ = ["FUTURES", "LAWS"]

LAWS: Mapping[str, tuple[Callable[..., None], ...]] = {
    "feature_set": (
        feature_set.looks_back_only,
        feature_set.corrections_wait,
        feature_set.batch_is_stream,
        feature_set.restart_changes_nothing,
        feature_set.fresh_start_agrees,
        feature_set.weeks_change_nothing,
        feature_set.warmup_is_as_declared,
        feature_set.learns_from_the_past,
    ),
    "target": (
        target.interval_is_ahead,
        target.never_crosses_a_segment,
        target.nothing_after_the_end_matters,
        target.the_end_matters,
    ),
    "source": (
        source.chunks_conform_in_order,
        source.answers_the_same_twice,
        source.pieces_make_the_whole,
        source.keeps_to_its_range,
        source.counts_what_it_sets_aside,
        source.contracts_are_known_in_time,
        source.calendar_holds_its_rows,
        source.every_day_is_answered,
        source.live_is_history,
    ),
    "split": (split.parts_are_ordered_and_disjoint, split.usable_rows_only, split.intervals_never_meet),
    "selector": (selector.sees_training_rows_only, selector.answers_the_same_twice, selector.every_feature_is_accounted_for),
    "forecast": (
        forecast.cdf_is_monotone,
        forecast.quantile_inverts_cdf,
        forecast.quantiles_never_cross,
        forecast.outputs_are_finite,
    ),
    "calibrator": (calibrator.keeps_distributions, calibrator.applies_row_by_row, calibrator.survives_json),
    "forecaster": (
        forecaster.forecasts_are_distributions,
        forecaster.looks_back_only,
        forecaster.survives_its_folder,
        forecaster.same_seed_same_bytes,
    ),
    "bundle": (bundle.serves_what_research_says, bundle.restart_changes_nothing, bundle.refuses_a_flipped_bit),
}
