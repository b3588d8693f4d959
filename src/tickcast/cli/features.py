"""`tickcast features`: the feature sets, their expressions, what they need."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from cyclopts import App

from tickcast.cli.terminal import Terminal
from tickcast.config import read_yaml
from tickcast.errors import FeatureError

__all__ = ["features"]

features = App(name="features", help="List the feature sets and show their expressions.")


def _sets() -> dict[str, Path]:
    """The sets shipped in the package by name."""
    folder = Path(str(files("tickcast.features") / "sets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


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
    shipped = _sets()
    if name not in shipped and not Path(name).is_file():
        raise FeatureError(f"no feature set is called {name!r}", hint=f"shipped sets: {', '.join(shipped)}")
    tree = read_yaml(shipped.get(name, Path(name)))
    head = [f"{key}: {tree[key]}" for key in ("name", "stream", "clock", "session", "price") if key in tree]
    Terminal(as_json=json).answer(tree, "\n".join([*head, *(f"  {key} = {value}" for key, value in tree["features"].items())]))
