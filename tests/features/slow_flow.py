"""The factors of trades, order messages and minutes again, from numpy alone, as of each row of the book. Only for tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.slow_book import SECOND, Column, before, over_rows, ratio

TINY = 1e-9


@dataclass
class Across:
    """Rows stamped `source` as of rows stamped `target`: those at an equal stamp are seen where `equal` holds."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    equal: bool = True

    def upto(self, seconds: float = 0.0) -> NDArray[np.int64]:
        """Number of source rows seen at each target row, `seconds` before it."""
        return np.searchsorted(self.source, self.target - round(seconds * SECOND), side="right" if self.equal else "left")

    def last(self, x: Column, seconds: float = 0.0) -> Column:
        at = self.upto(seconds)
        return np.where(at > 0, np.concatenate([[np.nan], x])[at], np.nan)

    def sum(self, x: Column, seconds: float) -> Column:
        """Over (t - seconds, t]; known once so much time has passed since the first row."""
        total = np.concatenate([[0], np.cumsum(x.astype(np.longdouble))])
        ready = self.target - self.source[0] >= round(seconds * SECOND)
        return np.where(ready, (total[self.upto()] - total[self.upto(seconds)]).astype(float), np.nan)


def moving(x: Column, n: int) -> Column:
    return over_rows(x, n, lambda w: w.mean(axis=1))


def covariance(x: Column, y: Column, n: int) -> Column:
    out = np.full(len(x), np.nan)
    for i in range(n - 1, len(x)):
        out[i] = np.cov(x[i - n + 1 : i + 1], y[i - n + 1 : i + 1])[0, 1]
    return out


def slope(y: Column, x: Column, n: int) -> Column:
    """Of y on x over the last n rows."""
    return ratio(covariance(y, x, n), covariance(x, x, n))


def numbers(frame: pl.DataFrame, *names: str) -> list[Column]:
    return [frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in names]


def flow_factors(book: pl.DataFrame, trades: pl.DataFrame, orders: pl.DataFrame, known: dict[str, Column]) -> dict[str, Column]:
    """Every factor of `lob` that needs more than the book, by name; `known` are those of the book. One session of one contract."""
    now, then = book["ts"].to_numpy(), trades["ts"].to_numpy()
    price, size, side = numbers(trades, "price", "size", "side")
    mid = known["mid"]
    seen = Across(then, now)
    met = Across(now, then, equal=False).last  # a trade sees the book before it
    out = _trades(seen, price, size, side, mid, met(mid))
    out |= _costs(now, then, price, side, mid)
    out |= _impact(now, then, price, size, side, met(mid))
    out |= _after(now, then, known)
    out |= _orders(Across(orders["ts"].to_numpy(), now), orders)
    return out | _minutes(now, mid)


def _trades(seen: Across, price: Column, size: Column, side: Column, mid: Column, met: Column) -> dict[str, Column]:
    out = {f"trade_imbalance_{n}s": seen.sum(side * size, n) / (seen.sum(size, n) + TINY) for n in (10, 60)}
    ten, sixty = (seen.sum(np.ones(len(price)), n) for n in (10, 60))
    out |= {"trade_rate_10s": ten / 10, "trade_rate_ratio": ten / (sixty / 6 + TINY), "trade_volume_60s": seen.sum(size, 60)}
    out |= {"trade_sign_20": seen.last(moving(side, 20)), "trade_size_100": seen.last(moving(size, 100))}
    past = np.concatenate([[0], seen.source])[seen.upto()]
    out["trade_age_s"] = np.where(past > 0, (seen.target - past) / SECOND, np.nan)
    out["trade_to_mid_bp"] = seen.last(1e4 * (price / met - 1))
    value, volume = seen.sum(price * size, 300), seen.sum(size, 300)
    out["vwap_deviation_300s_bp"] = 1e4 * (mid * (volume + TINY) / (value + TINY * mid) - 1)
    out["vwap_deviation_session_bp"] = 1e4 * (mid * seen.last(np.cumsum(size)) / seen.last(np.cumsum(price * size)) - 1)
    centre = ratio(moving(price * size, 500), moving(size, 500))
    width = over_rows(price, 500, lambda w: w.std(axis=1, ddof=1))
    return out | {"volume_profile_z": ratio(mid - seen.last(centre), seen.last(width))}


