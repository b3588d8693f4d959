"""`tickcast features register` and `retire`: feature sets into the store's registry and out of use."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, validators
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from tickcast import __version__
from tickcast.cli.arguments import NewStore, Quiet, Settings
from tickcast.cli.events import moment
from tickcast.cli.feature_sets import shipped, words_of
from tickcast.cli.streams import events_by_stream, last_events
from tickcast.cli.terminal import Terminal
from tickcast.errors import ConfigError, LawBroken

if TYPE_CHECKING:
    from tickcast.checks.verdict import Verdict
    from tickcast.features import Registered

__all__ = ["register", "retire"]


def register(
    name: str,
    *,
    data: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    config: Path | None = None,
    set_: Settings = (),
    version: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    ttl: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    stale: Literal["nan", "error"] = "nan",
    fit_until: str | None = None,
    rows: Annotated[int, Parameter(validator=validators.Number(gte=20, lte=1_000_000))] = 3000,
    seed: int = 7,
    store: NewStore = "data/store",
    json: bool = False,
    quiet: Quiet = False,
) -> int:
    """Try the laws on every feature; when all keep them, write the set into the store's registry as name@version.

    A version never changes. The same definition again writes nothing; another one under a known name needs --version, and what changed
    is told. Exit code 1 when a feature breaks a law: then nothing is written.

    For example:

    tickcast features register my-set.yaml --data bars.parquet

    tickcast features register my-set.yaml --data bars.parquet --version 2 --ttl 15m --ttl rsi_14=1h

    tickcast features register har --config configs/nq-5m.yaml --fit-until 2021-12-31 --stale error --json

    Parameters
    ----------
    name
        A YAML file, or a shipped set's name.
    data
        CSV or Parquet file of rows that the laws are tried on, as features check takes it; for a set of several streams one file each,
        as --data book.parquet --data trades=trades.parquet.
    config
        An experiment's YAML file instead: the rows of its data section.
    version
        The next version, where the name is registered with another definition.
    ttl
        How long a row counts online and in joins, as 15m, or FEATURE=15m for one of them; may be given several times.
    stale
        What an older value is answered with online: nan, or error.
    fit_until
        For a set that learns: learn on rows up to this moment (a day, inclusive, UTC; an ISO time; UTC nanoseconds) and register what was
        learned. Without it the set is registered as it is written, and nothing can be computed from the entry.
    rows
        How many of the last rows to try the laws on.
    seed
        Of the perturbations and restarts.
    json
        Write the entry and the verdicts as JSON.
    """
    words = words_of(name)
    lives, until = _lifetime(ttl), moment(fit_until, "fit-until") if fit_until is not None else None
    import numpy as np

    from tickcast.checks.verdict import verdicts
    from tickcast.features import FeatureSet, Lineage, Registry
    from tickcast.lifecycle.register import register as enter
    from tickcast.store import Store

    features = FeatureSet.load(name)  # a mistake in the set is told before any row is read
    terminal = Terminal(quiet=quiet, as_json=json)
    events = events_by_stream(features, data, config, set_, store=store, terminal=terminal)
    file = shipped().get(name, Path(name))
    heard: list[Verdict] = []
    entry: Registered | None
    with Store.open(store) as kept, terminal.progress() as listener:
        source = " ".join(data) or kept.version()
        lineage = Lineage(file.name, hashlib.sha256(file.read_bytes()).hexdigest(), source, __version__)
        rng = np.random.default_rng(seed)

        def laws(words: Any, frame: Any) -> list[Verdict]:
            heard.extend(verdicts(words, last_events(frame, rows), rng, lambda what, share: listener("check", what, share)))
            return heard

        given: dict[str, Any] = {"version": version, "ttl": lives, "stale": stale, "lineage": lineage, "fit_until": until}
        try:
            entry = enter(Registry(kept), words, events, laws=laws, now=time.time_ns(), **given)
        except LawBroken as error:
            entry, refused = None, str(error)
    if entry is None:
        terminal.answer({"registered": False, "refused": refused, "features": _told(heard)}, Group(_table(heard), "", escape(refused)))
        return 1
    said = f"{entry.key} is registered, hash {entry.hash}" + ("" if heard else "; it was before, so nothing was tried")
    terminal.answer(_entry(entry) | {"registered": True, "features": _told(heard)}, Group(_table(heard), "", said) if heard else said)
    return 0


def retire(name: str, version: int, *, store: NewStore = "data/store", json: bool = False) -> None:
    """Take a version of a registered set out of use; it stays readable by its number, and its rows stay.

    For example:

    tickcast features retire my-set 1

    Parameters
    ----------
    name
        The registered set.
    version
        Which of its versions.
    json
        Write the entry as JSON.
    """
    from tickcast.features import Registry
    from tickcast.store import Store

    with Store.open(store) as kept:
        entry = Registry(kept).retire(name, version, now=time.time_ns())
    Terminal(as_json=json).answer(_entry(entry), f"{entry.key} is retired")


def _lifetime(ttl: tuple[str, ...]) -> dict[str, str] | str | None:
    """What --ttl says: one duration for all, or by feature. Raises ConfigError for both."""
    if not ttl:
        return None
    named = dict(each.split("=", 1) for each in ttl if "=" in each)
    plain = [each for each in ttl if "=" not in each]
    if len(plain) > 1 or (plain and named):
        raise ConfigError(f"--ttl {' --ttl '.join(ttl)}", hint="give one duration for all, or FEATURE=DURATION for some")
    return plain[0] if plain else named


def _entry(entry: Registered) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": entry.version,
        "hash": entry.hash,
        "ttl": dict(entry.ttl),
        "stale": entry.stale,
        "lineage": vars(entry.lineage),
        "registered_at": entry.registered,
        "retired_at": entry.retired,
    }


def _told(heard: list[Verdict]) -> list[dict[str, Any]]:
    return [{"feature": each.feature, "ok": each.ok, "told": _breaks(each), "known": each.known, "remark": each.remark} for each in heard]


def _breaks(verdict: Verdict) -> list[str]:
    return [f"{one.law}: {one}" for one in verdict.broken]


def _table(heard: list[Verdict]) -> Table:
    table = Table("feature", "verdict", "warm-up", "known after it", box=None)
    for each in heard:
        kept = f"keeps the laws{', but ' + each.remark if each.remark else ''}"
        told = "BROKEN: " + "; ".join(_breaks(each)) if each.broken else kept
        table.add_row(each.feature, escape(told), str(each.warmup), f"{each.known:.1%}")
    return table
