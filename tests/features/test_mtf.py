"""mtf on real micro gold: each frame's indicators by polars over bars that `tickcast.bars` builds, joined as of the minute."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from numpy.testing import assert_allclose

import tickcast.features
from features.gold import contracts
from tickcast.bars import build
from tickcast.calendars import calendar
from tickcast.clock import MINUTE
from tickcast.features import FeatureSet, FeatureTable

FRAMES = ("1m", "5m", "10m", "15m", "20m", "25m", "30m", "45m", "1h")
PER_FRAME = ("rsi", "macd", "stoch", "adx", "atr", "parkinson", "garman_klass", "band_width", "vwap", "obv", "volume_ratio", "volume_mean")
LINES: dict[str, str] = yaml.safe_load((Path(tickcast.features.__file__).parent / "sets" / "mtf.yaml").read_text("utf-8"))["features"]
ON_BARS = re.compile(r'at\("(\w+)", (.*)\)')


@pytest.fixture(scope="module")
def minutes(market_data: Path) -> pl.DataFrame:
    """A month of one-minute bars of the contract that traded most."""
    return contracts(market_data, 1)[0].head(20_000)


@pytest.fixture(scope="module")
def table(minutes: pl.DataFrame) -> FeatureTable:
    return FeatureSet.load("mtf").compute(minutes)


def bars(minutes: pl.DataFrame, frame: str) -> pl.DataFrame:
    """The bars of a frame; those that do not divide a day are counted from 1970."""
    step = MINUTE * (60 if frame == "1h" else int(frame[:-1]))
    if frame == "1m":
        return minutes
    if 24 * 60 * MINUTE % step == 0:
        return build(minutes, frame, calendar("CME_Metals")).rows
    end = (pl.col("ts") - 1) // step * step + step
    last = minutes.group_by(pl.min_horizontal(end, "session_id").alias("end"), "session_id", maintain_order=True).agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume").sum()
    )
    return last.rename({"end": "ts"}).with_columns(segment_id=pl.lit(0, pl.Int64))


def wilder(x: np.ndarray, n: int) -> np.ndarray:
    """The mean of the first n numbers, then each new one with weight 1 / n."""
    out = np.full(len(x), np.nan)
    held: list[float] = []
    mean = np.nan
    for i, value in enumerate(x):
        if np.isnan(value):
            continue
        if len(held) < n:
            held.append(value)
            mean = float(np.mean(held))
        else:
            mean += (value - mean) / n
        out[i] = mean if len(held) == n else np.nan
    return out


def indicators(b: pl.DataFrame) -> dict[str, np.ndarray]:
    """The twelve indicators that every frame has."""
    o, h, low, c, v = (pl.col(name) for name in ("open", "high", "low", "close", "volume"))
    up, down = h - h.shift(1), low.shift(1) - low
    ranges = pl.max_horizontal(h, c.shift(1)) - pl.min_horizontal(low, c.shift(1))
    late = pl.when(pl.col("row") >= 25)
    flow = v * (c - c.shift(1)).sign()
    made = b.with_row_index("row").select(
        change=c - c.shift(1),
        tr=pl.when(c.shift(1).is_not_null()).then(ranges),
        plus=pl.when(up.is_not_null()).then(pl.when(up > down).then(pl.max_horizontal(up, 0.0)).otherwise(0.0)),
        minus=pl.when(up.is_not_null()).then(pl.when(down > up).then(pl.max_horizontal(down, 0.0)).otherwise(0.0)),
        macd=late.then((c.ewm_mean(span=12, adjust=False) - c.ewm_mean(span=26, adjust=False)) / c),
        stoch=100 * (c - low.rolling_min(14)) / (h.rolling_max(14) - low.rolling_min(14)),
        parkinson=((h / low).log() ** 2).rolling_mean(20).sqrt() / np.sqrt(4 * np.log(2)),
        garman_klass=(0.5 * (h / low).log() ** 2 - (2 * np.log(2) - 1) * (c / o).log() ** 2).rolling_mean(20).clip(0).sqrt(),
        band_width=4 * c.rolling_std(20, ddof=0) / c.rolling_mean(20),
        vwap=c / ((c * v).rolling_sum(20) / v.rolling_sum(20)) - 1,
        obv=flow.rolling_sum(20) / v.rolling_sum(20),
        volume_ratio=v / v.rolling_mean(20),
        volume_mean=(v.rolling_mean(20) + 1).log(),
        close=c,
    )
    x = {name: made[name].cast(float).fill_null(np.nan).to_numpy().copy() for name in made.columns}
    gain, loss = wilder(np.maximum(x["change"], 0), 14), wilder(np.maximum(-x["change"], 0), 14)
    plus, minus = wilder(x["plus"], 14), wilder(x["minus"], 14)
    with np.errstate(invalid="ignore", divide="ignore"):
        x["rsi"] = np.where(gain + loss == 0, 50, 100 * gain / (gain + loss))
        x["adx"] = wilder(np.where(plus + minus == 0, 0, 100 * np.abs(plus - minus) / (plus + minus)), 14)
    x["stoch"][~np.isfinite(x["stoch"])] = 50
    x["stoch"][:13] = np.nan
    x["atr"] = wilder(x["tr"], 14) / x["close"]
    return x


def as_of(minutes: pl.DataFrame, b: pl.DataFrame, values: np.ndarray) -> np.ndarray:
    """Values of a frame's bars as of each minute."""
    held = pl.DataFrame({"ts": b["ts"], "value": values})
    return minutes.select("ts").join_asof(held, on="ts")["value"].fill_null(np.nan).to_numpy()


