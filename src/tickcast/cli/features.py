"""`tickcast features`: the feature sets, their expressions, what they need."""

from __future__ import annotations

from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter, validators
from rich.markup import escape
from rich.table import Table

from tickcast.cli.events import events_of
from tickcast.cli.terminal import Terminal
from tickcast.config import read_yaml
from tickcast.errors import FeatureError

__all__ = ["features"]

features = App(name="features", help="List the feature sets, show their expressions, try the laws on your own.")


def _sets() -> dict[str, Path]:
    """The sets shipped in the package by name."""
    folder = Path(str(files("tickcast.features") / "sets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _words(name: str) -> dict[str, Any]:
    """The keys of a shipped set or of a YAML file. Raises FeatureError."""
    shipped = _sets()
    if name not in shipped and not Path(name).is_file():
        raise FeatureError(f"no feature set is called {name!r}", hint=f"shipped sets: {', '.join(shipped)}")
    return read_yaml(shipped.get(name, Path(name)))


@features.command(name="list")
def _list(*, json: bool = False) -> None:
    """Name every shipped feature set.

    For example:

    tickcast features list --json

    Parameters
    ----------
    json
        Write the sets as JSON.
    """
    rows = [{"name": name, "features": list(read_yaml(path)["features"])} for name, path in _sets().items()]
    Terminal(as_json=json).answer(rows, "\n".join(f"{row['name']}: {len(row['features'])} features" for row in rows))


@features.command(name="explain")
def _explain(name: str, *, json: bool = False) -> None:
    """Show a set's stream, clock and expressions.

    For example:

    tickcast features explain nq24

    Parameters
    ----------
    name
        A shipped set's name, or a YAML file.
    json
        Write the set as JSON.
    """
    tree = _words(name)
    head = [f"{key}: {tree[key]}" for key in ("name", "stream", "clock", "session", "price") if key in tree]
    Terminal(as_json=json).answer(tree, "\n".join([*head, *(f"  {key} = {value}" for key, value in tree["features"].items())]))


@features.command(name="check")
def _check(
    name: str,
    *,
    data: Path | None = None,
    config: Path | None = None,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", consume_multiple=False)] = (),
    rows: Annotated[int, Parameter(validator=validators.Number(gte=20, lte=1_000_000))] = 3000,
    seed: int = 7,
    store: Path = Path("data/store"),
    json: bool = False,
    quiet: bool = False,
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
        the set reads, optionally session_id, segment_id and interval.
    config
        An experiment's YAML file instead: the rows of its data section.
    set_
        Change one setting of that file; may be given several times.
    rows
        How many of the last rows to try the laws on.
    seed
        Of the perturbations and restarts.
    store
        Folder of the embedded store that --config reads into.
    json
        Write the verdicts as JSON.
    quiet
        No progress.
    """
    words = _words(name)
    from tickcast.features import FeatureSet

    FeatureSet.load(name)  # a mistake in the set is told before any row is read
    import numpy as np

    from tickcast.checks.verdict import verdicts

    terminal = Terminal(quiet=quiet, as_json=json)
    events = events_of(data, config, set_, store, terminal).tail(rows)
    with terminal.progress() as listener:
        found = verdicts(words, events, np.random.default_rng(seed), lambda what, share: listener("check", what, share))
    table = Table("feature", "verdict", "warm-up", "known after it", box=None)
    for each in found:
        told = "; ".join(f"{one.law}: {one}" for one in each.broken) or f"keeps the laws{', but ' + each.remark if each.remark else ''}"
        table.add_row(each.feature, escape(("BROKEN: " if each.broken else "") + told), str(each.warmup), f"{each.known:.1%}")
    answer = [asdict(each) | {"ok": each.ok, "told": [f"{one.law}: {one}" for one in each.broken]} for each in found]
    terminal.answer(answer, table)
    return 0 if all(each.ok for each in found) else 1