def _costs(now: NDArray[np.int64], then: NDArray[np.int64], price: Column, side: Column, mid: Column) -> dict[str, Column]:
    seen = Across(then, now)
    effective = 2e4 * side * (1 - Across(now, then, equal=False).last(mid) / price)
    out = {"effective_spread_bp": seen.last(effective), "effective_spread_100_bp": seen.last(moving(effective, 100))}
    for name, delay in (("1s", 1), ("10s", 10), ("5m", 300)):
        again = then + delay * SECOND
        realised = 2e4 * side * (1 - Across(now, again).last(mid) / price)
        out[f"realised_spread_{name}_bp"] = Across(again, now, equal=False).last(moving(realised, 100))
        out[f"impact_{name}_bp"] = seen.last(moving(effective, 100), delay) - out[f"realised_spread_{name}_bp"]
    r = np.log(price / before(price))
    return out | {"roll_spread_500_bp": seen.last(2e4 * np.sqrt(np.maximum(-covariance(r, before(r), 500), 0)))}


def _bars(then: NDArray[np.int64], step: int) -> tuple[NDArray[np.int64], list[slice]]:
    """Closes of the bars of `step` seconds that hold rows, and the rows of each."""
    close = (then // (step * SECOND) + 1) * step * SECOND
    edges = np.flatnonzero(np.diff(close, prepend=-1))
    return close[edges], [slice(i, j) for i, j in zip(edges, [*edges[1:], len(then)], strict=True)]


def _impact(now: NDArray[np.int64], then: NDArray[np.int64], price: Column, size: Column, side: Column, met: Column) -> dict[str, Column]:
    move, flow = np.log(met / before(met)), before(side * size)
    out = {"kyle_lambda_500": Across(then, now).last(1e6 * slope(move, flow, 500))}
    for step in (10, 60):
        closes, rows = _bars(then, step)
        last = np.array([price[part][-1] for part in rows])
        net = np.array([(side * size)[part].sum() for part in rows])
        value = np.array([(price * size)[part].sum() for part in rows])
        r = np.log(last / before(last))
        seen = Across(closes, now)
        if step == 10:
            out["kyle_lambda_10m"] = seen.last(1e6 * slope(r, net, 60))
            out["hasbrouck_lambda_10m"] = seen.last(1e4 * slope(r, np.sign(net) * np.sqrt(np.abs(net)), 60))
        else:
            out["amihud_10m"] = seen.last(1e10 * moving(np.abs(r) / value, 10))
            out["amihud_slope_30m"] = seen.last(1e10 * slope(np.abs(r), value, 30))
    return out | {"vpin_50": _vpin(now, then, size, side)}


def _vpin(now: NDArray[np.int64], then: NDArray[np.int64], size: Column, side: Column, bucket: float = 2000.0) -> Column:
    """Signed volume is a broken line over volume; a bucket is a step along it, closed by the first row that reaches its end."""
    filled = np.concatenate([[0.0], np.cumsum(size)])
    edges = bucket * np.arange(int(filled[-1] // bucket) + 1)
    net = np.diff(np.interp(edges, filled, np.concatenate([[0.0], np.cumsum(np.maximum(side, 0) * size - np.maximum(-side, 0) * size)])))
    rows = np.searchsorted(filled[1:], edges[1:], side="left")
    for i in range(1, len(rows)):  # one bucket closes with each row
        rows[i] = max(rows[i], rows[i - 1] + 1)
    kept = rows < len(then)
    return Across(then[rows[kept]], now).last(moving(np.abs(net[kept]), 50) / bucket)


def _after(now: NDArray[np.int64], then: NDArray[np.int64], known: dict[str, Column]) -> dict[str, Column]:
    out = {}
    for name, x in (("spread_after_1s", known["spread_bp"]), ("depth_after_1s", known["depth_bid_5"] + known["depth_ask_5"])):
        met = Across(then, now).last(moving(Across(now, then, equal=False).last(x), 20), 1)
        again = then + SECOND
        out[name] = ratio(Across(again, now, equal=False).last(moving(Across(now, again).last(x), 20)), met)
    return out


def _orders(seen: Across, orders: pl.DataFrame) -> dict[str, Column]:
    kind, size, side, age, ended = numbers(orders, "kind", "size", "side", "age", "ended")
    new, cut, gone, done = kind == 1, (kind == 2) | (kind == 3), kind == 3, (kind == 4) | (kind == 5)

    def total(mask: NDArray[np.bool_], seconds: float, x: Column | float = 1.0) -> Column:
        return seen.sum(np.where(mask, x, 0.0), seconds)

    out = {"arrival_rate_10s": total(new, 10) / 10, "cancel_rate_10s": total(cut, 10) / 10, "execution_rate_10s": total(done, 10) / 10}
    out["arrival_ratio"] = total(new, 1) / (total(new, 60) / 60 + TINY)
    out["cancel_share_60s"] = total(cut, 60) / (total(new, 60) + TINY)
    out["messages_per_trade_60s"] = total(kind > 0, 60) / (total(done, 60) + 1)
    out["arrival_imbalance_10s"] = total(new, 10, side) / (total(new, 10) + TINY)
    out["cancel_imbalance_10s"] = total(gone, 10, side) / (total(gone, 10) + TINY)
    out["order_size_60s"] = total(new, 60, size) / (total(new, 60) + TINY)
    out["hidden_share_300s"] = total(kind == 5, 300, size) / (total(done, 300, size) + TINY)
    born, over = ~np.isnan(age), ended == 1
    out["lifetime_60s"] = total(born & over, 60, age) / (total(born & over, 60) + TINY)
    out["lifetime_cancelled_60s"] = total(born & gone, 60, age) / (total(born & gone, 60) + TINY)
    out["fleeting_share_60s"] = total(born & gone & (age < 0.1), 60) / (total(gone, 60) + TINY)
    out["filled_share_60s"] = total((kind == 4) & over, 60) / (total(over, 60) + TINY)
    return out


def _minutes(now: NDArray[np.int64], mid: Column) -> dict[str, Column]:
    held = ~np.isnan(mid)
    closes, rows = _bars(now, 60)
    parts = [mid[part][held[part]] for part in rows]
    o, h, low, c = (np.array([call(x) if len(x) else np.nan for x in parts]) for call in (lambda x: x[0], np.max, np.min, lambda x: x[-1]))
    r, hl = np.log(c / before(c)), np.log(h / low)
    seen = Across(closes, now)
    out = {f"rv_{name}_bp": seen.last(1e4 * np.sqrt(moving(r**2, n))) for name, n in (("5m", 5), ("30m", 30), ("2h", 120))}
    out["parkinson_30m_bp"] = seen.last(1e4 * np.sqrt(moving(hl**2, 30) / (4 * np.log(2))))
    klass = 0.5 * hl**2 - (2 * np.log(2) - 1) * np.log(c / o) ** 2
    out["garman_klass_30m_bp"] = seen.last(1e4 * np.sqrt(np.maximum(moving(klass, 30), 0)))
    rogers = np.log(h / c) * np.log(h / o) + np.log(low / c) * np.log(low / o)
    out["rogers_satchell_30m_bp"] = seen.last(1e4 * np.sqrt(moving(rogers, 30)))
    return out | {"range_ratio_5m": seen.last(ratio(moving(hl, 5), moving(hl, 30)))}
