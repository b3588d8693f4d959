"""Writes a profile: quality report, data dictionary, sample queries and the figures behind them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from tickcast.clock import SECOND, day_text
from tickcast.pages import SWITCH, page
from tickcast.profile.documents import as_json, dictionary, number, part, queries
from tickcast.profile.pictures import coverage_picture, day_picture
from tickcast.profile.profile import Profile
from tickcast.profile.symbols import Gap, SymbolFacts

__all__ = ["write_profile"]

_DRAWN = 6
_LISTED = 200


def write_profile(found: Profile, folder: Path) -> tuple[Path, ...]:
    """`quality.html`, `dictionary.md`, `queries.sql` and `profile.json` in `folder`, made if absent; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "quality.html": page(f"{found.table.name}: quality", _body(found)),
        "dictionary.md": dictionary(found),
        "queries.sql": queries(found),
        "profile.json": json.dumps(as_json(found), indent=1, allow_nan=False) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(folder / name for name in texts)


def _body(found: Profile) -> str:
    parts = [SWITCH, f"<h1>{escape(found.table.name)}</h1>", _summary(found), _symbols(found)]
    parts += [_coverage(found), _days(found), _gaps(found), _columns(found), _questions(found)]
    return "".join(parts)


def _summary(found: Profile) -> str:
    missing = sum(map(len, found.missing.values()))
    days = len({each.day for each in found.days})
    first, last = min(each.day for each in found.days), max(each.day for each in found.days)
    text = f"{_counted(found.rows, 'row')} of {_counted(len(found.symbols), 'symbol')} on {_counted(days, 'trading day')}"
    wanted = (
        f", {_counted(missing, 'expected day')} missing" if found.calendar else "; no calendar was named, so none is known to be missing"
    )
    meta = f"{day_text(first)} to {day_text(last)}, dataset version {found.version[:16]}, local time of {escape(found.zone)}"
    return f'<p class="finding">{text}{wanted}.</p><p class="meta">{meta}</p>'


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _symbols(found: Profile) -> str:
    heads = [
        "symbol",
        "days",
        "missing",
        "rows",
        "rows a day",
        "price",
        "step",
        "volume",
        "pace",
        "ties",
        "crossed",
        "locked",
    ]
    rows = [_cells(found, each) for each in found.symbols[:_LISTED]]
    more = f"<p class='soft'>The {_LISTED} symbols with most rows of {len(found.symbols):,}.</p>" if len(found.symbols) > _LISTED else ""
    return f"<h2>Symbols</h2>{_table([*heads, 'median spread'], rows)}{more}"


def _cells(found: Profile, each: SymbolFacts) -> list[str]:
    price = "" if each.low is None else f"{number(each.low)} – {number(each.high)}"
    missing = len(found.missing.get(each.symbol, ()))
    quoted = [f"{each.crossed:,}", f"{each.locked:,}", f"{each.spread:.2f} bp"] if each.spread is not None else ["", "", ""]
    return [
        each.symbol,
        f"{each.days:,}",
        f"<b>{missing:,}</b>" if missing else "0" if found.calendar else "",
        f"{each.rows:,}",
        f"{each.rows / max(each.days, 1):,.0f}",
        price,
        number(each.tick),
        "" if each.volume is None else f"{each.volume:,.0f}",
        _pace(each.pace),
        f"{each.tied / max(each.rows, 1):.1%}",
        *quoted,
    ]


def _pace(duration: int) -> str:
    """A duration to three digits or so."""
    for size, unit in ((86_400 * SECOND, "d"), (3600 * SECOND, "h"), (60 * SECOND, "m"), (SECOND, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if duration >= size:
            return f"{duration / size:.3g} {unit}"
    return f"{duration} ns" if duration else ""


def _coverage(found: Profile) -> str:
    drawn = [f"<h3>{escape(each.symbol)}</h3>{coverage_picture(found, each.symbol)}" for each in found.symbols[:_DRAWN]]
    key = (
        '<p class="meta key"><span class="d0"></span>few rows<span class="d1"></span>as usual'
        '<span class="d2"></span>many<span class="missing"></span>missing'
        '<span class="none"></span>known to be empty</p>'
    )
    return f"<h2>Days stored</h2>{key}{''.join(drawn)}"


def _days(found: Profile) -> str:
    out = []
    for each in found.symbols[:_DRAWN]:
        pictures = [day_picture(each, 0, "rows", "{:,.0f}")]
        pictures += [day_picture(each, 1, "volume", "{:,.0f}")] if each.volume is not None else []
        pictures += [day_picture(each, 2, "mean spread, bp", "{:.1f}")] if each.spread is not None else []
        out.append(f'<h3>{escape(each.symbol)}</h3><div class="panels">{"".join(pictures)}</div>')
    return f"<h2>By time of day, {escape(found.zone)}</h2>{''.join(out)}"


def _gaps(found: Profile) -> str:
    gaps = sorted((gap for each in found.symbols for gap in each.gaps), key=lambda gap: gap.start - gap.end)[:40]
    told = (
        "inside a session" if any(each.column.name == "session_id" and each.nulls < each.rows for each in found.columns) else "inside a day"
    )
    rows = [[gap.symbol, _stamp(gap.start), _stamp(gap.end), _length(gap)] for gap in gaps]
    said = _table(["symbol", "last row before", "next row", "length"], rows) if rows else "<p>None beyond ten times the usual pace.</p>"
    return f"<h2>Longest silences {told}</h2>{said}"


def _length(gap: Gap) -> str:
    return _pace(gap.end - gap.start)


def _stamp(ts: int) -> str:
    return number(ts, "ns UTC")


def _columns(found: Profile) -> str:
    heads = ["column", "unit", "null", "zero", "lowest", "1 %", "25 %", "median", "75 %", "99 %", "highest", "step"]
    rows = []
    for each in found.columns:
        if each.nulls == each.rows:
            continue
        unit = each.column.unit
        quantiles = [number(value, unit) for value in each.quantiles] or [""] * 5
        absent = [part(each.nulls, each.rows), part(each.zeros, each.rows)]
        rows.append(
            [each.column.name, unit, *absent, number(each.low, unit), *quantiles, number(each.high, unit), number(each.granularity)]
        )
    never = [each.column.name for each in found.columns if each.nulls == each.rows]
    absent_all = f'<p class="soft">Always null: {escape(", ".join(never))}.</p>' if never else ""
    return f'<h2>Columns</h2><div class="scroll">{_table(heads, rows)}</div>{absent_all}'


def _questions(found: Profile) -> str:
    return f"<h2>Questions to begin with</h2><p>With <code>tickcast data sql</code>:</p><pre>{escape(queries(found))}</pre>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table without the columns in which nothing stands."""
    told = [at for at in range(len(heads)) if any(row[at] for row in rows)]
    heads, rows = [heads[at] for at in told], [[row[at] for at in told] for row in rows]
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    cells = "".join(
        "<tr>" + "".join(f"<td>{each if each.startswith('<b>') else escape(each)}</td>" for each in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{cells}</table></div>'
