"""`tickcast data profile`: data dictionary, quality report and sample queries of a stored table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tickcast.cli.arguments import Quiet, StoreAddress
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal, counted

__all__ = ["profile"]


def profile(
    table: str,
    *,
    symbol: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    calendar: str | None = None,
    zone: str = "UTC",
    out: Path = Path("profile"),
    store: StoreAddress = "data/store",
    json: bool = False,
    quiet: Quiet = False,
) -> None:
    """Read a stored table once and write what it holds: quality.html, dictionary.md, queries.sql and profile.json.

    For example:

    tickcast data profile trades --calendar NYSE --out profile/trades

    tickcast data profile options --symbol SPX --calendar CBOE --json

    Parameters
    ----------
    table
        trades, bars, book, orders, options, surface, signals or contracts.
    symbol
        Only this symbol; may be given several times.
    calendar
        Whose trading days are expected and whose clock the day follows, as NYSE or CME_Equity.
    zone
        The clock the day follows where no calendar is named, as Asia/Shanghai.
    out
        Folder for the files.
    json
        Write the figures as JSON.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    from tickcast.profile import profile as profiled
    from tickcast.profile import write_profile
    from tickcast.profile.documents import as_json

    with stored(store) as kept, terminal.progress() as listener:

        def told(what: str, share: float) -> None:
            listener("profile", what, share)

        found = profiled(kept, table, symbol or None, calendar_name=calendar, zone=zone, progress=told)
    files = write_profile(found, out)
    missing = sum(map(len, found.missing.values()))
    held = f"{counted(found.rows, 'row')} of {counted(len(found.symbols), 'symbol')}, {counted(missing, 'expected day')} missing"
    lines = [held, *map(str, files)]
    terminal.answer({**as_json(found), "files": [str(path) for path in files]}, "\n".join(lines))
