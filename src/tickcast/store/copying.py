"""A dataset from one store to another: day after day, provable by the manifests, gone on with where it was interrupted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import polars as pl

from tickcast.errors import StoreError
from tickcast.schema import TABLES
from tickcast.store.manifest import summary
from tickcast.store.store import Store

__all__ = ["Copied", "copy"]

_ROWS_PER_WRITE = 300_000
_DIFFER = "copy into a store that has no rows of its own for these days, or write the same corrections to both"


@dataclass(frozen=True)
class Copied:
    """What a copy did. Afterwards every asked day has the same manifest in both stores.

    Parameters
    ----------
    days, rows: copied now.
    there: days that were in the other store already, equal.
    read_back: days that were read from the other store afterwards and whose rows match their manifest.
    definitions, no_data, derived: copied now; definitions and derived days only with a whole store.
    version, target_version: of the two stores; equal where neither holds other rows.
    """

    days: int
    rows: int
    there: int
    read_back: int
    definitions: int
    no_data: int
    derived: int
    version: str
    target_version: str


def copy(
    origin: Store,
    target: Store,
    *,
    tables: Sequence[str] | None = None,
    symbols: Sequence[str] | None = None,
    read_back: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> Copied:
    """Write what `origin` holds at present into `target`, each batch of days in a commit of its own; equal days are passed over.

    Older versions are not copied. `read_back` reads every copied day again and compares its rows with the manifest. Raises StoreError
    naming a day that is not equal afterwards, because `target` held other rows for it, and a definition that is another one there.
    """
    told = progress if progress is not None else lambda what, share: None
    chosen = list(TABLES) if tables is None else list(tables)
    wanted = pl.concat([_days(origin, table, symbols) for table in chosen])
    present = pl.concat([_days(target, table, symbols) for table in chosen])
    missing = wanted.join(present, on=["table", "content"], how="anti", maintain_order="left")
    done = 0
    for batch in _batches(missing):
        for rows in _alike(origin.day(content) for content in batch["content"]):
            target.write(batch["table"][0], rows, source=batch["source"][0])
        done += int(batch["rows"].sum())
        told(f"{batch['table'][0]} {batch['symbol'][-1]}", done / int(missing["rows"].sum()))
    _prove(wanted, target, chosen, symbols)
    checked = _read_back(wanted, target, told) if read_back else 0
    said = sum(_no_data(origin, target, table, symbols) for table in chosen)
    whole = tables is None and symbols is None
    more = (_definitions(origin, target), _derived(origin, target, told)) if whole else (0, 0)
    told("copied", 1.0)
    facts = len(missing), done, len(wanted) - len(missing), checked, more[0], said, more[1]
    return Copied(*facts, origin.version(), target.version())


def _days(store: Store, table: str, symbols: Sequence[str] | None) -> pl.DataFrame:
    found = store.coverage(table).select(pl.lit(table).alias("table"), "symbol", "trading_day", "rows", "content", "source")
    return found if symbols is None else found.filter(pl.col("symbol").is_in(list(symbols)))


def _batches(days: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Days of one table and one origin, as many as fill a write."""
    for part in days.partition_by("table", "source", maintain_order=True):
        number = (part["rows"].cum_sum() - part["rows"]) // _ROWS_PER_WRITE
        yield from part.with_columns(number.alias("batch")).partition_by("batch", maintain_order=True)


def _alike(days: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Days joined as long as they have the same columns: none gets a column that it lacked."""
    for _, run in itertools.groupby(days, key=lambda rows: rows.columns):
        yield pl.concat(run)


def _prove(wanted: pl.DataFrame, target: Store, tables: Sequence[str], symbols: Sequence[str] | None) -> None:
    """Raises StoreError unless every wanted day has an equal manifest in `target`."""
    present = pl.concat([_days(target, table, symbols) for table in tables])
    unlike = wanted.join(present, on=["table", "symbol", "trading_day", "content"], how="anti", maintain_order="left")
    if len(unlike):
        day = unlike.row(0, named=True)
        found = f"{len(unlike)} days differ from their origin, first {day['table']} {day['symbol']} day {day['trading_day']}"
        raise StoreError(found, hint=_DIFFER)


def _read_back(wanted: pl.DataFrame, target: Store, told: Callable[[str, float], None]) -> int:
    """Number of days whose rows, read from `target`, are those of their manifest."""
    for at, (table, content) in enumerate(wanted.select("table", "content").iter_rows()):
        manifest = target.coverage(table).filter(pl.col("content") == content).row(0, named=True)
        found = asdict(summary(target.day(content)))
        if any(found[field] != manifest[field] for field in found):
            told_day = f"{table} {manifest['symbol']} day {manifest['trading_day']}"
            raise StoreError(f"{told_day}: the rows read back are not those of its manifest", hint="verify the target store")
        told("reading back", (at + 1) / len(wanted))
    return len(wanted)


def _no_data(origin: Store, target: Store, table: str, symbols: Sequence[str] | None) -> int:
    """Say in `target` what was said in `origin` of days without rows, as often and at the same times."""
    keys = ["symbol", "trading_day"]
    said = origin.empty.days(table).join(target.empty.days(table), on=keys, how="anti", maintain_order="left")
    said = said if symbols is None else said.filter(pl.col("symbol").is_in(list(symbols)))
    alike = ["symbol", "source", "word", "first", "last", "answers"]
    for group in said.partition_by(alike, maintain_order=True):
        day, days = group.row(0, named=True), group["trading_day"].to_list()
        for turn in range(day["answers"]):
            sure = day["word"] == "calendar" and turn == day["answers"] - 1
            at = day["first"] if turn == 0 else day["last"]
            target.empty.note(table, day["symbol"], days, source=day["source"], word="calendar" if sure else "answer", at=at)
    return len(said)


def _definitions(origin: Store, target: Store) -> int:
    """Add the versions that `target` lacks; StoreError where one of a number is another one there."""
    there = {(each.name, each.version): each for each in target.definitions.versions()}
    copied = 0
    for each in origin.definitions.versions():
        known = there.get((each.name, each.version))
        if known is None:
            target.definitions.add(each)
            copied += 1
        elif known.hash != each.hash:
            raise StoreError(f"{each.name}@{each.version} is another definition in the target store", hint="copy into an empty store")
        elif each.retired is not None and known.retired is None:
            target.definitions.retire(each.name, each.version, each.retired)
    return copied


def _derived(origin: Store, target: Store, told: Callable[[str, float], None]) -> int:
    """Copy the derived days that `target` lacks."""
    there = {(day.kind, day.symbol, day.trading_day, day.inputs) for day in target.derived.days() if target.derived.holds(day)}
    missing = [day for day in origin.derived.days() if (day.kind, day.symbol, day.trading_day, day.inputs) not in there]
    for at, day in enumerate(missing):
        key = (day.kind, day.symbol, day.trading_day, day.inputs)
        target.derived.write(key, origin.derived.read(day), origin.derived.state(day), made=day.made, source=day.source)
        told(f"{day.kind} {day.symbol}", (at + 1) / len(missing))
    return len(missing)
