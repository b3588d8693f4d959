"""`tickcast data compact` and `collect`: parts of days are joined, versions and blocks that nobody needs are removed."""

from __future__ import annotations

import json as json_text
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickcast.cli.arguments import AsJson, Quiet, StoreAddress
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal
from tickcast.clock import DAY, day_number
from tickcast.errors import StoreError

if TYPE_CHECKING:
    from tickcast.store import Store

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
    with terminal.progress() as listener, stored(store) as kept:
        named = [] if forget_receipts else [each for each in _receipts(store) if _holds(kept, each)]
        found = kept.collect([*wanted, *named], progress=lambda what, share: listener("collect", what, share))
    told = {"versions": found.versions, "blocks": found.blocks}
    terminal.answer(told, f"{found.versions} versions forgotten, {found.blocks} files removed")


def _holds(store: Store, version: str) -> bool:
    try:
        store.version(version)
    except StoreError:
        return False
    return True


def _receipts(store: str) -> list[str]:
    """Versions that a store's receipts name; a damaged receipt names none."""
    from tickcast.lifecycle.receipts import receipts_of

    out = []
    for path in sorted(receipts_of(store).glob("*.json")):
        try:
            out.append(str(json_text.loads(path.read_text(encoding="utf-8"))["version"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return out
