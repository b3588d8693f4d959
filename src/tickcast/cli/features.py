"""`tickcast features`: the feature sets, their expressions, what they need."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators
from rich.markup import escape
from rich.table import Table

from tickcast.cli.arguments import Quiet, Settings
from tickcast.cli.feature_choice import generate, select
from tickcast.cli.feature_explain import explain
from tickcast.cli.feature_materialise import materialise
from tickcast.cli.feature_register import register, retire
from tickcast.cli.feature_sets import Named, named, registry_in, row_of, shipped, words_of
from tickcast.cli.feature_validate import validate
from tickcast.cli.streams import events_by_stream, last_events
from tickcast.cli.terminal import Terminal

__all__ = ["features"]

features = App(name="features", help="List, explain, check, register and materialise feature sets.")


@features.command(name="list")
def _list(*, search: str = "", store: str = "data/store", json: bool = False, quiet: Quiet = False) -> None:
    """Name every feature set: those in the package, and those registered in the store.

    For example:

    tickcast features list

    tickcast features list --search garman_klass

    tickcast features list --store data/store --json

    Parameters
    ----------
    search
        Only sets whose name, line of description, features or expressions hold this text.
    store
        Folder of the embedded store, or the address of a server store, whose registry is asked.
    json
        Write the sets as JSON, with the names of their features.
    """
    terminal = Terminal(quiet=quiet, as_json=json)
    rows = []
    with terminal.progress() as listener, registry_in(store) as registry:
        known = shipped()
        for done, name in enumerate(known):
            listener("list", "feature sets", done / len(known))
            rows.append(row_of(named(name, registry), "in the package"))
        for entry in registry.search() if registry is not None else ():
            rows.append(row_of(Named(entry.features, entry.lineage.file, entry), f"registered, version {entry.version}"))
    wanted = search.lower()
    kept = [row for row in rows if any(wanted in str(value).lower() for value in row.values())]
    table = Table("set", "where", "stream", "clock", "features", "longest warm-up", "about", box=None)
    for row in kept:
        count = str(len(row["features"]))
        table.add_row(
            *(escape(str(row[key])) for key in ("name", "where", "stream", "clock")), count, str(row["warm_up"]), escape(row["about"])
        )
    terminal.answer(kept, table if kept else f"no feature set holds {search!r}")


features.command(explain, name="explain")
features.command(register, name="register")
features.command(retire, name="retire")
features.command(materialise, name="materialise")
features.command(generate, name="generate")
features.command(select, name="select")
features.command(validate, name="validate")


@features.command(name="check")
def _check(
    name: str,
    *,
    data: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    config: Path | None = None,
    set_: Settings = (),
    rows: Annotated[int, Parameter(validator=validators.Number(gte=20, lte=1_000_000))] = 3000,
    seed: int = 7,
    store: str = "data/store",
    json: bool = False,
    quiet: Quiet = False,
) -> int:
    """Try the laws on every feature and say which it breaks, where, and by how much.

    The future of your rows is perturbed in eight ways at 25 cuts: a feature that changes at or before t looks ahead. A correction must
    wait until it comes, batch = stream = restarted stream, a fresh start agrees after the warm-up, the warm-up is as declared, whole
    weeks change nothing. Exit code 1 when a law is broken.

    For example:

    tickcast features check my-set.yaml --data bars.parquet

    tickcast features check nq24 --config configs/nq-5m.yaml --json

    Parameters
    ----------
    name
        A YAML file, or a shipped set's name.
    data
        CSV or Parquet file of rows of the set's stream in time order: ts (UTC nanoseconds, or a time with its zone) and the columns
        the set reads, optionally session_id, segment_id and interval. For a set of several streams one file each, as
        --data book.parquet --data trades=trades.parquet.
    config
        An experiment's YAML file instead: the rows of its data section.
    rows
        How many of the last rows to try the laws on.
    seed
        Of the perturbations and restarts.
    store
        Folder of the embedded store, or the address of a server store, that --config reads into.
    json
        Write the verdicts as JSON.
    """
    words = words_of(name)
    from tickcast.features import FeatureSet

    asked = FeatureSet.load(name)  # a mistake in the set is told before any row is read
    import numpy as np

    from tickcast.checks.verdict import verdicts

    terminal = Terminal(quiet=quiet, as_json=json)
    events = last_events(events_by_stream(asked, data, config, set_, store=store, terminal=terminal), rows)
    with terminal.progress() as listener:
        found = verdicts(words, events, np.random.default_rng(seed), lambda what, share: listener("check", what, share))
    table = Table("feature", "verdict", "warm-up", "known after it", box=None)
    for each in found:
        told = "; ".join(f"{one.law}: {one}" for one in each.broken) or f"keeps the laws{', but ' + each.remark if each.remark else ''}"
        table.add_row(each.feature, escape(("BROKEN: " if each.broken else "") + told), str(each.warmup), f"{each.known:.1%}")
    answer = [asdict(each) | {"ok": each.ok, "told": [f"{one.law}: {one}" for one in each.broken]} for each in found]
    terminal.answer(answer, table)
    return 0 if all(each.ok for each in found) else 1
