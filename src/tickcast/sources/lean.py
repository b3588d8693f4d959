"""Data folders of the LEAN engine: zips of bare CSV, a file per contract, read into `trades`, `bars` or `book`.

`<day>_trade.zip`, `<day>_quote.zip` and `<day>_openinterest.zip`, ticks or minutes; members
`<day>_<ticker>[_<resolution>]_<kind>[_<yyyymm>].csv`. Times are milliseconds of a day: New York's for equities, UTC's for futures.
Prices of equities are in units of 0.0001, those of futures as they are. Format: the readme files beside each asset in LEAN's Data
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar
from zoneinfo import ZoneInfo

import polars as pl

from tickcast.cleaning import Cleaned, clean
from tickcast.clock import HOUR, MINUTE, SECOND
from tickcast.errors import ConfigError, SourceError
from tickcast.schema import CONTRACTS, TABLES, conform
from tickcast.sources.base import PortionSource
from tickcast.sources.files import FETCH_AGAIN, Paths, list_files, member_names, read_bytes
from tickcast.sources.portions import Portion
from tickcast.sources.stamps import Stamps
from tickcast.sources.tabular import read_csv

__all__ = ["Lean"]

_NAME = re.compile(
    r"(?P<day>\d{8})_(?P<ticker>[a-z0-9.]+?)(_(?P<resolution>minute|second|hour|tick))?"
    r"_(?P<kind>trade|quote|openinterest)(_(?P<tick>tick))?(_[a-z]*)?(_(?P<contract>\d{6}))?\.csv",
    re.IGNORECASE,
)
_INTERVALS = MappingProxyType({"second": SECOND, "minute": MINUTE, "hour": HOUR})
_MONTHS = "FGHJKMNQUVXZ"
_UNIT = 10_000  # of the prices of equities


def _quoted(side: str) -> tuple[str, ...]:
    return (f"{side}_open", f"{side}_high", f"{side}_low", f"{side}_price_1", f"{side}_size_1")


_COLUMNS = MappingProxyType(
    {
        ("trade", "tick"): ("ms", "price", "size", "exchange", "condition", "suspicious"),
        ("trade", "bar"): ("ms", "open", "high", "low", "close", "volume"),
        ("quote", "tick"): ("ms", "bid_price_1", "bid_size_1", "ask_price_1", "ask_size_1", "exchange", "condition", "suspicious"),
        ("quote", "bar"): ("ms", *_quoted("bid"), *_quoted("ask")),
        ("openinterest", "tick"): ("ms", "open_interest"),
        ("openinterest", "bar"): ("ms", "open_interest"),
    }
)
_TEXT = ("exchange", "condition")


class Lean(PortionSource):
    """A LEAN data folder, one chunk per zip.

    Parameters
    ----------
    files: zips, a folder (with all folders below it) or a list.
    table: `trades` (ticks), `bars` (minutes, seconds or hours) or `book` (best quotes: of ticks at each change, of bars as they stood at
        the bar's close).
    symbol: keep this ticker only, as `ES` or `SPY`; None keeps all. Contracts are named as their exchange does: ES of 201312 is ESZ13.
    open_interest: book only: read the files of open interest in place of the quotes, rows that hold nothing else.
    zone: of the day that the files count from; None for LEAN's own: New York for equities, UTC for futures.

    Rows that the vendor flagged as suspicious are quarantined. A bar, and the quote at its end, is known at the bar's close.
    """

    name: ClassVar[str] = "lean"

    def __init__(
        self,
        files: Paths,
        *,
        table: str = "bars",
        symbol: str | None = None,
        open_interest: bool = False,
        zone: str | None = None,
    ) -> None:
        if table not in ("trades", "bars", "book"):
            raise ConfigError(f"LEAN files give no table {table!r}", field="table", hint="choose trades, bars or book")
        if open_interest and table != "book":
            raise ConfigError("open interest is a column of table book", field="open_interest", hint="choose table book")
        self.table, self.symbol, self._zone = TABLES[table], symbol, Stamps(zone).zone
        self._kind = "openinterest" if open_interest else "quote" if table == "book" else "trade"
        found = [path for path in list_files(files, "**/*.zip") if re.fullmatch(rf"\d{{8}}_{self._kind}\.zip", path.name)]
        self.files = tuple(sorted((path for path in found if self._members(path)), key=lambda path: (path.name, path)))
        if not self.files:
            hint = f"their names end in _{self._kind}.zip; ticks give trades and book, minutes give bars and book"
            raise SourceError(f"no LEAN file of {table}" + (f" of {symbol}" if symbol else ""), file=str(files), hint=hint)

    def contracts(self) -> pl.DataFrame:
        """Each symbol from the midnight of its first file on: product and kind. When a contract ends the names do not tell."""
        first: dict[str, dict[str, object]] = {}
        for path in self.files:
            for name in map(_parts, self._members(path)):
                midnight = datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=ZoneInfo(self._counts_from(name)))
                kind = "future" if name["contract"] else "stock"
                row = {"symbol": _symbol(name), "ts": int(midnight.timestamp()) * SECOND, "product": name["ticker"].upper(), "kind": kind}
                first.setdefault(_symbol(name), row)
        return conform(pl.DataFrame([first[symbol] for symbol in sorted(first)]), CONTRACTS)

    def _read(self, portion: Portion) -> Cleaned:
        path = portion.file
        frames = [self._member(path, member) for member in self._members(path)]
        frame = pl.concat(frames, how="diagonal").sort("ts", maintain_order=True, nulls_last=True)
        reasons = [pl.col("trouble")]
        if "suspicious" in frame.columns:
            reasons.append(pl.when(pl.col("suspicious") == 1).then(pl.lit("flagged_by_vendor")))
        return clean(frame, self.table, reasons=reasons, origin=path.name)

    def _counts_from(self, name: dict[str, str]) -> str:
        """The zone whose midnight a member's milliseconds count from."""
        return self._zone or ("UTC" if name["contract"] else "America/New_York")

    def _members(self, path: Path) -> list[str]:
        """The files of an archive that hold this table and ticker."""
        named = [(member, _parts(member)) for member in sorted(member_names(path))]
        fits = [(member, name) for member, name in named if name and (self.symbol is None or name["ticker"].upper() == self.symbol.upper())]
        return [member for member, name in fits if self.table.name == "book" or (_ticks(name) == (self.table.name == "trades"))]

    def _member(self, path: Path, member: str) -> pl.DataFrame:
        """Rows of one contract."""
        name = _parts(member)
        ticks = _ticks(name)
        raw = _numbers(read_bytes(path, member), _COLUMNS[self._kind, "tick" if ticks else "bar"], f"{path}!{member}")
        local = pl.lit(date.fromisoformat(name["day"])).cast(pl.Datetime("ns")) + pl.duration(milliseconds=pl.col("ms"))
        times = Stamps(self._counts_from(name)).nanoseconds(raw.select(local.alias("time")).to_series(), file=path, field="ms")
        interval = 0 if ticks or self._kind == "openinterest" else _INTERVALS[name["resolution"].lower() or "minute"]
        frame = pl.concat([raw, times], how="horizontal").with_row_index("row", offset=1)
        frame = frame.with_columns(pl.lit(_symbol(name)).alias("symbol"), pl.col("ts") + interval)
        if name["contract"]:
            frame = frame.with_columns(pl.col("symbol").alias("underlying_contract"))
        if not name["contract"]:  # an equity: prices are whole numbers of 0.0001
            prices = [each for each in raw.columns if each in ("price", "open", "high", "low", "close") or each.endswith("price_1")]
            frame = frame.with_columns(pl.Series(each, frame[each].to_numpy() / _UNIT).fill_nan(None) for each in prices)
        if self._kind == "openinterest":
            return frame.with_columns(pl.lit(None, pl.Float64).alias(name) for name in ("bid_price_1", "bid_size_1"))
        if self.table.name == "bars":
            return frame.with_columns(pl.lit(interval, pl.Int64).alias("interval"), (pl.col("ts") - interval).alias("ts_open"))
        return _both_sides(frame) if self._kind == "quote" and ticks and not name["contract"] else frame


def _both_sides(quotes: pl.DataFrame) -> pl.DataFrame:
    """Ticks of equities tell one side a row, 0 on the other, which stays as it was."""
    told = [
        pl.when(pl.col(f"{side}_size_1") > 0).then(pl.col(f"{side}_{what}_1")).forward_fill().alias(f"{side}_{what}_1")
        for side in ("bid", "ask")
        for what in ("price", "size")
    ]
    sound = quotes.filter(pl.col("suspicious") != 1).with_columns(told)
    flagged = quotes.filter(pl.col("suspicious") == 1)
    return pl.concat([sound, flagged]).sort("row")


def _numbers(content: bytes, names: Sequence[str], file: str) -> pl.DataFrame:
    """The member's columns; SourceError naming row and field of a cell that is no number."""
    schema = {name: pl.String if name in _TEXT else pl.Int64 if name == "ms" else pl.Float64 for name in names}
    if not content:
        return pl.DataFrame(schema=schema)
    text = read_csv(content, Path(file), tuple(names))
    frame = text.select(pl.col(name).cast(dtype, strict=False) for name, dtype in schema.items())
    for name in names:
        lost = frame[name].is_null() & text[name].fill_null("").ne("")
        if lost.any():
            at = int(lost.arg_max() or 0)
            raise SourceError(f"{text[name][at]!r} is no number", file=file, row=at + 1, field=name, hint=FETCH_AGAIN)
    return frame


def _symbol(name: dict[str, str]) -> str:
    ticker, contract = name["ticker"].upper(), name["contract"]
    return f"{ticker}{_MONTHS[int(contract[4:]) - 1]}{contract[2:4]}" if contract else ticker


def _parts(member: str) -> dict[str, str]:
    match = _NAME.fullmatch(Path(member).name)
    return {key: value or "" for key, value in match.groupdict().items()} if match else {}


def _ticks(name: dict[str, str]) -> bool:
    return "tick" in (name["resolution"].lower(), name["tick"].lower())
