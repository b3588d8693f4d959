"""What can be wrong with bars as a whole: false splices, bars on another scale, holes, bars that stand still, bars off the calendar.

These look at both sides of a bar, so they are for the audit of what is stored; they change no row and no feature may read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tickcast.calendars import Calendar, Sessions
from tickcast.clock import HOUR, MINUTE
from tickcast.errors import DataError

__all__ = ["FOUND", "SeriesRules", "series_faults"]

FOUND: Mapping[str, type[pl.DataType]] = {
    "symbol": pl.String,
    "fault": pl.String,
    "ts": pl.Int64,
    "until": pl.Int64,
    "rows": pl.Int64,
    "size": pl.Float64,
}
"""Columns of what is found: the bars from `ts` to `until` (UTC ns, closes), how many, and how large the fault is."""
_NEAR = 5 * MINUTE
_PAUSE = 6 * HOUR
_AROUND = 20
_SIGMA = 1.4826
_STEPS, _STEPS_KNOWN = 12.0, 100  # a jump is so many times the usual step from bar to bar: a tick may be half a percent of a cheap stock
_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SeriesRules:
    """From where on something is a fault.

    Parameters
    ----------
    jump: log-change from one bar's close to the next one's open, with hardly any time between; at least 12 times the usual step there.
    weekend: the same over a pause of six hours and more, in robust standard deviations of the 40 sessions around; at least `jump`.
    hole: ns of open market without a bar.
    flat: bars in a row at one price.
    scaled: bars that may lie between two jumps that undo each other.
    """

    jump: float = 0.01
    weekend: float = 1.5
    hole: int = HOUR
    flat: int = 60
    scaled: int = 120


_USUAL = SeriesRules()


def series_faults(bars: pl.DataFrame, calendar: Calendar, rules: SeriesRules = _USUAL) -> pl.DataFrame:
    """Faults of one symbol's bars of one interval, in time order; columns as `FOUND`.

    Faults
    ------
    splice: the price jumps between two neighbouring bars; size is the log-change. Trading leaves no such gap.
    jump_after_silence: the same after five minutes or more without a bar, as after a halt at a limit. Look at it.
    jump_over_pause: the same over a pause of the market, more than news usually does. Look at it.
    old_scale: bars between two jumps that undo each other, one of them between neighbours; size is the log of their scale against the rest.
    hole: the market was open and there is no bar; size is hours of open market.
    flat: bars in a row at one price; size is the hours they span.
    off_calendar: a bar outside every session.

    A change of `segment_id`, where the bars have it, is a roll and no splice. Raises DataError for bars that are not in time order.
    """
    if not len(bars):
        return pl.DataFrame(schema=FOUND)
    ts, opened = bars["ts"].to_numpy(), bars["ts_open"].to_numpy()
    if (np.diff(ts) < 0).any():
        raise DataError("bars are not in time order", field="ts", hint="give one symbol's bars of one interval")
    sessions = calendar.sessions(int(opened[0]), int(ts[-1]))
    at = sessions.locate(ts, tie="close")
    inside = (at >= 0) & (opened >= sessions.open[np.maximum(at, 0)]) if len(sessions) else np.zeros(len(ts), np.bool_)
    symbol = str(bars["symbol"][0])
    kept = bars.filter(pl.Series(inside))
    found = [
        _faults(symbol, "off_calendar", ts[~inside], ts[~inside], np.ones((~inside).sum()), np.zeros((~inside).sum())),
        *_jumps(symbol, kept, at[inside], rules),
        _holes(symbol, kept, sessions, rules),
        _flat(symbol, kept, rules),
    ]
    return pl.concat(found).sort("ts", "fault")


def _faults(symbol: str, fault: str, ts: _Ints, until: _Ints, rows: _Floats | _Ints, size: _Floats) -> pl.DataFrame:
    columns = {"symbol": [symbol] * len(ts), "fault": [fault] * len(ts), "ts": ts, "until": until, "rows": rows, "size": size}
    return pl.DataFrame(columns, schema=FOUND, strict=False)


def _jumps(symbol: str, bars: pl.DataFrame, session: _Ints, rules: SeriesRules) -> list[pl.DataFrame]:
    if len(bars) < 2:
        return []
    ts, opened = bars["ts"].to_numpy(), bars["ts_open"].to_numpy()
    first, last = (bars[name].cast(pl.Float64).log().to_numpy() for name in ("open", "close"))
    jump, silence = first[1:] - last[:-1], opened[1:] - ts[:-1]
    usual = np.abs(jump[(jump != 0) & (silence < _NEAR)])
    least = max(rules.jump, _STEPS * float(np.median(usual))) if len(usual) >= _STEPS_KNOWN else rules.jump
    limit = np.where(silence >= _PAUSE, np.maximum(rules.jump, rules.weekend * _session_scale(last, session)[1:]), least)
    large = np.abs(jump) >= limit
    if "segment_id" in bars.columns:
        large &= np.diff(bars["segment_id"].to_numpy()) == 0
    rows = np.flatnonzero(large)
    crossed = np.diff(session) != 0
    near = ~crossed & (silence < _NEAR)
    out, done = [], set[int]()
    for one, two in zip(rows.tolist(), rows[1:].tolist(), strict=False):
        undone = abs(jump[one] + jump[two]) <= 0.25 * abs(jump[one])
        if one not in done and undone and two - one <= rules.scaled and (near[one] or near[two]):
            done |= {one, two}
            span = ts[one + 1 : one + 2], ts[two : two + 1]
            out.append(_faults(symbol, "old_scale", *span, np.array([two - one]), jump[one : one + 1]))
    for name, chosen in (
        ("splice", near),
        ("jump_after_silence", ~crossed & (silence >= _NEAR)),
        ("jump_over_pause", crossed),
    ):
        mine = np.array([row for row in rows[chosen[rows]].tolist() if row not in done], np.int64)
        out.append(_faults(symbol, name, ts[mine + 1], ts[mine + 1], np.ones(len(mine)), jump[mine]))
    return out


def _session_scale(last: _Floats, session: _Ints) -> _Floats:
    """(n,) robust standard deviation of session returns around each bar's session: 20 before, 20 after."""
    ends = np.flatnonzero(np.append(np.diff(session) != 0, True))
    moves = np.abs(np.diff(last[ends], prepend=last[0]))
    around = [np.median(moves[max(0, i - _AROUND) : i + _AROUND + 1]) for i in range(len(ends))]
    return _SIGMA * np.repeat(np.array(around), np.diff(ends, prepend=-1))


