"""A market whose conditional distribution is known: intraday pattern x stochastic volatility x normal, plus jumps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Event
from typing import ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri

from tickcast.calendars import calendar as calendar_named
from tickcast.cleaning import Cleaned
from tickcast.clock import DAY, SECOND, parse_duration
from tickcast.distributions import Quantiles
from tickcast.errors import ConfigError, SourceError
from tickcast.forecast import Forecast
from tickcast.schema import BARS, CONTRACTS, TRADES, Table, conform
from tickcast.sources.base import LiveSource, Progress

__all__ = ["ORACLE_LEVELS", "Dynamics", "Floats", "SimulatedMarket"]

_TAIL = (0.0001, 0.0005, 0.001, 0.0025)
ORACLE_LEVELS = (*_TAIL, *(k / 200 for k in range(1, 200)), *(1 - t for t in reversed(_TAIL)))
"""Levels of the oracle's quantiles: every half percent and four more in each tail."""
_TRADES_PER_BAR = 20
_CHUNK = 50_000
_START = 18_262 * DAY  # 2020-01-01

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dynamics:
    """How the simulated log-price moves, per bar.

    Parameters
    ----------
    sigma: root mean square of a bar's diffusive log-return, over the volatility's law and over the day.
    persistence, vol_of_vol: of x, the log-volatility: x' = persistence x + vol_of_vol e, e standard normal.
    pattern: 0 for none; otherwise variance is high when New York opens and low at night, by up to exp(+-2 pattern).
    jump_rate: expected jumps per bar. jump_scale: standard deviation of a jump, in sigmas.

    Raises ConfigError when a value is out of range.
    """

    sigma: float = 5e-4
    persistence: float = 0.993
    vol_of_vol: float = 0.06
    pattern: float = 0.5
    jump_rate: float = 0.01
    jump_scale: float = 4.0

    def __post_init__(self) -> None:
        for name, low, high in (("sigma", 1e-12, 1.0), ("persistence", 0.0, 0.99999), ("vol_of_vol", 0.0, 2.0), ("pattern", 0.0, 2.0)):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{getattr(self, name)} is not in [{low}, {high}]", field=name)
        if not (0 <= self.jump_rate <= 1 and 0 <= self.jump_scale <= 100):
            raise ConfigError(f"{self.jump_rate} jumps of {self.jump_scale} sigmas a bar", field="jump_rate", hint="0 to 1, and 0 to 100")

    @classmethod
    def random_walk(cls, sigma: float = 5e-4) -> Self:
        """Constant volatility, no pattern, no jumps: nothing to forecast but sigma."""
        return cls(sigma, 0.0, 0.0, 0.0, 0.0, 0.0)

    @property
    def spread(self) -> float:
        """Stationary variance of x."""
        return self.vol_of_vol**2 / (1 - self.persistence**2)

    def intraday(self, ts: NDArray[np.int64]) -> Floats:
        """(n,) variance factor of the bars that close at `ts`, by the UTC time of day; its mean over the day is one."""

        def shape(day: Floats) -> Floats:
            wave = np.cos(2 * np.pi * (day - 14.5 / 24)) + 0.5 * np.cos(4 * np.pi * (day - 14.5 / 24))
            return np.asarray(np.exp(2 * self.pattern * wave / 1.5))

        return np.asarray(shape((ts % DAY) / DAY) / shape((np.arange(1440) + 0.5) / 1440).mean())


@dataclass(frozen=True, eq=False)
class _Path:
    """(n,) stamps of the closes, latent x, standard deviation of the diffusion, log-return, per bar."""

    ts: NDArray[np.int64]
    state: Floats
    deviation: Floats
    returns: Floats


