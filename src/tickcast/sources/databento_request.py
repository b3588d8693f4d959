"""What is asked of Databento: a dataset, a schema, symbols, and the pieces of time in which they come."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from urllib.parse import quote

from tickcast.clock import DAY, HOUR, MINUTE, SECOND
from tickcast.errors import ConfigError

__all__ = ["SCHEMAS", "Piece", "Request", "Schema", "pieces"]


@dataclass(frozen=True)
class Schema:
    """A schema of Databento's: the tables made of it, the usual one first; the ns a row is known after the stamp that requests go by; its
    record type; and its pieces.

    `monthly` schemas come a month a piece where a whole month is asked for; the others a day, for a day of them is large enough.
    """

    tables: tuple[str, ...]
    delay: int
    rtype: int
    monthly: bool


SCHEMAS: Mapping[str, Schema] = MappingProxyType(
    {
        "ohlcv-1s": Schema(("bars",), SECOND, 32, False),
        "ohlcv-1m": Schema(("bars",), MINUTE, 33, True),
        "ohlcv-1h": Schema(("bars",), HOUR, 34, True),
        "ohlcv-1d": Schema(("bars",), DAY, 35, True),
        "trades": Schema(("trades",), 0, 0, False),
        "mbp-1": Schema(("book", "trades"), 0, 1, False),
        "mbp-10": Schema(("book", "trades"), 0, 10, False),
        "mbo": Schema(("orders", "book", "trades"), 0, 160, False),
        "definition": Schema(("contracts",), 0, 19, False),
    }
)
_CONTINUOUS = re.compile(r"[^.]+\.[cnv]\.\d+")
_PARENT = re.compile(r"[^.]+\.(FUT|OPT|SPOT)")
_MOST = 2000  # symbols of a request


@dataclass(frozen=True)
class Piece:
    """Whole UTC days [first, last), days since 1970-01-01, that are asked for and kept together."""

    first: int
    last: int

    @property
    def start(self) -> int:
        """UTC ns."""
        return self.first * DAY

    @property
    def end(self) -> int:
        """UTC ns."""
        return self.last * DAY

    @property
    def name(self) -> str:
        """As 2021-03-05 for a day and 2021-03-01_2021-04-01 for more."""
        return str(_date(self.first)) if self.last == self.first + 1 else f"{_date(self.first)}_{_date(self.last)}"


@dataclass(frozen=True)
class Request:
    """What is asked for, whatever the time.

    Parameters
    ----------
    dataset: as GLBX.MDP3. schema: one of `SCHEMAS`.
    symbols: raw (`MGCG1`), of a parent (`MGC.FUT`) or continuous (`NQ.v.0`), all of one kind.
    stype_in: that kind, as Databento calls it; None reads it off the symbols.

    Raises ConfigError naming what makes no sense.
    """

    dataset: str
    schema: str
    symbols: tuple[str, ...]
    stype_in: str | None = None

    def __post_init__(self) -> None:
        if self.schema not in SCHEMAS:
            raise ConfigError(f"no schema {self.schema!r} is read", field="schema", hint=f"choose one of {', '.join(SCHEMAS)}")
        if not re.fullmatch(r"[A-Z0-9]+\.[A-Z0-9]+", self.dataset):
            raise ConfigError(f"{self.dataset!r} is no dataset", field="dataset", hint="as GLBX.MDP3")
        if not self.symbols or len(self.symbols) > _MOST or any(not one or "," in one for one in self.symbols):
            raise ConfigError(
                f"{len(self.symbols)} symbols", field="symbol", hint=f"name 1 to {_MOST} of them, as MGCG1, MGC.FUT or NQ.v.0"
            )
        kinds = {_kind(symbol) for symbol in self.symbols}
        if self.stype_in is None and len(kinds) > 1:
            raise ConfigError(
                f"{', '.join(sorted(self.symbols)[:4])} are symbols of several kinds", field="symbol", hint="ask for one kind"
            )
        object.__setattr__(self, "symbols", tuple(sorted(set(self.symbols))))
        object.__setattr__(self, "stype_in", self.stype_in or kinds.pop())

    @property
    def folder(self) -> str:
        """Where its files lie below a cache: dataset, schema, and the symbols with their kind."""
        named = "+".join(quote(symbol, safe=" .") for symbol in self.symbols)
        if len(named) > 120:
            named = f"{len(self.symbols)}-symbols-{_digest(self.symbols)}"
        return f"{self.dataset}/{self.schema}/{self.stype_in}-{named}"

    def words(self, start: int, end: int) -> dict[str, str]:
        """The form of a request for [start, end), UTC ns."""
        words = {"dataset": self.dataset, "schema": self.schema, "symbols": ",".join(self.symbols), "stype_in": str(self.stype_in)}
        return words | {"stype_out": "instrument_id", "start": str(start), "end": str(end)}


def pieces(days: Sequence[int], monthly: bool, kept: Collection[str] = ()) -> list[Piece]:
    """The UTC days, in order, as pieces: a month where all of it is asked for and none of its days is `kept` (names of pieces) by itself.

    >>> [piece.name for piece in pieces(range(18627, 18659), True)]
    ['2020-12-31', '2021-01-01_2021-02-01']
    """
    out: list[Piece] = []
    wanted, at = list(days), 0
    while at < len(wanted):
        one = Piece(wanted[at], wanted[at] + 1)
        month = _month(wanted[at])
        if monthly and month.first == wanted[at] and wanted[at : at + month.last - month.first] == list(range(month.first, month.last)):
            alone = any(Piece(day, day + 1).name in kept for day in range(month.first, month.last))
            one = month if month.name in kept or not alone else one
        elif monthly and month.name in kept:  # a part of a month that is there as a whole
            one = month
        out.append(one)
        while at < len(wanted) and wanted[at] < one.last:
            at += 1
    return out


def _kind(symbol: str) -> str:
    return "continuous" if _CONTINUOUS.fullmatch(symbol) else "parent" if _PARENT.fullmatch(symbol) else "raw_symbol"


def _date(day: int) -> date:
    return datetime.fromtimestamp(day * 86_400, UTC).date()


def _month(day: int) -> Piece:
    begin = _date(day).replace(day=1)
    after = (begin + timedelta(days=31)).replace(day=1)
    epoch = date(1970, 1, 1)
    return Piece((begin - epoch).days, (after - epoch).days)


def _digest(symbols: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(symbols).encode()).hexdigest()[:16]
