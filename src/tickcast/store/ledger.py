"""The ledger: versions, manifests, no-data days, derived days and definitions in SQLite, in a file or in memory.

It only changes by `apply`, which alone decides whether a change is allowed; so a ledger that is replayed from a log of changes is the one
that wrote them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import apsw

from tickcast.errors import StoreError
from tickcast.store.applied import SCHEMA, applied
from tickcast.store.manifest import NO_VERSION, Day, Part
from tickcast.store.records import Record
from tickcast.store.tally import add_row_check, faults

__all__ = ["Ledger"]

_FORMAT = 3
_Found = TypeVar("_Found")
_DAY = "kind, symbol, day, rows, first_ts, last_ts, low, high, total, levels, parts, source"
_ALWAYS = (-(2**63), 2**63 - 1)
_AT = "added <= ?2 AND (removed IS NULL OR removed > ?2)"


class Ledger:
    """A ledger in the SQLite file `path` (":memory:" for one that is replayed); every failure is a StoreError naming `place`.

    `frozen` opens a file that cannot be written here: it must be there, and every change is refused.
    """

    def __init__(self, path: str, place: str, *, frozen: bool = False) -> None:
        self.place, self.frozen = place, frozen
        with self.failures():
            self._connection = _frozen(path) if frozen else apsw.Connection(path)
            self._connection.set_busy_timeout(30_000)
            add_row_check(self._connection)
            if not frozen:
                self._connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
            found = self._one("PRAGMA user_version")
            if found not in (0, _FORMAT) or (found == 0 and self._one("SELECT count(*) FROM sqlite_master")):
                raise StoreError("the ledger was written by another release", file=place, hint="ingest into a new store")
            if found == 0:
                with self.transaction():
                    self._connection.execute(f"{SCHEMA} PRAGMA user_version = {_FORMAT}")
            if not frozen:
                self._checkpoint()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def apply(self, change: Record) -> None:
        """Make a change, wholly or not at all. Raises StoreError, and changes nothing, where what it rests on no longer holds."""
        with self.failures(), self.transaction():
            applied(change, self._connection, self.place)

    def commit(self, change: Record) -> None:
        """`apply`, and on return it lies in the file itself, where a flipped bit does not go unseen as it would in SQLite's log."""
        self.apply(change)
        with self.failures():
            self._checkpoint()

    def faults(self) -> list[str]:
        """What is wrong with the ledger itself, one line each; nothing where it is as it was written."""
        with self.failures():
            self._connection.execute("BEGIN")  # all is read of one moment, whoever commits meanwhile
        try:
            found = faults(self._connection, SCHEMA)
            if not found:
                number, version = self.version()
                days = self.days(None, None, number)
                if f"{sum(int(day.content, 16) for day in days if day.versioned) % 2**256:064x}" != version:
                    found.append("manifests do not add up to the version")
            return found
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def check(self, change: Record) -> None:
        """Raises the StoreError that `apply` would raise; changes nothing."""
        with self.failures(), self.transaction():
            applied(change, self._connection, self.place)
            self._connection.execute("ROLLBACK")

    def fence(self) -> int:
        """The fencing number: of the last change that brought or removed blocks. Read it before anything else that a change rests on."""
        with self.failures():
            return int(self._one("SELECT number FROM fence"))

    def version(self, as_of: int | str | None = None) -> tuple[int, str]:
        """Number and hash of the latest version, of the one named by a hash, or of the latest committed at or before a time (UTC ns)."""
        where: str = ""
        values: tuple[int | str, ...] = ()
        if isinstance(as_of, str):
            where, values = "WHERE hash = ?", (as_of,)
        elif as_of is not None:
            where, values = "WHERE committed <= ?", (as_of,)
        found = self.query(f"SELECT id, hash FROM versions {where} ORDER BY id DESC LIMIT 1", values)
        if isinstance(as_of, str) and as_of != NO_VERSION and (not found or not as_of):
            raise StoreError(f"no version {as_of}", file=self.place, hint="name a version that Store.version() gave")
        if found and not found[0][1]:
            told = f"the version of the moment {as_of} was collected"
            raise StoreError(told, file=self.place, hint="name a moment whose version was kept")
        return (int(found[0][0]), str(found[0][1])) if found else (0, NO_VERSION)

    def at(self, as_of: int | str | None, read: Callable[[int], _Found]) -> _Found:
        """What `read` finds at a version (see `version`), whose number it is given. Where that version was collected meanwhile, what was
        read may lack days: then the question is asked again.
        """
        while True:
            version = self.version(as_of)[0]
            found = read(version)
            if not version or self.query("SELECT 1 FROM versions WHERE hash <> '' AND id = ?", (version,)):
                return found

    def days(self, table: str | None, symbols: Sequence[str] | None, version: int, within: tuple[int, int] = _ALWAYS) -> list[Day]:
        """Manifests visible at a version, ordered by table, symbol and day; `within`: of days with rows in [start, end), UTC ns."""
        return [_day(row) for row in self.rows_of_days(_DAY, table, symbols, version, within)]

    def rows_of_days(
        self, fields: str, table: str | None, symbols: Sequence[str] | None, version: int, within: tuple[int, int] = _ALWAYS
    ) -> list[tuple[Any, ...]]:
        """`fields` of the same manifests, as SQLite keeps them: hashes are signed."""
        where = f"{_whose(table, symbols)} AND {_AT} AND last_ts >= ?4 AND first_ts < ?5"
        text = f"SELECT {fields} FROM days WHERE {where} ORDER BY kind, symbol, day"
        return self.query(text, (table, version, _json(symbols), *within))

    def parts(
        self, table: str | None, symbols: Sequence[str] | None, version: int, days: Sequence[int] | None = None
    ) -> dict[tuple[str, int], list[Part]]:
        """Parts visible at a version, by symbol and trading day, each day's in time order; `days`: from the first to the last of these."""
        first, last = (-(2**63), 2**63 - 1) if days is None else (min(days, default=0), max(days, default=-1))
        where = f"{_whose(table, symbols)} AND {_AT} AND day BETWEEN ?4 AND ?5"
        text = f"SELECT name, kind, symbol, day, rows, first_ts, last_ts FROM parts WHERE {where} ORDER BY kind, symbol, first_ts"
        out: dict[tuple[str, int], list[Part]] = {}
        for row in self.query(text, (table, version, _json(symbols), first, last)):
            out.setdefault((row[2], row[3]), []).append(Part(*row))
        return out

    def named(self, content: str) -> tuple[Day, list[Part]] | None:
        """The last manifest that names its rows so, with its parts; None where no version has it any more."""
        found = self.query(f"SELECT {_DAY}, added, removed FROM days WHERE content = ? ORDER BY added DESC LIMIT 1", (content,))
        if not found:
            return None
        day, added, removed = _day(found[0][:-2]), found[0][-2], found[0][-1]
        # parts may have been joined since: the last version that shows this manifest has the present ones
        last = self.query("SELECT max(id) FROM versions WHERE hash <> '' AND id >= ? AND (? IS NULL OR id < ?)", (added, removed, removed))[
            0
        ][0]
        return day, self.parts(day.table, [day.symbol], int(last)).get((day.symbol, day.trading_day), [])

    def needed(self) -> set[str]:
        """Every part that any version or derived day needs."""
        return {str(row[0]) for row in self.query("SELECT name FROM parts UNION SELECT part FROM derived")}

    def query(self, text: str, values: tuple[int | str | None, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows that a SELECT answers."""
        with self.failures():
            return list(self._connection.execute(text, values))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction of the file; it commits unless something is raised."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def failures(self) -> Iterator[None]:
        """SQLite's errors as ours."""
        try:
            yield
        except apsw.ReadOnlyError as error:
            raise StoreError("can be read here, not written", file=self.place, hint="write where its folder may be written") from error
        except (apsw.Error, UnicodeDecodeError) as error:
            raise StoreError(f"ledger: {error}", file=self.place, hint="free space or restore the ledger from a backup") from error

    def _checkpoint(self) -> None:
        """Empty SQLite's log into the file; readers in other processes may leave a rest of it."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _one(self, text: str) -> Any:
        return next(iter(self._connection.execute(text)))[0]


def _frozen(path: str) -> apsw.Connection:
    """A file in a folder that cannot be written. Where nobody has it open it has no log beside it, and SQLite may take it for immutable."""
    where, flags = f"file:{quote(path)}", apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        connection = apsw.Connection(f"{where}?mode=ro", flags)
        connection.execute("SELECT count(*) FROM sqlite_master")
    except apsw.CantOpenError:
        log = Path(f"{path}-wal")
        if log.is_file() and log.stat().st_size:
            raise
        connection = apsw.Connection(f"{where}?immutable=1", flags)
    return connection


def _day(row: Sequence[Any]) -> Day:
    hashes = (value % 2**64 for value in row[6:9])
    return Day(*row[:6], *hashes, *row[9:])


def _whose(table: str | None, symbols: Sequence[str] | None) -> str:
    """Only what is asked is compared: then SQLite goes to a symbol's rows by its index, however many others there are."""
    which = "kind = ?1" if table is not None else "?1 IS NULL"
    return f"{which} AND symbol IN (SELECT value FROM json_each(?3))" if symbols is not None else f"{which} AND ?3 IS NULL"


def _json(symbols: Sequence[str] | None) -> str | None:
    return None if symbols is None else json.dumps(list(symbols))
