"""Fourteen planted leaks are caught, each by the law named beside it; the honest twin of each and twenty clean features raise no alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from checks import leaks, market_rows
from checks.test_feature_sets import bars, trades
from features.small_book import books
from tickcast.checks import feature_set, learning, split, store
from tickcast.checks.subject import OwnFeatures
from tickcast.checks.verdict import judge, verdicts
from tickcast.clock import SECOND
from tickcast.errors import LawBroken
from tickcast.splits import Split, Splitter
from tickcast.store import Store
from tickcast.targets import Labels
from tickcast.views import View

Law = Callable[..., None]
BARS = bars(400, 80).with_columns(volume=pl.when(pl.int_range(400) % 7 == 3).then(None).otherwise(pl.col("volume")))
TRADES = trades(600, 600)


def streams() -> dict[str, pl.DataFrame]:
    """A quote every second, and the trades between them; quotes come first at equal stamps."""
    ts = np.arange(int(TRADES["ts"][0]), int(TRADES["ts"][-1]), SECOND)
    mid = 100 + np.cumsum(np.random.default_rng(1).choice([-0.25, 0.0, 0.25], len(ts)))
    return {"book": pl.DataFrame({"ts": ts, "mid": mid}), "trades": TRADES}


@dataclass(frozen=True)
class Case:
    """A leak and its honest twin, the events they read, and the law that tells them apart."""

    leak: Callable[[Any], Any]
    honest: Callable[[Any], Any]
    events: Any = None  # the bars
    law: Law = feature_set.looks_back_only
    stamps: tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None] = (None, None)


ROW_BY_ROW = {
    "shift(-1)": Case(leaks.next_return, leaks.last_return),
    "centred window": Case(leaks.centred_mean, leaks.trailing_mean),
    "bar stamped at open": Case(leaks.bar_price, leaks.complete_bar_price, TRADES, stamps=(leaks.opens, leaks.closes)),
    "full-sample z-score": Case(leaks.sample_z, leaks.expanding_z),
    "full-series wavelet": Case(leaks.denoised, leaks.denoised_backwards),
    "smoothed HMM": Case(leaks.smoothed_state, leaks.filtered_state),
    "back-adjusted level": Case(leaks.back_adjusted, leaks.forward_adjusted),
    "target encoding": Case(leaks.encoded, leaks.encoded_by_the_past),
    "back-fill": Case(leaks.filled_back, leaks.filled_forward),
    "forward as-of": Case(leaks.spread_to_next_quote, leaks.spread_to_last_quote, streams()),
    "tie at equal stamps": Case(leaks.size_at_stamp, leaks.size_at_stamp_so_far, TRADES),
    "late correction": Case(leaks.corrected_volume, leaks.volume_as_it_came, law=feature_set.corrections_wait),
}


@pytest.mark.parametrize("name", ROW_BY_ROW)
def test_a_leak_is_caught_and_its_honest_twin_is_not(name: str) -> None:
    case = ROW_BY_ROW[name]
    events = BARS if case.events is None else case.events
    with pytest.raises(LawBroken) as caught:
        case.law(OwnFeatures({name: case.leak}, case.stamps[0]), events, np.random.default_rng(5))
    assert caught.value.field == name
    for law in (feature_set.looks_back_only, feature_set.corrections_wait):
        law(OwnFeatures({name: case.honest}, case.stamps[1]), events, np.random.default_rng(5))


@dataclass(frozen=True)
class Sliced(Splitter):
    """Cuts where the rows are, with or without purging the labels that reach over the cut."""

    purge: bool

    def split(self, labels: Labels, usable: NDArray[np.bool_]) -> Iterator[Split]:
        rows = np.flatnonzero(usable & labels.valid.all(axis=1))
        a, b = len(rows) // 2, len(rows) * 3 // 4
        reach = 5 if self.purge else 0
        yield Split(rows[: a - reach], rows[a : b - reach], rows[b:], purged=2 * reach)


def test_a_missing_purge_is_caught() -> None:
    table = market_rows.table(session=600)
    with pytest.raises(LawBroken, match="train label interval meets"):
        split.intervals_never_meet(Sliced(False), market_rows.labels(table), table.ready())
    split.intervals_never_meet(Sliced(True), market_rows.labels(table), table.ready())


def _strongest(view: View, rows: NDArray[np.int64]) -> tuple[str, ...]:
    """The two features that go best with the outcome on these rows."""
    x, y = view.table.values[rows], view.labels.values[rows, 0]
    known = np.isfinite(y)
    strength = [abs(np.corrcoef(x[known, j], y[known])[0, 1]) for j in range(x.shape[1])]
    return tuple(view.table.names[j] for j in np.argsort(strength)[:-3:-1])


def test_selection_on_test_rows_is_caught() -> None:
    train, _, _ = market_rows.views(market_rows.table())
    with pytest.raises(LawBroken, match="changes when the other 193 rows are noise"):
        learning.sees_its_rows_only(lambda view: _strongest(view, np.arange(len(view.table))), train, np.random.default_rng(5))
    learning.sees_its_rows_only(lambda view: _strongest(view, view.rows), train, np.random.default_rng(5))


def test_fourteen_leaks_are_planted() -> None:
    others = (test_a_missing_purge_is_caught, test_selection_on_test_rows_is_caught)
    assert len(ROW_BY_ROW) + len(others) == 14


def test_the_nearest_quote_is_caught_too() -> None:
    with pytest.raises(LawBroken, match="looks|the future is"):
        feature_set.looks_back_only(OwnFeatures({"near": leaks.spread_to_nearest_quote}), streams(), np.random.default_rng(5))


class Latest(Store):
    """Forgets what was known before: scans ignore the version asked for."""

    def scan(self, table: str, *args: Any, **others: Any) -> pl.DataFrame:
        return super().scan(table, *args, **others | {"as_of": None})


def test_a_store_that_forgets_what_was_known_is_caught(tmp_path: Path) -> None:
    frame = BARS.with_columns(pl.col("volume").fill_null(1.0))
    with Store.open(tmp_path / "kept") as kept:
        store.earlier_versions_stand(kept, "bars", frame)
    with Latest.open(tmp_path / "forgets") as forgets, pytest.raises(LawBroken, match="a version changes"):
        store.earlier_versions_stand(forgets, "bars", frame)


CLEAN = {
    "name": "clean",
    "stream": "bars",
    "clock": {"on": "bars", "step": "5m"},
    "session": "carry",
    "price": "close",
    "features": {
        "ratio": "close / open - 1",
        "r": "log(close / lag(close, 1))",
        "lagged": "lag(r, 7)",
        "mean": "mean(r, 12)",
        "total": "sum(volume, 20)",
        "spread": "std(r, 24)",
        "highest": "max(high, 36) / close",
        "lowest": "min(low, '1h') / close",
        "median": "quantile(volume, 15, 0.5)",
        "tail": "quantile(r, '2h', 0.05)",
        "average": "ewm_mean(r, span=10)",
        "by_time": "ewm_std(r, halflife='30m')",
        "wilder": "rma(abs(r), 14)",
        "strength": "rsi(close, 14)",
        "crossing": "macd(close, 12, 26)",
        "range": "atr(high, low, close, 14)",
        "since_open": "cum_sum(volume)",
        "clock": "sin(time_of_day('America/New_York') / 13750)",
        "age": "minutes_since_open()",
        "learned": "abs(r) / fitted('rms_by_slot', r, slots=288, smooth=5)",
    },
    "invariant": {"scale": ["ratio", "r", "highest", "lowest", "strength"]},
}


@pytest.mark.parametrize("session", ["carry", "reset"])
def test_twenty_clean_features_raise_no_alarm(session: str) -> None:
    found = verdicts(CLEAN | {"session": session}, bars(1200, 400), np.random.default_rng(6))
    assert len(found) == 20
    assert {each.feature: [str(one) for one in each.broken] for each in found if not each.ok} == {}


def beside() -> dict[str, pl.DataFrame]:
    """Books in three sessions, and trades at their stamps and between them; given in the wrong order."""
    book = books(1200, per_session=400)
    rng = np.random.default_rng(3)
    ts = np.sort(np.r_[rng.integers(book["ts"][0], book["ts"][-1], 300), rng.choice(book["ts"].to_numpy(), 300)])
    price, size = 100 + 0.01 * rng.integers(-20, 20, 600), rng.integers(1, 9, 600).astype(float)
    made = {"ts": ts, "price": price, "size": size, "side": rng.choice([-1, 1], 600)}
    days = book.select("ts", "session_id", "segment_id")
    return {"book": book, "trades": pl.DataFrame(made).join_asof(days, on="ts", strategy="forward")}


ACROSS = {
    "name": "across",
    "stream": "book",
    "streams": {"trades": {"ttl": "60s"}},
    "session": "reset",
    "price": "mid()",
    "features": {
        "last": "trades.price",
        "volume": 'sum(trades.size, "5s")',
        "average": "mean(trades.price, 10)",
        "effective": 'at("trades", 2 * side * (price - mid()))',
        "realised": 'at("trades + 2s", price - mid())',
        "bar": 'at("10s", close / open)',
        "bars": 'at("10s", mean(close, 3))',
        "bucket": 'at("trades 20 volume", close)',
        "imbalance": "imbalance(1)",
    },
}


@pytest.mark.parametrize("clock", [{"on": "book", "step": "100ms"}, {"on": "book", "n": 10}, {"every": "1s"}, {"on": "bars.10s"}], ids=str)
def test_clean_features_across_streams_raise_no_alarm(clock: dict[str, object]) -> None:
    found = verdicts(ACROSS | {"clock": clock}, beside(), np.random.default_rng(6))
    assert {each.feature: [str(one) for one in each.broken] for each in found if not each.ok} == {}
    assert all(each.known > 0.8 for each in found)


def test_a_leak_across_streams_is_blamed_alone() -> None:
    """A book row that reads the next trade instead of the last."""
    given = {"trades": beside()["trades"], "book": beside()["book"].with_columns(mid=(pl.col("bid_price_1") + pl.col("ask_price_1")) / 2)}

    def next_trade(streams: leaks.Streams) -> pl.Series:
        return streams["book"].join_asof(streams["trades"], on="ts", strategy="forward")["price"]

    def last_trade(streams: leaks.Streams) -> pl.Series:
        return streams["book"].join_asof(streams["trades"].unique("ts", keep="last", maintain_order=True), on="ts")["price"]

    found = judge(OwnFeatures({"next": next_trade, "last": last_trade}), given, np.random.default_rng(6))
    assert [each.feature for each in found if not each.ok] == ["next"]


def test_one_leak_among_clean_functions_is_blamed_alone() -> None:
    own = OwnFeatures({"last": leaks.last_return, "next": leaks.next_return, "mean": leaks.trailing_mean})
    found = {each.feature: each for each in judge(own, BARS, np.random.default_rng(6))}
    assert [name for name, each in found.items() if not each.ok] == ["next"]
    first = found["next"].broken[0]
    assert first.law == "looks back only" and first.row == first.cut and first.tries > 100
