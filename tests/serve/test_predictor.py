from __future__ import annotations

import numpy as np
import pytest

from tickcast.errors import ServeError
from tickcast.serve import Predictor
from tickcast.targets.base import Labels
from tickcast.views.view import View

from .conftest import FEATURES, HORIZONS, KINDS, STEP, bars

TOLERANCE = {"window": 1e-5, "step": 1e-5}


def _offline(forecaster, calibrators, frame, ts):
    table = FEATURES.compute(frame)
    n = len(table)
    labels = Labels(tuple(HORIZONS), np.full((n, 2), np.nan), table.ts, np.repeat(table.ts[:, None], 2, axis=1))
    forecast = forecaster.predict(View(table, labels, np.flatnonzero(np.isin(table.ts, ts))))
    for calibrator in calibrators:
        forecast = calibrator.apply(forecast)
    return forecast


@pytest.mark.parametrize("kind", KINDS)
def test_streamed_equals_offline(make, kind: str) -> None:
    bundle, forecaster, calibrators = make(kind)
    predictor = Predictor(bundle)
    ts, live = predictor.replay(bars())
    assert len(ts) > 90
    offline = _offline(forecaster, calibrators, bars(), ts)
    room = TOLERANCE.get(kind, 1e-12)
    for name, values in offline.outputs().items():
        assert np.allclose(live.outputs()[name], values, rtol=0, atol=room), name
    for name, values in predictor.predict_outputs().items():
        assert np.allclose(values, offline.outputs()[name][-1], rtol=0, atol=room), name
    for name, values in offline.law.arrays().items():
        assert np.allclose(live.law.arrays()[name], values, rtol=0, atol=room), name


@pytest.mark.parametrize("kind", KINDS)
def test_restarted_midway_is_the_same_to_the_bit(make, kind: str) -> None:
    bundle, *_ = make(kind)
    whole, first, second = Predictor(bundle), Predictor(bundle), Predictor(bundle)
    frame = bars()
    whole.replay(frame)
    first.replay(frame[:57])
    second.restore(first.save())
    second.replay(frame[57:])
    assert (whole.predict()[1].quantile([0.1, 0.9]) == second.predict()[1].quantile([0.1, 0.9])).all()


@pytest.mark.parametrize("kind", KINDS)
def test_restored_it_answers_as_before_the_save(make, kind: str) -> None:
    bundle, *_ = make(kind)
    first, second = Predictor(bundle), Predictor(bundle)
    first.replay(bars()[:57])
    second.restore(first.save())
    for name, values in first.predict_outputs().items():
        assert (second.predict_outputs()[name] == values).all()
    assert second.save() == first.save()
    first.advance(61 * STEP)
    second.restore(first.save())
    with pytest.raises(ServeError, match="stale"):
        second.predict()


def test_before_warm_up_there_is_a_reason(make) -> None:
    predictor = Predictor(make("window")[0])
    with pytest.raises(ServeError, match=r"warming up: 0 of \d+ rows"):
        predictor.predict()
    predictor.update({"ts": STEP, "close": 100.0})
    with pytest.raises(ServeError, match=r"warming up: 1 of \d+ rows"):
        predictor.predict_outputs()


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"ts": STEP, "Close": 1.0}, "close"),
        ({"ts": STEP, "close": 1.0, "volume": 2}, "field volume"),
        ({"ts": STEP}, "field close"),
        ({"close": 1.0}, "field ts"),
        ({"ts": STEP, "close": float("nan")}, "no finite number"),
        ({"ts": STEP, "close": "1"}, "not a finite number"),
        ({"ts": STEP, "close": -0.0}, "not a positive price"),
        ({"ts": STEP, "close": None}, "not a finite number"),
        ({"ts": 900 * STEP, "close": 1.0}, "lies in no session"),
        ({"ts": 1.5, "close": 1.0}, "field ts"),
    ],
)
def test_bad_events_are_refused_and_change_nothing(make, event: dict, message: str) -> None:
    predictor = Predictor(make("log_linear")[0])
    predictor.replay(bars()[:50])
    before = predictor.save()
    with pytest.raises(ServeError, match=message):
        predictor.update(event)
    assert predictor.save() == before


def test_order_age_and_symbols(make) -> None:
    predictor = Predictor(make("log_linear")[0])
    predictor.replay(bars()[:50], "A")
    predictor.predict("A")
    with pytest.raises(ServeError, match="out_of_order"):
        predictor.update({"symbol": "A", "ts": STEP, "close": 1.0})
    predictor.update({"symbol": "B", "ts": STEP, "close": 1.0})
    with pytest.raises(ServeError, match="warming_up"):
        predictor.predict("B")
    with pytest.raises(ServeError, match="unknown_symbol"):
        predictor.predict("C")
    predictor.advance(54 * STEP, "A")
    with pytest.raises(ServeError, match="stale"):
        predictor.predict("A")
    predictor.clear()
    with pytest.raises(ServeError, match="warming_up"):
        predictor.predict("A")


def test_a_new_segment_starts_anew(make) -> None:
    predictor = Predictor(make("step")[0])
    predictor.replay(bars()[:50])
    predictor.predict()
    predictor.update({"ts": 51 * STEP, "close": 100.0, "segment_id": 1})
    with pytest.raises(ServeError, match="warming_up"):
        predictor.predict()


def test_the_state_of_another_bundle_is_refused(make) -> None:
    one, other = Predictor(make("step")[0]), Predictor(make("window")[0])
    with pytest.raises(ServeError, match="belongs to bundle"):
        other.restore(one.save())
