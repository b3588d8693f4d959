"""`tickcast data copy`: a dataset from one store to another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from tickcast.cli.arguments import AsJson, NewStore, Quiet, StoreAddress
from tickcast.cli.stored import stored
from tickcast.cli.terminal import Terminal

__all__ = ["copy"]


def copy(
    origin: StoreAddress,
    target: NewStore,
    *,
    table: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    symbol: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    read_back: bool = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Copy what a store holds into another one and prove by the manifests of the days that both hold the same. Run it again to go on.

    Rows, no-data days, definitions and derived days of the present version are copied; older versions are not. Equal days are passed
    over, each batch of days is one commit.

    For example:

    tickcast data copy data/store "questdb://127.0.0.1:8812/main?http=9000&password=data/questdb/password"

    tickcast data copy data/store /backup/store --table bars --symbol MGC --read-back --json

    Parameters
    ----------
    table
        Only this table; may be given several times.
    symbol
        Only this symbol; may be given several times.
    read_back
        Read every copied day from the target again and compare its rows with the manifest.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    from tickcast.store import Store
    from tickcast.store.copying import copy as copy_days

    with terminal.progress() as listener, stored(origin) as one, Store.open(target) as other:
        done = copy_days(
            one,
            other,
            tables=table or None,
            symbols=symbol or None,
            read_back=read_back,
            progress=lambda what, share: listener("copy", what, share),
        )
    text = (
        f"{done.days} days ({done.rows} rows) copied, {done.there} were there; {done.no_data} no-data days, "
        f"{done.definitions} definitions, {done.derived} derived days\n"
        f"equal by manifest: all {done.days + done.there} days" + (f", {done.read_back} read back" if read_back else "") + "\n"
        f"version {done.target_version}" + ("" if done.version == done.target_version else f" (the origin's is {done.version})")
    )
    terminal.answer({**asdict(done), "equal": True}, text)