@pytest.mark.parametrize("frame", FRAMES)
def test_indicators_of_a_frame_are_those_of_its_bars(minutes: pl.DataFrame, table: FeatureTable, frame: str) -> None:
    b = bars(minutes, frame)
    expected = indicators(b)
    for name in PER_FRAME:
        joined = as_of(minutes, b, expected[name])
        assert_allclose(table.column(f"{name}_{frame}"), joined, rtol=1e-6, atol=1e-9, err_msg=name)
        assert np.isfinite(joined).mean() > 0.8


def on(b: pl.DataFrame, lines: Sequence[str]) -> np.ndarray:
    """Expressions over bars of their own, nothing inside at(...)."""
    words = {"name": "t", "stream": "bars", "clock": {"on": "bars", "step": "1m"}, "price": "close"}
    return FeatureSet.from_dict({**words, "features": {f"f{i}": line for i, line in enumerate(lines)}}).compute(b).values


@pytest.mark.parametrize("frame", FRAMES[1:])
def test_every_line_of_a_frame_is_its_expression_over_the_bars(minutes: pl.DataFrame, table: FeatureTable, frame: str) -> None:
    inner = {name: found.group(2) for name, line in LINES.items() if (found := ON_BARS.fullmatch(line)) and found.group(1) == frame}
    assert len(inner) >= 12
    b = bars(minutes, frame)
    values = on(b, list(inner.values()))
    for i, name in enumerate(inner):
        assert_allclose(table.column(name), as_of(minutes, b, values[:, i]), rtol=1e-9, atol=1e-13, err_msg=name)


def test_interactions_are_what_they_say(table: FeatureTable) -> None:
    names = [name for name in table.names if re.search(r"_by_|_less_|_with_|^regime", name)]
    assert len(names) == 33
    frame = pl.DataFrame({name: table.column(name) for name in table.names}).fill_nan(None)
    for name in names:
        expected = frame.select(pl.sql_expr(LINES[name]).cast(float))[:, 0].fill_null(np.nan).to_numpy()
        finite = np.isfinite(table.column(name))
        assert finite.mean() > 0.6, name
        assert_allclose(table.column(name)[finite], expected[finite], rtol=1e-12, err_msg=name)


def test_the_set_is_whole(table: FeatureTable, minutes: pl.DataFrame) -> None:
    assert len(table.names) == 205
    assert [f"{name}_{frame}" in table.names for name in PER_FRAME for frame in FRAMES] == [True] * 108
    assert len(table) == len(minutes)
    settled = np.isfinite(table.values[6000:])
    assert settled.mean() > 0.99
    # prices that repeat for an hour have no slope, no correlation, no moments; nothing is unknown for long
    assert settled.mean(axis=0).min() > 0.9


def test_a_minute_knows_no_bar_that_is_open(minutes: pl.DataFrame, table: FeatureTable) -> None:
    cut = 12_345
    early = FeatureSet.load("mtf").compute(minutes.head(cut))
    assert (early.values.view(np.int64) == table.values[:cut].view(np.int64)).all()
