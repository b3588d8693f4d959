"""The texts of a profile: the data dictionary and sample queries that run as they stand."""

from __future__ import annotations

from typing import Any

from tickcast.clock import day_text, format_duration, time_text
from tickcast.profile.columns import ColumnFacts
from tickcast.profile.profile import Profile

__all__ = ["as_json", "dictionary", "number", "part", "queries"]


def dictionary(found: Profile) -> str:
    """Markdown: every column with type, unit, meaning and what is stored in it."""
    identity = ", ".join(f"`{name}`" for name in found.table.identity)
    among = " and stand at the same place among equals" if found.table.repeats else ""
    head = [
        f"# Data dictionary of `{found.table.name}`",
        "",
        f"{found.rows:,} rows of {len(found.symbols):,} symbol{'' if len(found.symbols) == 1 else 's'}, dataset version `{found.version}`. "
        f"Two rows are the same when they agree in {identity}{among}. "
        f"Quantiles are those of {found.sampled:,} rows spread over all.",
        "",
        "| column | type | unit | meaning | null | lowest | 1 % | median | 99 % | highest | step |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(_row(each) for each in found.columns)]) + "\n"


def _row(facts: ColumnFacts) -> str:
    column = facts.column
    absent = "all" if facts.nulls == facts.rows else part(facts.nulls, facts.rows) or "-"
    middle = [number(facts.quantiles[at], column.unit) for at in (0, 2, 4)] if facts.quantiles else ["", "", ""]
    edges = number(facts.low, column.unit), number(facts.high, column.unit)
    cells = [f"`{column.name}`", str(column.dtype), column.unit, column.meaning, absent, edges[0], *middle, edges[1]]
    return "| " + " | ".join([*cells, number(facts.granularity)]) + " |"


def number(value: object, unit: str = "") -> str:
    """A value for people: a stamp as its time, a day as its date, a length with its unit.

    >>> number(86_400_000_000_000, "ns UTC"), number(1.0, "days since 1970-01-01"), number(300_000_000_000, "ns"), number(0.125)
    ('1970-01-02 00:00:00 UTC', '1970-01-02', '5m', '0.125')
    """
    if value is None:
        return ""
    if unit == "ns UTC" and isinstance(value, int | float):
        return time_text(int(value))
    if unit == "ns" and isinstance(value, int | float) and value >= 1:
        return format_duration(int(value))
    if unit == "days since 1970-01-01" and isinstance(value, int | float):
        return day_text(int(value))
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def part(count: int, of: int) -> str:
    """A share in percent: what is there is never told as nothing.

    >>> part(1, 30_000), part(1, 40), part(0, 9)
    ('< 0.01%', '2.50%', '')
    """
    return "" if not count else f"{count / of:.2%}" if count / of >= 0.5e-4 else "< 0.01%"


def queries(found: Profile) -> str:
    """SQL for `tickcast data sql`, one statement after a comment; each runs over this table."""
    table, key = found.table.name, found.table.identity[0]
    symbol = found.symbols[0].symbol.replace("'", "''")
    level = {"trades": "price", "bars": "close", "book": "bid_price_1", "options": "iv", "signals": "value"}.get(table)
    asked = [
        (
            "rows per symbol, from when to when",
            f"SELECT {key}, count(*) AS n, utc(min(ts)) AS first, utc(max(ts)) AS last FROM {table} GROUP BY 1",
        ),
        ("rows per symbol and UTC day", f"SELECT {key}, utc(ts)::DATE AS day, count(*) AS n FROM {table} GROUP BY ALL ORDER BY ALL"),
        ("what is stored, from the ledger", f"SELECT * FROM coverage WHERE \"table\" = '{table}' ORDER BY symbol, trading_day"),
    ]
    told = {each.column.name for each in found.columns if each.nulls < each.rows}
    if level in told:
        hourly = f"SELECT date_trunc('hour', utc(ts)) AS hour, arg_min({level}, ts) AS first, max({level}) AS high, min({level}) AS low"
        asked.append((f"{level} by the hour", f"{hourly} FROM {table} WHERE {key} = '{symbol}' GROUP BY 1 ORDER BY 1"))
    if table == "trades":
        paid = "SELECT date_trunc('minute', utc(ts)) AS minute, sum(price * size) / sum(size) AS vwap, sum(size) AS volume"
        asked.append(("volume-weighted price by the minute", f"{paid} FROM trades WHERE symbol = '{symbol}' GROUP BY 1 ORDER BY 1"))
    if table == "options":
        if "iv" in told:
            asked.append(("median implied volatility by right and month of expiry", _BY_EXPIRY.format(symbol=symbol)))
        if "volume" in told:
            asked.append(("puts traded per call traded, by day", _PUT_CALL.format(symbol=symbol)))
    if table == "book":
        asked.append(("median spread by the hour, in basis points", _SPREAD.format(symbol=symbol)))
    return "".join(f"-- {what}\n{text};\n\n" for what, text in asked)


_BY_EXPIRY = (
    "SELECT \"right\", date_trunc('month', utc(expiry)) AS expiry, median(iv) AS iv, count(*) AS n FROM options "
    "WHERE underlying = '{symbol}' AND iv > 0 GROUP BY ALL ORDER BY ALL"
)
_PUT_CALL = (
    'SELECT utc(ts)::DATE AS day, sum(volume) FILTER ("right" = -1) / nullif(sum(volume) FILTER ("right" = 1), 0) AS put_call '
    "FROM options WHERE underlying = '{symbol}' GROUP BY 1 ORDER BY 1"
)
_SPREAD = (
    "SELECT date_trunc('hour', utc(ts)) AS hour, median(2e4 * (ask_price_1 - bid_price_1) / (ask_price_1 + bid_price_1)) AS spread "
    "FROM book WHERE symbol = '{symbol}' GROUP BY 1 ORDER BY 1"
)


def as_json(found: Profile) -> dict[str, Any]:
    """The whole profile as JSON values."""
    columns = [
        {
            "name": each.column.name,
            "type": str(each.column.dtype),
            "unit": each.column.unit,
            "meaning": each.column.meaning,
            **{name: getattr(each, name) for name in ("rows", "nulls", "zeros", "low", "high", "quantiles", "distinct", "granularity")},
        }
        for each in found.columns
    ]
    symbols = []
    for each in found.symbols:
        plain = {name: value for name, value in vars(each).items() if name not in ("gaps", "slots")}
        gaps = [{"start": gap.start, "end": gap.end} for gap in each.gaps]
        slots = [[None if cell != cell else float(cell) for cell in row] for row in each.slots]
        lost = {
            name: [day_text(day) for day in days.get(each.symbol, ())]
            for name, days in (("missing", found.missing), ("empty", found.empty))
        }
        symbols.append({**plain, **lost, "gaps": gaps, "slots": slots})
    head = {"table": found.table.name, "version": found.version, "rows": found.rows, "zone": found.zone, "calendar": found.calendar}
    return {**head, "sampled": found.sampled, "columns": columns, "symbols": symbols}
