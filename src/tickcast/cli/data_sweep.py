"""`tickcast data compact` and `collect`: parts of days are joined, versions and blocks that nobody needs are removed."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tickcast.cli.arguments import AsJson, Quiet, StoreAddress
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal
from tickcast.clock import DAY, day_number

__all__ = ["collect", "compact"]


def compact(
    table: str | None = None,
    *,
    symbol: tuple[str, ...] = (),
    store: StoreAddress = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Join the parts of every day that has more than one, as live recordings leave them. Rows and version stay the same.

    For example:

    tickcast data compact

    tickcast data compact trades --symbol SPY --json

    Parameters
    ----------
    table
        Only this table, as bars or trades.
    symbol
        Only this symbol; may be given several times.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    with terminal.progress() as listener, stored(store) as kept:
        days = kept.compact(table, list(symbol) or None, progress=lambda what, share: listener("compact", what, share))
        version = kept.version()
    text = f"{days} days joined; version {version}" + ("\ntickcast data collect removes the parts" if days else "")
    terminal.answer({"days": days, "version": version}, text)


def collect(
    *,
    keep: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    forget_receipts: bool = False,
    store: StoreAddress = "data/store",
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Forget every version but the present one and those to keep, and remove the files that nothing needs any more.

    Versions that the store's receipts name are kept: experiments are answered from them. A run on a version that is gone cannot be
    repeated on its data.

    For example:

    tickcast data collect

    tickcast data collect --keep 2024-03-31 --keep 4f1c…

    Parameters
    ----------
    keep
        A version, or a day: the version at the end of that day (UTC). May be given several times.
    forget_receipts
        Keep no version for the sake of receipts; who asks for one reads its files again.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    wanted: list[int | str] = [each if len(each) == 64 else (day_number(each) + 1) * DAY - 1 for each in keep]
    from tickcast.lifecycle.receipts import versions_named

    with terminal.progress() as listener, stored(store) as kept:
        named = [] if forget_receipts else [each for each in versions_named(store) if kept.holds(each)]
        found = kept.collect([*wanted, *named], progress=lambda what, share: listener("collect", what, share))
    told = {"versions": found.versions, "blocks": found.blocks}
    terminal.answer(told, f"{found.versions} versions forgotten, {found.blocks} files removed")
