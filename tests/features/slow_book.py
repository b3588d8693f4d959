"""The book's factors again, from numpy alone: no engine, no language, every window looked at afresh. Only for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Column = NDArray[np.float64]
SECOND = 1_000_000_000
LEVELS = range(1, 11)


def ratio(x: Column | float, y: Column | float) -> Column:
    with np.errstate(all="ignore"):
        out = np.asarray(x / np.asarray(y, float))
    return np.where(np.isfinite(out), out, np.nan)


def before(x: Column, n: int = 1) -> Column:
    return np.concatenate([np.full(min(n, len(x)), np.nan), x[: max(0, len(x) - n)]])


def over_rows(x: Column, n: int, call: Callable[[Column], Column]) -> Column:
    out = np.full(len(x), np.nan)
    if len(x) >= n:
        out[n - 1 :] = call(np.lib.stride_tricks.sliding_window_view(x, n))
    return out


@dataclass
class Windows:
    """Windows (t - span, t] over rows stamped `ts`; they answer once `span` has passed since the first number, NaN where one is inside."""

    ts: NDArray[np.int64]

    def edges(self, seconds: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        start = np.searchsorted(self.ts, self.ts - round(seconds * SECOND), side="right")
        return start, np.arange(1, len(self.ts) + 1)

    def ready(self, x: Column, seconds: float) -> NDArray[np.bool_]:
        known = np.flatnonzero(~np.isnan(x))
        if not len(known):
            return np.zeros(len(x), bool)
        start, end = self.edges(seconds)
        holes = np.concatenate([[0], np.cumsum(np.isnan(x))])
        return np.asarray((self.ts - self.ts[known[0]] >= round(seconds * SECOND)) & (holes[end] == holes[start]))

    def sum(self, x: Column, seconds: float) -> Column:
        start, end = self.edges(seconds)
        total = np.concatenate([[0], np.cumsum(np.nan_to_num(x).astype(np.longdouble))])
        return np.where(self.ready(x, seconds), (total[end] - total[start]).astype(float), np.nan)

    def count(self, seconds: float) -> Column:
        start, end = self.edges(seconds)
        return np.where(self.ts - self.ts[0] >= round(seconds * SECOND), (end - start).astype(float), np.nan)

    def mean(self, x: Column, seconds: float) -> Column:
        return ratio(self.sum(x, seconds), self.count(seconds))

    def extreme(self, x: Column, seconds: float, call: Callable[[Column], float]) -> Column:
        start, end = self.edges(seconds)
        ready = self.ready(x, seconds)
        return np.array([call(x[i:j]) if ok else np.nan for i, j, ok in zip(start, end, ready, strict=True)])

    def lag(self, x: Column, seconds: float) -> Column:
        at = np.searchsorted(self.ts, self.ts - round(seconds * SECOND), side="right") - 1
        return np.where(at >= 0, x[np.maximum(at, 0)], np.nan)

    def decayed(self, x: Column, halflife: float) -> Column:
        out, mean, first, last = np.full(len(x), np.nan), 0.0, -1, 0
        for i, (t, value) in enumerate(zip(self.ts.tolist(), x.tolist(), strict=True)):
            if np.isnan(value):
                continue
            mean = value if first < 0 else mean + (1 - 0.5 ** ((t - last) / (halflife * SECOND))) * (value - mean)
            first, last = (t if first < 0 else first), t
            out[i] = mean if t - first >= halflife * SECOND else np.nan
        return out


def book_factors(frame: pl.DataFrame) -> dict[str, Column]:
    """Every factor of `lob` that needs the book alone, by name; `frame` is one session of one contract."""
    w = Windows(frame["ts"].to_numpy())
    price, size = (
        {(s, k): frame[f"{s}_{what}_{k}"].cast(pl.Float64).fill_null(np.nan).to_numpy() for s in ("bid", "ask") for k in LEVELS}
        for what in ("price", "size")
    )
    bid, ask, bid_size, ask_size = price["bid", 1], price["ask", 1], size["bid", 1], size["ask", 1]
    mid, spread = (bid + ask) / 2, ask - bid
    depth = {(s, n): sum((size[s, k] for k in range(1, n + 1)), np.zeros(len(frame))) for s in ("bid", "ask") for n in LEVELS}
    out = {"mid": mid, "spread_bp": 1e4 * spread / mid, "spread_ticks": 100 * spread}
    out["spread_mean_60s_bp"] = w.mean(out["spread_bp"], 60)
    out["spread_ratio_60s"] = ratio(out["spread_bp"], out["spread_mean_60s_bp"])
    mean, std = over_rows(spread, 1000, lambda x: x.mean(axis=1)), over_rows(spread, 1000, lambda x: x.std(axis=1, ddof=1))
    out["spread_z_1000"] = ratio(spread - mean, std)
    out["crossed"] = np.where(np.isnan(spread), np.nan, spread <= 0)
    out |= _touch(w, mid, bid, ask, bid_size, ask_size)
    out |= _quantity(w, depth, bid_size, ask_size)
    out |= _imbalance(w, size, depth)
    out |= _flow(w, price, size, depth)
    out |= _shape(price, size, depth, mid)
    out |= _pressure(w, price, size, mid)
    out |= _recovery(w, spread, depth)
    return out | _motion(w, mid)


def touch_factors(frame: pl.DataFrame) -> dict[str, Column]:
    """What `touch` has and `lob` has not: order flow at the touch in units of the quantity there."""
    w = Windows(frame["ts"].to_numpy())
    price, size = (
        {(s, 1): frame[f"{s}_{what}_1"].cast(pl.Float64).fill_null(np.nan).to_numpy() for s in ("bid", "ask")} for what in ("price", "size")
    )
    flow, unit = _flow_of(price, size, 1), w.mean(before(size["bid", 1] + size["ask", 1]), 10) / 2
    return {"touch_size_10s": unit} | {f"ofi_touch_{n}s": ratio(w.sum(flow, n), unit) for n in (1, 10, 60)}


def _touch(w: Windows, mid: Column, bid: Column, ask: Column, bid_size: Column, ask_size: Column) -> dict[str, Column]:
    micro = ratio(ask * bid_size + bid * ask_size, bid_size + ask_size)
    return {"micro_deviation_bp": 1e4 * (micro / mid - 1), "micro_change_1s_bp": 1e4 * (micro - w.lag(micro, 1)) / mid}


def _quantity(w: Windows, depth: dict[tuple[str, int], Column], bid_size: Column, ask_size: Column) -> dict[str, Column]:
    out = {f"depth_{s}_{n}": depth[s, n] for n in (5, 10) for s in ("bid", "ask")}
    for n, both in ((n, depth["bid", n] + depth["ask", n]) for n in (1, 5, 10)):
        out[f"log_depth_{n}"] = np.log(np.where(both > 0, both, np.nan))
        out[f"depth_ratio_{n}_60s"] = ratio(both, w.mean(both, 60))
    return out | {
        "depth_share_bid_1": ratio(bid_size, depth["bid", 10]),
        "depth_share_ask_1": ratio(ask_size, depth["ask", 10]),
    }


def _imbalance(w: Windows, size: dict[tuple[str, int], Column], depth: dict[tuple[str, int], Column]) -> dict[str, Column]:
    one = {k: ratio(size["bid", k] - size["ask", k], size["bid", k] + size["ask", k]) for k in LEVELS}
    out = {f"imbalance_{k}": one[k] for k in LEVELS} | {f"imbalance_change_1s_{k}": one[k] - w.lag(one[k], 1) for k in range(1, 6)}
    for n in (2, 3, 5, 10):
        out[f"imbalance_depth_{n}"] = ratio(depth["bid", n] - depth["ask", n], depth["bid", n] + depth["ask", n])
    whole = out["imbalance_depth_10"]
    out["imbalance_depth_10_change_10s"] = whole - w.lag(whole, 10)
    out |= {f"imbalance_1_ewm_{n}s": w.decayed(one[1], n) for n in (1, 10)}
    return out | {"imbalance_1_std_100": over_rows(one[1], 100, lambda x: x.std(axis=1, ddof=1))}


def _flow_of(price: dict[tuple[str, int], Column], size: dict[tuple[str, int], Column], k: int) -> Column:
    """Order flow at level k from row to row; 0 where the level is not occupied, before or after."""
    flow = np.zeros(len(price["bid", k]))
    for sign, s in ((1, "bid"), (-1, "ask")):
        p, q = price[s, k], size[s, k]
        better = np.sign(sign * (p[1:] - p[:-1]))  # +1: the queue stands at a better price than before
        moved = np.where(better > 0, q[1:], np.where(better < 0, -q[:-1], q[1:] - q[:-1]))
        flow[1:] += sign * np.where(np.isnan(better), np.nan, moved)
    return np.where(np.arange(len(flow)) == 0, np.nan, np.nan_to_num(flow))


def _flow(
    w: Windows, price: dict[tuple[str, int], Column], size: dict[tuple[str, int], Column], depth: dict[tuple[str, int], Column]
) -> dict[str, Column]:
    level = w.mean(before(depth["bid", 10] + depth["ask", 10]), 10) / 20
    flow = {k: _flow_of(price, size, k) for k in LEVELS}
    out = {"level_size_10s": level} | {f"ofi_{k}": ratio(w.sum(flow[k], 10), level) for k in LEVELS}
    out["ofi_integrated"] = np.mean([out[f"ofi_{k}"] for k in LEVELS], axis=0)
    out["ofi_near_far"] = out["ofi_1"] - np.mean([out[f"ofi_{k}"] for k in range(6, 11)], axis=0)
    out |= {f"ofi_1_{n}s": ratio(w.sum(flow[1], n), level) for n in (1, 60)}
    met = before(depth["bid", 10] + depth["ask", 10])
    flowed, met = (over_rows(x, 100, lambda x: x.sum(axis=1)) for x in (flow[1], met))
    return out | {"ofi_1_100": ratio(flowed, met / 2000)}


def _shape(
    price: dict[tuple[str, int], Column], size: dict[tuple[str, int], Column], depth: dict[tuple[str, int], Column], mid: Column
) -> dict[str, Column]:
    out = {}
    for s, sign in (("bid", 1), ("ask", -1)):
        away = {k: 1e4 * sign * (mid - price[s, k]) / mid for k in LEVELS}
        out[f"gap_{s}_bp"] = 1e4 * sign * (price[s, 1] - price[s, 2]) / mid
        for n in (5, 10):
            out[f"span_{s}_{n}_bp"] = away[n]
            out[f"slope_{s}_{n}"] = ratio(depth[s, n], away[n])
        out[f"curvature_{s}_bp"] = away[10] - 2 * away[5]
        share = {k: ratio(size[s, k], depth[s, 10]) for k in LEVELS}
        out[f"herfindahl_{s}"] = np.sum([share[k] ** 2 for k in LEVELS], axis=0)
        out[f"centre_{s}_bp"] = np.sum([share[k] * away[k] for k in LEVELS], axis=0)
    near, far = out["slope_bid_10"], out["slope_ask_10"]
    out["slope_imbalance_10"] = ratio(near - far, near + far)
    both = depth["bid", 10] + depth["ask", 10]
    out["micro_deviation_10_bp"] = ratio(depth["bid", 10] * out["centre_ask_bp"] - depth["ask", 10] * out["centre_bid_bp"], both)
    return out


def _pressure(w: Windows, price: dict[tuple[str, int], Column], size: dict[tuple[str, int], Column], mid: Column) -> dict[str, Column]:
    near = {
        s: np.sum([ratio(size[s, k], sign * (mid - price[s, k])) for k in range(1, 6)], axis=0) for s, sign in (("bid", 1), ("ask", -1))
    }
    halved = {s: np.sum([size[s, k] / 2 ** (k - 1) for k in range(1, 6)], axis=0) for s in ("bid", "ask")}
    out = {"nearness_bid_5": near["bid"], "nearness_ask_5": near["ask"]}
    out["pressure_5"] = ratio(near["bid"] - near["ask"], near["bid"] + near["ask"])
    out["pressure_halving_5"] = ratio(halved["bid"] - halved["ask"], halved["bid"] + halved["ask"])
    return out | {"pressure_5_change_1s": out["pressure_5"] - w.lag(out["pressure_5"], 1)}


def _recovery(w: Windows, spread: Column, depth: dict[tuple[str, int], Column]) -> dict[str, Column]:
    def place(x: Column) -> Column:
        low, high = w.extreme(x, 10, np.min), w.extreme(x, 10, np.max)
        return ratio(x - low, high - low)

    return {"spread_recovery_10s": 1 - place(spread)} | {f"depth_recovery_{s}_10s": place(depth[s, 5]) for s in ("bid", "ask")}


def _motion(w: Windows, mid: Column) -> dict[str, Column]:
    out = {f"momentum_ticks_{n}": 100 * (mid - before(mid, n)) for n in (10, 100, 1000)}
    out |= {f"momentum_{n}s_bp": 1e4 * (mid / w.lag(mid, n) - 1) for n in (1, 10, 60, 300)}
    moved = np.sign(mid - before(mid))
    up, all_moves = (over_rows(x, 100, lambda x: x.sum(axis=1)) for x in (moved, np.abs(moved)))
    out["momentum_share_100"] = ratio(up, all_moves)
    out["mid_deviation_10s_bp"] = 1e4 * (mid / w.decayed(mid, 10) - 1)
    low, high = w.extreme(mid, 60, np.min), w.extreme(mid, 60, np.max)
    out["mid_place_60s"] = ratio(mid - low, high - low)
    r = 1e4 * np.log(mid / before(mid))
    out |= {"mid_return_bp": r} | {f"rv_{n}s_bp": np.sqrt(w.sum(r**2, n)) for n in (10, 60, 300)}
    out["bipower_300s_bp"] = np.sqrt(np.pi / 2 * w.sum(np.abs(r * before(r)), 300))
    out["jump_share_300s"] = np.maximum(1 - ratio(out["bipower_300s_bp"] ** 2, out["rv_300s_bp"] ** 2), 0)
    out["mid_changes_10s"] = w.sum(np.where(np.isnan(r), np.nan, r != 0), 10) / 10
    return out | {"updates_1s": w.count(1), "updates_ratio": ratio(w.count(1), w.count(60) / 60)}
