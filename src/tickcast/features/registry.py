"""Registry: feature sets by name and version, kept in the store's ledger. A version never changes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal

from tickcast.errors import FeatureError, StoreError
from tickcast.features.anatomy import clock_of, expressions, lookback, part, reads
from tickcast.features.changes import changes
from tickcast.features.feature_set import FeatureSet
from tickcast.features.lifetime import FOREVER, Lifetime, lifetimes
from tickcast.store import Store, StoredDefinition

__all__ = ["Lineage", "Registered", "RegisteredFeature", "Registry"]


@dataclass(frozen=True)
class Lineage:
    """Where a registered set came from.

    Parameters
    ----------
    file, digest: the YAML file and the SHA-256 of its bytes; empty where there was none.
    data: the dataset version or the file whose rows the laws were tried on.
    code: the version of tickcast.
    learned_until: UTC ns of the last row that the set's tables were learned on; None where it learned nothing.
    """

    file: str = ""
    digest: str = ""
    data: str = ""
    code: str = ""
    learned_until: int | None = None


@dataclass(frozen=True)
class RegisteredFeature:
    """One feature of a registered set.

    Parameters
    ----------
    name, expression: as written.
    hash: SHA-256 of its own definition with the lines it leads to.
    inputs: columns by stream.
    lookback: how far back it looks, in words.
    warmup: rows at the start of a gapless series for which it is NaN.
    ttl: ns for which its last row counts, None for ever.
    """

    name: str
    expression: str
    hash: str
    inputs: Mapping[str, tuple[str, ...]]
    lookback: str
    warmup: int
    ttl: int | None


@dataclass(frozen=True)
class Registered:
    """One version of a feature set.

    Parameters
    ----------
    name, version: its key.
    hash: of the definition.
    features: the set itself, with what it had learned.
    parts: its features.
    stale: what a value older than its time to live is answered with, nan or error.
    lineage: where it came from.
    registered, retired: UTC ns; `retired` is None while it is in use.
    """

    name: str
    version: int
    hash: str
    features: FeatureSet
    parts: tuple[RegisteredFeature, ...]
    stale: Literal["nan", "error"]
    lineage: Lineage
    registered: int
    retired: int | None

    @property
    def key(self) -> str:
        """name@version."""
        return f"{self.name}@{self.version}"

    @property
    def ttl(self) -> Mapping[str, int]:
        """ns by feature, for those whose rows do not count for ever."""
        return MappingProxyType({each.name: each.ttl for each in self.parts if each.ttl is not None})


class Registry:
    """Feature sets registered in a store."""

    def __init__(self, store: Store) -> None:
        self._kept = store.definitions

    def register(
        self,
        features: FeatureSet,
        *,
        now: int,
        version: int | None = None,
        ttl: Lifetime = None,
        stale: Literal["nan", "error"] = "nan",
        lineage: Lineage | None = None,
    ) -> Registered:
        """Write a new version of the set; one that means the same as a version in use is that version, and nothing is written.

        `version` is needed, and must be the next one, where the name is known with another definition, time to live or staleness.
        No law is tried here: `lifecycle.register` does that first. Raises FeatureError telling what changed.
        """
        standing = self.standing(features, version=version, ttl=ttl, stale=stale)
        if isinstance(standing, Registered):
            return standing
        parts = _features(features, ttl)
        new = Registered(features.name, standing, features.hash, features, parts, stale, lineage or Lineage(), now, None)
        self._kept.add(kept := _stored(new))
        return _parsed(kept)

    def standing(
        self, features: FeatureSet, *, version: int | None = None, ttl: Lifetime = None, stale: Literal["nan", "error"] = "nan"
    ) -> Registered | int:
        """The version in use that means the same, or the number that `register` would write it under. Raises FeatureError as that does."""
        if stale not in ("nan", "error"):
            raise FeatureError(f"{stale!r} is no policy", field="stale", hint="write nan or error")
        lives, known = dict(zip(features.names, lifetimes(features.names, ttl), strict=True)), self.versions(features.name)
        for one in reversed(known):
            if one.retired is None and version in (None, one.version) and not _differs(one, features, lives, stale):
                return one
        following = known[-1].version + 1 if known else 1
        if version == following or (version is None and not known):
            return following
        found = f"{features.name} is not registered yet"
        if known:
            told = "; ".join(_differs(known[-1], features, lives, stale))
            last = f"version {known[-1].version}"
            retired = ", which is retired" if known[-1].retired is not None else ""
            found = f"{features.name} is not what {last} is: {told}" if told else f"{features.name} is what {last} is{retired}"
        raise FeatureError(found, field="version", hint=f"register it as version {following}, or give the set another name")

    def get(self, name: str, version: int | None = None) -> Registered:
        """A version of `name`, or of "name@version"; by default the latest in use. Raises FeatureError."""
        plain, _, number = name.partition("@")
        if number:
            if not number.isdecimal():
                raise FeatureError(f"{number!r} is no version", field="version", hint="write name@2")
            version = int(number)
        known = self.versions(plain)
        if not known:
            raise FeatureError(f"no feature set {plain!r} is registered", hint="tickcast features register FILE --data ROWS")
        for one in reversed(known):
            if one.version == version or (version is None and one.retired is None):
                return one
        found = f"{plain} has no version {version}" if version is not None else f"every version of {plain} is retired"
        raise FeatureError(found, field="version", hint=f"there are {', '.join(str(one.version) for one in known)}")

    def versions(self, name: str) -> tuple[Registered, ...]:
        """Every version of a name, the retired ones too, in order."""
        return tuple(_parsed(one) for one in self._kept.versions(name))

    def search(self, text: str = "", *, retired: bool = False) -> tuple[Registered, ...]:
        """The versions in use (or all) whose name, features or expressions hold the text, whatever its case."""
        wanted = text.lower()
        return tuple(
            one
            for one in map(_parsed, self._kept.versions())
            if (retired or one.retired is None)
            and any(wanted in said.lower() for said in (one.name, *(f"{each.name} = {each.expression}" for each in one.parts)))
        )

    def retire(self, name: str, version: int, *, now: int) -> Registered:
        """Take a version out of use from `now` (UTC ns) on; it can still be got by its number. Raises FeatureError."""
        self._kept.retire(name, self.get(name, version).version, now)
        return self.get(name, version)


def _differs(old: Registered, features: FeatureSet, lives: Mapping[str, int], stale: Literal["nan", "error"]) -> tuple[str, ...]:
    told = [
        f"time to live of {was.name} {_life(was.ttl)} -> {_life(_finite(lives[was.name]))}"
        for was in old.parts
        if was.name in lives and was.ttl != _finite(lives[was.name])
    ]
    told += [f"stale {old.stale} -> {stale}"] if old.stale != stale else []
    return (*changes(old.features, features), *told)


def _finite(ttl: int) -> int | None:
    return None if ttl == FOREVER else ttl


def _life(ttl: int | None) -> str:
    return "for ever" if ttl is None else f"{ttl / 1e9:g}s"


def _features(features: FeatureSet, ttl: Lifetime) -> tuple[RegisteredFeature, ...]:
    lines, warmup = expressions(features), features.warmup
    return tuple(
        RegisteredFeature(
            name=name,
            expression=lines[name],
            hash=part(features, name).hash,
            inputs=dict(reads(features, name)),
            lookback=str(lookback(features, name)),
            warmup=warmup[name],
            ttl=_finite(most),
        )
        for name, most in zip(features.names, lifetimes(features.names, ttl), strict=True)
    )


def _columns(inputs: Mapping[str, Sequence[str]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({stream: tuple(columns) for stream, columns in inputs.items()})


def _stored(new: Registered) -> StoredDefinition:
    facts = {
        "clock": clock_of(new.features),
        "stale": new.stale,
        "lineage": asdict(new.lineage),
        "features": [asdict(each) for each in new.parts],
        "document": hashlib.sha256(new.features.document.encode()).hexdigest(),
    }
    text = json.dumps(facts, sort_keys=True)
    return StoredDefinition(new.name, new.version, new.hash, new.features.document, text, new.registered)


def _parsed(kept: StoredDefinition) -> Registered:
    try:
        facts: dict[str, Any] = json.loads(kept.facts)
        if hashlib.sha256(kept.document.encode()).hexdigest() != facts["document"]:
            raise StoreError(f"the definition of {kept.name}@{kept.version} was altered", hint="restore the ledger from a backup")
        parts = tuple(RegisteredFeature(**{**each, "inputs": _columns(each["inputs"])}) for each in facts["features"])
        stale, lineage = facts["stale"], Lineage(**facts["lineage"])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the definition of {kept.name}@{kept.version} is damaged", hint="restore the ledger from a backup") from error
    features = FeatureSet(kept.document)
    return Registered(kept.name, kept.version, kept.hash, features, parts, stale, lineage, kept.registered, kept.retired)
