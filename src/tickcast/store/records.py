"""Changes of a ledger, as values. `Ledger.apply` says what each does; `to_json` and `from_json` carry one through a log."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tickcast.errors import StoreError
from tickcast.store.manifest import Day, DerivedDay, Part, StoredDefinition

__all__ = ["Collect", "Commit", "Define", "Derive", "NoteEmpty", "Record", "Reopen", "Retire", "from_json", "to_json"]


@dataclass(frozen=True)
class Commit:
    """New day manifests, each in place of the one with its key, and one version.

    Parameters
    ----------
    fence: the ledger's fencing number when the writer began, plus one; the change is refused when it is no longer that.
    committed: UTC ns.
    source: where the rows came from.
    days: the new manifests; the same rows again where parts were only joined.
    gone, parts: names of parts that are no longer read from here on, and those that are.
    """

    fence: int
    committed: int
    source: str
    days: tuple[Day, ...]
    gone: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Derive:
    """A derived day with the state at its end. One that is there with the same content keeps its manifest and gets the new part."""

    fence: int
    day: DerivedDay
    state: bytes


@dataclass(frozen=True)
class Collect:
    """Forget every version but those numbered in `keep` and the last, with what only they need; and these derived days."""

    fence: int
    keep: tuple[int, ...]
    derived: tuple[tuple[str, str, int, str], ...]


@dataclass(frozen=True)
class Define:
    """A definition's next version."""

    definition: StoredDefinition


@dataclass(frozen=True)
class Retire:
    """A definition's version is no longer used from `at` (UTC ns) on; one retired before keeps its time."""

    name: str
    version: int
    at: int


@dataclass(frozen=True)
class NoteEmpty:
    """Somebody said at `at` (UTC ns) that these trading days have no rows; `word` is answer or calendar."""

    table: str
    symbol: str
    days: tuple[int, ...]
    source: str
    word: str
    at: int


@dataclass(frozen=True)
class Reopen:
    """What was said of these trading days no longer holds."""

    table: str
    symbol: str
    days: tuple[int, ...]


Record = Commit | Derive | Collect | Define | Retire | NoteEmpty | Reopen
_KINDS: Mapping[str, type[Record]] = {kind.__name__: kind for kind in (Commit, Derive, Collect, Define, Retire, NoteEmpty, Reopen)}


def to_json(change: Record) -> str:
    """One line; equal changes give equal lines."""
    fields = asdict(change)
    if isinstance(change, Derive):
        fields["state"] = base64.b64encode(change.state).decode()
    return json.dumps({"change": type(change).__name__, **fields}, sort_keys=True, separators=(",", ":"))


def from_json(line: str) -> Record:
    """The change that `to_json` wrote. Raises StoreError for anything else."""
    try:
        fields: dict[str, Any] = json.loads(line)
        kind = _KINDS[fields.pop("change")]
        if kind is Commit:
            fields["days"] = tuple(Day(**each) for each in fields["days"])
            fields["parts"] = tuple(Part(**each) for each in fields["parts"])
            fields["gone"] = tuple(fields["gone"])
        elif kind is Derive:
            fields |= {"day": DerivedDay(**fields["day"]), "state": base64.b64decode(fields["state"], validate=True)}
        elif kind is Collect:
            fields |= {"keep": tuple(fields["keep"]), "derived": tuple(tuple(each) for each in fields["derived"])}
        elif kind is Define:
            fields["definition"] = StoredDefinition(**fields["definition"])
        elif kind in (NoteEmpty, Reopen):
            fields["days"] = tuple(fields["days"])
        return kind(**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"no change of a ledger: {line[:80]!r}", hint="restore the ledger from a backup") from error