def _open_time(sessions: Sessions, moments: _Ints) -> _Ints:
    """(n,) ns of open market from the first session to each moment."""
    lengths = sessions.close - sessions.open
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    at = np.searchsorted(sessions.open, moments, side="right") - 1
    part = np.clip(moments - sessions.open[np.maximum(at, 0)], 0, lengths[np.maximum(at, 0)])
    return np.where(at >= 0, before[np.maximum(at, 0)] + part, 0)


def _holes(symbol: str, bars: pl.DataFrame, sessions: Sessions, rules: SeriesRules) -> pl.DataFrame:
    ts, opened = bars["ts"].to_numpy(), bars["ts_open"].to_numpy()
    if len(ts) < 2:
        return pl.DataFrame(schema=FOUND)
    missing = _open_time(sessions, opened[1:]) - _open_time(sessions, ts[:-1])
    rows = np.flatnonzero(missing >= rules.hole)
    return _faults(symbol, "hole", ts[rows], opened[rows + 1], np.zeros(len(rows)), missing[rows] / HOUR)


def _flat(symbol: str, bars: pl.DataFrame, rules: SeriesRules) -> pl.DataFrame:
    still = (pl.col("high") == pl.col("low")) & (pl.col("open") == pl.col("close").shift(1))
    runs = bars.select("ts", still.fill_null(False).alias("still")).with_columns(pl.col("still").rle_id().alias("run")).filter("still")
    long = runs.group_by("run", maintain_order=True).agg(pl.col("ts").first(), pl.col("ts").last().alias("until"), pl.len().alias("rows"))
    long = long.filter(pl.col("rows") >= rules.flat)
    ts, until = long["ts"].to_numpy(), long["until"].to_numpy()
    return _faults(symbol, "flat", ts, until, long["rows"].cast(pl.Int64).to_numpy(), (until - ts) / HOUR)
