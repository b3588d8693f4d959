"""Schedules kept in a store: named rolls/PRODUCT.RULE, a version each time one changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tickcast.errors import StoreError
from tickcast.rolls.schedule import RollSchedule
from tickcast.store import Store
from tickcast.store.manifest import StoredDefinition

__all__ = ["KeptSchedule", "keep", "kept"]


@dataclass(frozen=True)
class KeptSchedule:
    """A stored version of a schedule.

    Parameters
    ----------
    name, version: its key; versions count from 1.
    schedule: the rolls.
    facts: what was told about it, as the dataset's version.
    extends: whether every roll of the version before is among its rolls; False tells that stored data was corrected since.
    """

    name: str
    version: int
    schedule: RollSchedule
    facts: Mapping[str, str]
    extends: bool = True


def kept(store: Store, product: str, rule: str) -> KeptSchedule | None:
    """The last stored version of a product's schedule, None where there is none. Raises StoreError where it is not what its hash says."""
    name = f"rolls/{product}.{rule}"
    versions = store.definitions.versions(name)
    if not versions:
        return None
    last = versions[-1]
    schedule = RollSchedule.parse(json.loads(last.document))
    if schedule.digest != last.hash:
        raise StoreError(f"{name} version {last.version} is not what its hash says", field="hash", hint="restore the ledger from a backup")
    return KeptSchedule(name, last.version, schedule, json.loads(last.facts))


def keep(store: Store, schedule: RollSchedule, facts: Mapping[str, str], *, now: int) -> KeptSchedule:
    """Store a schedule; one equal to the last version writes nothing.

    Parameters
    ----------
    facts: told beside it.
    now: UTC ns, when it is registered.
    """
    last = kept(store, schedule.product, schedule.rule)
    if last is not None and last.schedule == schedule:
        return last
    name = f"rolls/{schedule.product}.{schedule.rule}"
    version = 1 if last is None else last.version + 1
    document, told = (json.dumps(each, sort_keys=True) for each in (schedule.as_dict(), dict(facts)))
    store.definitions.add(StoredDefinition(name, version, schedule.digest, document, told, now))
    return KeptSchedule(name, version, schedule, dict(facts), last is None or schedule.extends(last.schedule))
