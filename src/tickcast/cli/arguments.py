"""Arguments that several commands share, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

__all__ = ["AsJson", "DatasetFile", "FirstDay", "LastDay", "NewStore", "Quiet", "Settings", "StoreAddress"]

AsJson = Annotated[bool, Parameter(show_default=False, help="Write the answer as JSON.")]
DatasetFile = Annotated[
    Path,
    Parameter(
        help="YAML file whose data section names source, symbol, table and calendar: an experiment's, or one that holds nothing else."
    ),
]
FirstDay = Annotated[
    str | None,
    Parameter(name="--from", help="First trading day, as 2024-03-01; by default the configuration's start, else the first one stored."),
]
LastDay = Annotated[
    str | None, Parameter(help="Last trading day, inclusive; by default the configuration's end, else the last one stored.")
]
NewStore = Annotated[str, Parameter(help="Folder of the embedded store, or the address of a server store; made if absent.")]
Quiet = Annotated[bool, Parameter(show_default=False, help="No progress, no remarks.")]
Settings = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set", consume_multiple=False, show_default=False, help="Change one setting, as data.symbol=NQ; may be given several times."
    ),
]
StoreAddress = Annotated[str, Parameter(help="Folder of the embedded store, or the address of a server store.")]
