"""Register: a feature set enters the registry only when every feature keeps the laws on given rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol

import polars as pl

from tickcast.errors import LawBroken
from tickcast.features import FeatureSet, Lineage, Registered, Registry
from tickcast.features.lifetime import Lifetime

__all__ = ["Judgement", "register"]


class Judgement(Protocol):
    """What the laws say about one feature; `tickcast.checks.verdict.Verdict` is one."""

    @property
    def feature(self) -> str:
        """Its name."""

    @property
    def broken(self) -> Sequence[object]:
        """What the laws it breaks found."""

    @property
    def known(self) -> float:
        """Share of rows after the warm-up on which it is finite."""


def register(
    registry: Registry,
    words: Mapping[str, Any],
    rows: pl.DataFrame | Mapping[str, pl.DataFrame],
    *,
    laws: Callable[[Mapping[str, Any], Any], Iterable[Judgement]],
    now: int,
    told: Callable[[Judgement], None] | None = None,
    fit_until: int | None = None,
    version: int | None = None,
    ttl: Lifetime = None,
    stale: Literal["nan", "error"] = "nan",
    lineage: Lineage | None = None,
) -> Registered:
    """Try the laws on every feature of the set, then write the version; one that is registered already is answered untried.

    Parameters
    ----------
    words: the keys of the set's YAML.
    rows: of the set's stream, or of its streams by name, the main one last; enough to end the warm-up.
    laws: gives one judgement per feature, as `tickcast.checks.verdict.verdicts` with its random source.
    told: told every judgement as it falls.
    fit_until: UTC ns; the entry holds what the set learns on rows up to then. By default the set is registered as it is written.
    now, version, ttl, stale, lineage: as `Registry.register` takes them; what that would refuse is refused before any law is tried.

    Raises LawBroken naming the features that break a law, or that are unknown on every row: of those nothing was shown.
    """
    features = FeatureSet.from_dict(words)
    if fit_until is not None and features.needs_fit:
        features = features.fit(rows, fit_until)
        lineage = replace(lineage or Lineage(), learned_until=fit_until)
    standing = registry.standing(features, version=version, ttl=ttl, stale=stale)
    if isinstance(standing, Registered):
        return standing
    broken, blank = list[str](), list[str]()
    for judgement in laws(words, rows):
        if told is not None:
            told(judgement)
        if judgement.broken:
            broken.append(judgement.feature)
        elif judgement.known == 0:
            blank.append(judgement.feature)
    if broken:
        raise LawBroken(
            f"{len(broken)} of {len(features.names)} features break a law, so {features.name} is not registered", field=", ".join(broken)
        )
    if blank:
        found = f"known on none of the rows, so nothing is shown and {features.name} is not registered"
        raise LawBroken(found, field=", ".join(blank), hint="give more rows, or rows with the columns filled")
    return registry.register(features, now=now, version=version, ttl=ttl, stale=stale, lineage=lineage)
