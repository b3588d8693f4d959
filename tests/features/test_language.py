"""What the language refuses, and how it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import pytest

from tickcast.errors import FeatureError
from tickcast.features import FeatureSet


def words(expression: object = "close", **more: object) -> dict[str, object]:
    clock = {"on": "bars", "step": "5m"}
    return {"name": "t", "stream": "bars", "clock": clock, "price": "close", "features": {"f": expression}} | more


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("clse + 1", "field f: column 1: unknown name 'clse'. Did you mean 'close'?"),
        ("1 + summ(close, 3)", "column 5: unknown operator 'summ'. Did you mean 'sum'?"),
        ("sum(close, 0)", "column 12: window is 0"),
        ("sum(close, -1)", "column 12: window is -1"),
        ("lag(close, -5)", "window is -5"),
        ("sum(close, volume)", "window must be a constant"),
        ('sum(close, "0s")', "not a duration"),
        ('sum(close, "-3s")', "not a duration"),
        ("sum(close, 1.5)", "window cannot be 1.5"),
        ("sum(close, True)", "window cannot be True"),
        ("sum(close, 10000000)", "window is 10000000"),
        ("lag(close, -1)", "window is -1, not 1 to 1000000 rows. Nothing looks forward."),
        ("sum(close)", "sum needs window"),
        ("sum(3, 2)", "sum of a constant"),
        ("quantile(close, 5, 1.5)", "level is 1.5"),
        ("ewm_mean(close)", "one of span, halflife and alpha"),
        ("ewm_mean(close, spam=3)", "Did you mean 'span'?"),
        ("ewm_mean(close, alpha=2.0)", "alpha 2.0"),
        ("close.high", "column 1: unknown stream 'close'. Known: bars."),
        ("bars.hihg", "unknown column of bars 'hihg'. Did you mean 'high'?"),
        ("close.real.imag", "Attribute is not part of the language"),
        ('at("15x", close)', "'15x' is not a duration"),
        ('at("trades", close)', "'trades' names no rows"),
        ('at("0m", close)', "not a duration"),
        ('at("100 pounds", close)', "nothing of bars is measured in pounds"),
        ('at("0 volume", close)', "never filled"),
        ('at("15m", clos)', "unknown name 'clos'. Did you mean 'close'?"),
        ('at("15m", 3)', "at of a constant"),
        ('at("15m")', "takes rows and an expression"),
        ("at(close, 3)", "at begins with a text"),
        ('at("1h", at("15m", at("5m", close)))', "inside two others"),
        ("shift(close, 1)", "unknown operator 'shift'. It is called lag here"),
        ("sginal(close)", "did you mean 'signal'?"),
        ('ewm_mean(close, halflife="60s", warmup=5)', "leave warmup out"),
        ('at("1000 volume", close, zone="UTC")', "is not cut by the clock of a zone"),
        ("age(close)", "own rows is always 0"),
        ('signal("cpi", ttl="soon")', "not a duration"),
        ("signal(close)", "signal begins with a text"),
        ("__import__('os').system('ls')", "not part of the language"),
        ("[close]", "List is not part of the language"),
        ("(lambda: 1)()", "not part of the language"),
        ("close if volume else open", "not part of the language"),
        ("close +", "this is not an expression"),
        ("", "this is not an expression"),
        (None, "None is not an expression"),
        ("1 < close < 2", "two things at a time"),
        ("1 / 0", "cannot be computed"),
        ("1e308 * 10", "must be finite"),
        ("-" * 150 + "close", "deeper"),
        ("+".join(["close"] * 9000), "characters"),
        ('time_of_day("Mars/Olympus")', "no time zone 'Mars/Olympus'"),
        ('fitted("pca", close)', "unknown fitted table 'pca'"),
        ('fitted("rms_ahead", close)', "needs ahead"),
    ],
)
def test_a_bad_expression_is_one_clear_line(expression: object, message: str) -> None:
    with pytest.raises(FeatureError) as caught:
        FeatureSet.from_dict(words(expression))
    assert "\n" not in str(caught.value)
    assert caught.value.field == "f"
    assert message.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fetures": {}}, "Did you mean 'features'?"),
        ({"stream": "quotes"}, "no stream"),
        ({"session": "keep"}, "carry, reset or mask"),
        ({"clock": {"evry": "1s"}}, "Did you mean 'every'?"),
        ({"clock": {"every": "1 fortnight"}}, "not a duration"),
        ({"clock": {"on": "trades"}}, "write on: bars"),
        ({"clock": {"on": "bars", "n": 0}}, "n is 0"),
        ({"clock": {"every": "5m", "n": 3}}, "n is 3"),
        ({"clock": {"on": "bars.5x"}}, "not a duration"),
        ({"streams": {"bars": {}}}, "cannot name a stream"),
        ({"streams": {"tweets": {}}}, "no table 'tweets'"),
        ({"streams": {"trades": {"tll": "5s"}}}, "did you mean 'ttl'?"),
        ({"streams": {"trades": {"stale": "error"}}}, "beside a ttl"),
        ({"clock": "1s"}, "a clock is"),
        ({"features": {}}, "no feature"),
        ({"features": {"a b": "close"}}, "cannot name a feature"),
        ({"features": {"return": "close"}}, "cannot name a feature"),
    ],
)
def test_a_bad_key_is_one_clear_line(change: dict[str, object], message: str) -> None:
    with pytest.raises(FeatureError, match=".") as caught:
        FeatureSet.from_dict(words() | change)
    assert message.lower() in str(caught.value).lower()


def test_a_refused_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps(words("lag(close, -1)")))
    with pytest.raises(FeatureError) as caught:
        FeatureSet.load(path)
    assert (caught.value.file, caught.value.field) == (path, "f")


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_with_a_zone_are_read_in_nanoseconds(unit: Literal["ms", "us", "ns"]) -> None:
    ts = np.arange(1, 40) * 60_000_000_000
    bars = pl.DataFrame({"ts": ts, "close": np.sin(ts) + 2.0})
    zoned = bars.with_columns(pl.from_epoch("ts", time_unit="ns").dt.cast_time_unit(unit).dt.replace_time_zone("UTC"))
    features = FeatureSet.from_dict(words('fitted("rms_by_slot", close, slots=4) + time_of_day("UTC")'))
    plain, read = (features.fit(each, int(ts[20])).compute(each) for each in (bars, zoned))
    assert np.array_equal(plain.ts, read.ts) and np.array_equal(plain.values, read.values, equal_nan=True)
    assert np.isfinite(plain.values[-1]).all()


def test_what_is_no_stamp_is_refused() -> None:
    bars = pl.DataFrame({"ts": [60_000_000_000, 120_000_000_000], "close": [1.0, 2.0]})
    features = FeatureSet.from_dict(words("close"))
    for wrong in (pl.from_epoch("ts", time_unit="ns"), pl.col("ts").cast(pl.Float64), pl.col("ts").cast(pl.String)):
        with pytest.raises(FeatureError, match="no stamp. Give whole UTC nanoseconds"):
            features.compute(bars.with_columns(wrong))
    with pytest.raises(FeatureError, match="no moment. Give UTC nanoseconds"):
        features.fit(bars, "2024-05-01")  # type: ignore[arg-type]


def test_equal_expressions_are_computed_once() -> None:
    once = FeatureSet.from_dict(words() | {"features": {"a": "sum(log(close), 5)"}})
    twice = FeatureSet.from_dict(words() | {"features": {"a": "sum(log(close), 5)", "b": "sum(log(close), 5)", "c": "a"}})
    assert len(once.graph()["nodes"]) == len(twice.graph()["nodes"])


def test_merged_sets_keep_all_names_and_refuse_two_meanings() -> None:
    merged = FeatureSet.merge([FeatureSet.load("nq_price"), FeatureSet.load("har")])
    assert merged.names == (*FeatureSet.load("nq_price").names, *FeatureSet.load("har").names)
    assert FeatureSet.from_graph(merged.graph()).hash == merged.hash
    one, other = FeatureSet.from_dict(words("close")), FeatureSet.from_dict(words("close + 1"))
    with pytest.raises(FeatureError, match="another way"):
        FeatureSet.merge([one, other])
    with pytest.raises(FeatureError, match="differ in"):
        FeatureSet.merge([FeatureSet.load("nq24"), FeatureSet.load("ash")])


def test_a_set_that_needs_volume_says_which_features_do() -> None:
    frame = pl.DataFrame({"ts": [1, 2], "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": [None, None]})
    for lacking in (frame, frame.drop("volume")):
        with pytest.raises(FeatureError, match="log_volume, amihud_illiq, volume_ma_ratio"):
            FeatureSet.load("nq24").compute(lacking)


def test_an_unfitted_set_is_refused_and_an_unknown_one_named() -> None:
    frame = pl.DataFrame({"ts": [1, 2], "high": 1.0, "low": 1.0, "close": 1.0})
    with pytest.raises(FeatureError, match="pattern has no values"):
        FeatureSet.load("har").compute(frame)
    with pytest.raises(FeatureError, match="'nq24'"):
        FeatureSet.load("nq25")
    with pytest.raises(FeatureError):
        FeatureSet.from_graph({"version": 1})
