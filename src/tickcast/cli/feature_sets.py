"""The feature sets a command can name: those in the package, a YAML file, those registered in a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickcast.cli.stored import is_store
from tickcast.config import read_yaml
from tickcast.errors import FeatureError

if TYPE_CHECKING:
    from tickcast.features import FeatureSet, Registered, Registry

__all__ = ["Named", "about", "named", "registry_in", "row_of", "shipped", "words_of"]


@dataclass(frozen=True)
class Named:
    """A set as found: the set, one line about it, and its entry where it is registered."""

    features: FeatureSet
    about: str
    entry: Registered | None = None


def shipped() -> dict[str, Path]:
    """The sets in the package by name."""
    folder = Path(str(files("tickcast.features") / "sets"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def words_of(name: str) -> dict[str, Any]:
    """The keys of a shipped set or of a YAML file. Raises FeatureError."""
    known = shipped()
    if name not in known and not Path(name).is_file():
        raise FeatureError(f"no feature set is called {name!r}", hint=f"shipped sets: {', '.join(known)}")
    return read_yaml(known.get(name, Path(name)))


def about(path: Path) -> str:
    """One line about the set in a file: its `description`, or the comment it begins with."""
    described = read_yaml(path).get("description")
    if described:
        return " ".join(str(described).split())
    lines = path.read_text(encoding="utf-8").splitlines()
    return lines[0].lstrip("# ").rstrip() if lines and lines[0].startswith("#") else ""


@contextmanager
def registry_in(store: str) -> Iterator[Registry | None]:
    """The registry of the store in this folder or at this address; None where there is no store: looking makes none."""
    if not is_store(store):
        yield None
        return
    from tickcast.features import Registry
    from tickcast.store import Store

    with Store.open(store) as kept:
        yield Registry(kept)


def named(name: str, registry: Registry | None) -> Named:
    """The set in the package, in a file, or registered as name or name@version. Raises FeatureError.

    One in the package or in a file has an entry where the same definition is registered under its name.
    """
    from tickcast.features import FeatureSet

    known, held = shipped(), registry.search(retired=True) if registry is not None else ()
    if name in known or Path(name).is_file():
        features = FeatureSet.load(name if name in known else Path(name))
        same = (one for one in reversed(held) if (one.name, one.hash) == (features.name, features.hash) and one.retired is None)
        return Named(features, about(known.get(name, Path(name))), next(same, None))
    if registry is not None and any(one.name == name.partition("@")[0] for one in held):
        entry = registry.get(name)
        return Named(entry.features, f"registered from {entry.lineage.file or 'Python'}", entry)
    hint = f"shipped sets: {', '.join(known)}; registered ones are listed by tickcast features list"
    raise FeatureError(f"no feature set is called {name!r}", hint=hint)


def row_of(found: Named, where: str) -> dict[str, Any]:
    """What a list tells of a set, as JSON values."""
    from tickcast.features.anatomy import clock_of, expressions, stream_of

    return {
        "name": found.features.name,
        "where": where,
        "version": found.entry.version if found.entry else None,
        "stream": stream_of(found.features),
        "clock": clock_of(found.features),
        "features": list(found.features.names),
        "expressions": dict(expressions(found.features)),
        "warm_up": max(found.features.warmup.values(), default=0),
        "hash": found.features.hash,
        "about": found.about,
    }