class SimulatedMarket(LiveSource):
    """Bars or trades of one symbol, from a seed, and the oracle that knows their law.

    r = sigma sqrt(intraday) exp(x - var x) z + sum of N jumps, N Poisson: so given x at a bar's close, the log-return over k bars is a
    mixture of normals over the paths of x and the count of jumps. Stochastic volatility as in Taylor (1986).

    Parameters
    ----------
    symbol, table: the instrument's name; "bars", or "trades" at 20 a bar whose last one is the bar's close.
    days, interval: calendar days from 2020-01-01 UTC on, and the length of a bar.
    seed: the same seed gives the same market, on any machine with the same numpy.
    calendar: when the market is open, a name in `tickcast.calendars`.
    tick: smallest price change, None for prices on the real line; the oracle ignores the rounding.
    dynamics: how it moves, or "stochastic" or "random_walk" for the defaults of each.

    Raises ConfigError naming the argument that makes no sense.
    """

    name: ClassVar[str] = "simulated"

    def __init__(
        self,
        *,
        symbol: str = "SIM",
        table: str = "bars",
        days: int = 400,
        interval: str = "5m",
        seed: int = 0,
        calendar: str = "24/7",
        tick: float | None = None,
        dynamics: Dynamics | str = "stochastic",
    ) -> None:
        if table not in (BARS.name, TRADES.name):
            raise ConfigError(f"a simulated market has no {table!r}", field="table", hint="use bars or trades")
        if isinstance(dynamics, str) and dynamics not in ("stochastic", "random_walk"):
            raise ConfigError(f"unknown dynamics {dynamics!r}", field="dynamics", hint="use stochastic or random_walk")
        if tick is not None and not tick > 0:
            raise ConfigError(f"{tick} is no price tick", field="tick")
        self.symbol, self.seed, self.days, self.tick = symbol, seed, days, tick
        self.table: Table = BARS if table == BARS.name else TRADES
        if isinstance(dynamics, str):
            dynamics = Dynamics.random_walk() if dynamics == "random_walk" else Dynamics()
        self.dynamics = dynamics
        self.step, self.calendar, self._hours = parse_duration(interval), calendar, calendar_named(calendar)
        if not 1 <= days <= 20_000 or self.step < SECOND or DAY % self.step:
            raise ConfigError(f"{days} days of {interval} bars", field="days", hint="1 to 20000 days; bars of 1s or more that divide a day")

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """See `Source.history`; nothing is ever quarantined."""
        low, high = (-(2**63) if start is None else start), (2**63 - 1 if end is None else end)
        wanted = self._events.filter((pl.col("ts") >= low) & (pl.col("ts") < high))
        for at in range(0, len(wanted), _CHUNK):
            yield self._chunk(wanted.slice(at, _CHUNK))
            if progress is not None:
                progress("simulated market", min(1.0, (at + _CHUNK) / len(wanted)))

    def live(self, symbols: Sequence[str], stop: Event) -> Iterator[Cleaned]:
        """All of history from its start, in chunks of a bar or of a bar's trades, as fast as they are taken. See `LiveSource.live`.

        Raises ConfigError for a symbol that this market does not have.
        """
        for symbol in symbols:
            if symbol != self.symbol:
                raise ConfigError(f"there is no {symbol!r} in this market", field="symbols", hint=f"ask for {self.symbol}")
        each = 1 if self.table is BARS else _TRADES_PER_BAR
        for at in range(0, len(self._events) if symbols else 0, each):
            if stop.is_set():
                return
            yield self._chunk(self._events.slice(at, each))

    def contracts(self) -> pl.DataFrame:
        """The one instrument, known from the market's first moment on."""
        return conform(pl.DataFrame({"symbol": [self.symbol], "ts": [_START], "price_tick": [self.tick], "multiplier": [1.0]}), CONTRACTS)

    @property
    def _events(self) -> pl.DataFrame:
        return self._bars if self.table is BARS else self._trades

    def _chunk(self, part: pl.DataFrame) -> Cleaned:
        none = part.clear().with_columns(row=pl.lit(0), reason=pl.lit(""))
        return Cleaned(conform(part, self.table), none, origin=f"seed {self.seed}")

    def oracle(self, ts: NDArray[np.int64], horizons: Sequence[str], *, paths: int = 512) -> Forecast:
        """The true distribution of the log-return over each horizon, given all that happened until each bar's close and its latent state.

        Parameters
        ----------
        ts: (n,) closes of bars of this market. horizons: durations; bars that close in (ts, ts + horizon] count.
        paths: simulated paths of the volatility, the same for all rows; the only approximation besides 16 nodes for the mixture.

        Returns quantiles at `ORACLE_LEVELS`. Raises SourceError for a stamp at which no bar closed and ConfigError for a horizon in which
        some row sees no bar.
        """
        stamps = np.asarray(ts, np.int64)
        spans = np.array([parse_duration(each) for each in horizons], np.int64)
        grid, known = self._grid(int(spans.max() // self.step) + 1), len(self._path.ts)
        at = np.searchsorted(self._path.ts, stamps)
        wrong = np.flatnonzero((at >= known) | (self._path.ts[np.minimum(at, known - 1)] != stamps))
        if len(wrong):
            raise SourceError(f"no bar closes at {stamps[wrong[0]]}", row=int(wrong[0]) + 1, field="ts")
        counts = np.searchsorted(grid, stamps[:, None] + spans, side="right") - at[:, None] - 1
        if (counts < 1).any():
            row, column = (int(i[0]) for i in np.nonzero(counts < 1))
            raise ConfigError(f"no bar closes within {horizons[column]} of {stamps[row]}", field="horizons", hint="leave such rows out")
        values = np.empty((len(stamps), len(spans), len(ORACLE_LEVELS)))
        noise = self._log_volatility_noise(int(counts.max()), paths)
        intraday = self.dynamics.intraday(grid)
        for low in range(0, len(stamps), 2000):
            part = slice(low, low + 2000)
            values[part] = self._mixtures(at[part], counts[part], noise, intraday)
        return Forecast(tuple(horizons), Quantiles(np.array(ORACLE_LEVELS), values), np.ones(values.shape[:2]), "log_return")

    def _log_volatility_noise(self, ahead: int, paths: int) -> Floats:
        """(ahead, paths) what future shocks multiply the variance by, antithetic."""
        shocks = np.random.default_rng([self.seed, 2]).standard_normal((ahead, (paths + 1) // 2))
        moved = lfilter([self.dynamics.vol_of_vol], [1.0, -self.dynamics.persistence], np.concatenate([shocks, -shocks], axis=1), axis=0)
        return np.asarray(np.exp(2 * (moved - self.dynamics.spread)))

    def _mixtures(self, at: NDArray[np.int64], counts: NDArray[np.int64], noise: Floats, intraday: Floats) -> Floats:
        """(m, h, q) quantiles for the rows at these positions."""
        law, ahead = self.dynamics, np.arange(1, len(noise) + 1)
        base = law.sigma**2 * intraday[np.minimum(at[:, None] + ahead, len(intraday) - 1)]
        base *= np.exp(2 * self._path.state[at][:, None] * law.persistence**ahead)
        out = np.empty((*counts.shape, len(ORACLE_LEVELS)))
        for j in range(counts.shape[1]):
            variance = np.sort((base * (ahead <= counts[:, j, None])) @ noise, axis=1)
            nodes = np.stack([part.mean(axis=1) for part in np.array_split(variance, min(16, variance.shape[1]), axis=1)], axis=1)
            out[:, j] = _normal_mixture(nodes, np.asarray(law.jump_rate * counts[:, j], np.float64), (law.jump_scale * law.sigma) ** 2)
        return out

    def _grid(self, extra: int = 0) -> NDArray[np.int64]:
        """Closes of the market's bars and of at least `extra` after them; the last bar of a session closes with it."""
        end = _START + self.days * DAY
        sessions = self._hours.sessions(_START, end + 14 * DAY + 4 * extra * self.step)
        kept = [
            np.minimum(np.arange(low // self.step + 1, -(-high // self.step) + 1) * self.step, high)
            for low, high in zip(np.maximum(sessions.open, _START).tolist(), sessions.close.tolist(), strict=True)
            if low < high
        ]
        grid = np.concatenate(kept).astype(np.int64)
        return grid[: int(np.searchsorted(grid, end, side="right")) + extra]

    @cached_property
    def _path(self) -> _Path:
        law, rng, ts = self.dynamics, np.random.default_rng([self.seed, 0]), self._grid()
        n = len(ts)
        shocks = rng.standard_normal(n) * law.vol_of_vol
        first = rng.standard_normal() * math.sqrt(law.spread)
        state, _ = lfilter([1.0], [1.0, -law.persistence], shocks, zi=np.array([law.persistence * first]))
        deviation = law.sigma * np.sqrt(law.intraday(ts)) * np.exp(state - law.spread)
        jumps = np.sqrt(rng.poisson(law.jump_rate, n)) * law.jump_scale * law.sigma * rng.standard_normal(n)
        return _Path(ts, state, deviation, deviation * rng.standard_normal(n) + jumps)

    def _price(self, log_price: Floats) -> Floats:
        price = 1000.0 * np.exp(log_price)
        return price if self.tick is None else np.maximum(np.round(price / self.tick), 1.0) * self.tick

    @cached_property
    def _bars(self) -> pl.DataFrame:
        path, rng, n = self._path, np.random.default_rng([self.seed, 1]), len(self._path.ts)
        level = np.cumsum(path.returns)
        # highest and lowest point of a Brownian bridge from the open to the close
        reach = [np.sqrt(path.returns**2 - 2 * path.deviation**2 * np.log1p(-rng.random(n))) for _ in range(2)]
        opened = level - path.returns
        o, c = self._price(np.concatenate([[0.0], level[:-1]])), self._price(level)
        high, low = self._price(opened + (path.returns + reach[0]) / 2), self._price(opened + (path.returns - reach[1]) / 2)
        volume = np.ceil(200 * path.deviation / self.dynamics.sigma * np.exp(0.4 * rng.standard_normal(n)))
        high, low = np.maximum(high, np.maximum(o, c)), np.minimum(low, np.minimum(o, c))
        columns = {"ts": path.ts, "ts_open": np.floor_divide(path.ts - 1, self.step) * self.step, "open": o, "high": high, "low": low}
        columns |= {
            "close": c,
            "volume": volume,
            "turnover": volume * (o + high + low + c) / 4,
            "count": np.ceil(volume / 3).astype(np.int64),
        }
        return pl.DataFrame(columns).with_columns(symbol=pl.lit(self.symbol), interval=pl.lit(self.step))

    @cached_property
    def _trades(self) -> pl.DataFrame:
        path, rng, each, n = self._path, np.random.default_rng([self.seed, 1]), _TRADES_PER_BAR, len(self._path.ts)
        opened = np.floor_divide(path.ts - 1, self.step) * self.step
        length = path.ts - opened
        when = opened[:, None] + np.sort((rng.random((n, each)) * length[:, None]).astype(np.int64), axis=1)
        walk = np.cumsum(rng.standard_normal((n, each)), axis=1) / math.sqrt(each)
        share = np.arange(1, each + 1) / each
        before = np.cumsum(path.returns) - path.returns
        level = before[:, None] + share * path.returns[:, None] + path.deviation[:, None] * (walk - share * walk[:, -1:])
        size = rng.geometric(0.3, n * each).astype(np.float64)
        trades = pl.DataFrame({"ts": when.ravel(), "price": self._price(level).ravel(), "size": size})
        return trades.with_columns(symbol=pl.lit(self.symbol))


def _normal_mixture(variance: Floats, jumps: Floats, jump_variance: float) -> Floats:
    """(m, q) quantiles at `ORACLE_LEVELS` of N(0, v + k jump_variance), v uniform over (m, nodes), k Poisson with mean `jumps` (m,)."""
    most = float(jumps.max())
    counts = np.arange(math.ceil(most + 6 * math.sqrt(most) + 4) if most > 0 and jump_variance > 0 else 1)
    factorial = np.cumprod(np.maximum(counts, 1).astype(np.float64))
    weight = np.exp(-jumps)[:, None] * jumps[:, None] ** counts / factorial if len(counts) > 1 else np.ones((len(jumps), 1))
    weight /= weight.sum(axis=1, keepdims=True)
    deviation = np.sqrt(variance[:, :, None] + counts * jump_variance)
    size = np.sqrt(np.einsum("mnk,mk->m", deviation**2, weight) / variance.shape[1])
    points = np.sinh(np.linspace(0.0, 4.2, 48)) / np.sinh(4.2) * 14.0
    above = np.empty((len(size), len(points)))
    for i, point in enumerate(points):
        above[:, i] = np.einsum("mnk,mk->m", ndtr(-(size * point)[:, None, None] / deviation), weight) / variance.shape[1]
    # seen through the normal law's inverse a mixture of normals is nearly a line, so linear interpolation is precise
    score = -ndtri(np.clip(above, 1e-300, 0.5))
    score[:, 0] = 0.0
    levels = np.array(ORACLE_LEVELS)
    wanted = ndtri(levels[levels > 0.5])
    upper = np.stack([np.interp(wanted, score[i], points) for i in range(len(size))]) * size[:, None]
    return np.concatenate([-upper[:, ::-1], np.zeros((len(size), 1)), upper], axis=1)
