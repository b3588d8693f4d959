"""`tickcast features validate`: how a set's features have changed since a reference period."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from tickcast.cli.arguments import Quiet, Settings
from tickcast.cli.events import moment
from tickcast.cli.feature_sets import words_of
from tickcast.cli.streams import events_by_stream
from tickcast.cli.terminal import Terminal

__all__ = ["validate"]


def validate(
    name: str,
    *,
    until: str,
    data: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    config: Path | None = None,
    set_: Settings = (),
    periods: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=60))] = 6,
    out: Path = Path("validation"),
    store: str = "data/store",
    json: bool = False,
    quiet: Quiet = False,
) -> None:
    """Compare a set's features after a moment with those before it: drift, what is missing, stuck, out of range or says the same.

    Writes validation.html, a page with pictures that needs no network, and validation.json.

    For example:

    tickcast features validate my-set.yaml --data bars.parquet --until 2022-12-31

    tickcast features validate nq24 --config configs/nq-5m.yaml --until 2022-12-31 --out report

    Parameters
    ----------
    name
        A YAML file, or a shipped set's name.
    until
        End of the reference period: a day (inclusive, UTC), an ISO time, or UTC nanoseconds. Tables that the set learns are learned on it.
    data
        CSV or Parquet file of rows of the set's stream in time order; for a set of several streams one file each, as --data STREAM=FILE.
    config
        An experiment's YAML file instead: the rows of its data section.
    periods
        Runs into which the rows after the moment are cut.
    out
        Folder to write into.
    store
        Folder of the embedded store, or the address of a server store, that --config reads into.
    json
        Write what was found as JSON.
    """
    words = words_of(name)
    from tickcast.evaluate.validation import validate as compare
    from tickcast.evaluate.validation_page import validation_finding, write_validation
    from tickcast.features import FeatureSet

    features, end = FeatureSet.from_dict(words), moment(until)
    terminal = Terminal(quiet=quiet, as_json=json)
    events = events_by_stream(features, data, config, set_, store=store, terminal=terminal)
    with terminal.progress() as listener:
        if features.needs_fit:
            features = features.fit(events, end)
        listener("validate", "features", 0.2)
        table = features.compute(events)
        listener("validate", "periods", 0.5)
        found = compare(features.name, table, end, features.warmup, periods=periods)
        page = write_validation(found, out)
        listener("validate", "page", 1.0)
    told = [f"{each.name}: {'; '.join(each.remarks)}" for each in found.features if each.remarks]
    terminal.answer({"page": str(page), **found.as_dict()}, "\n".join([validation_finding(found), *told, str(page)]))
