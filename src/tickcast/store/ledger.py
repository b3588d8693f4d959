"""The ledger: one SQLite file whose single transaction is the commit. Day manifests, versions, the fencing number, definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from tickcast.errors import StoreError

__all__ = ["Day", "Ledger"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, committed INTEGER NOT NULL, source TEXT NOT NULL,
    fence INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS days (kind TEXT NOT NULL, symbol TEXT NOT NULL, day INTEGER NOT NULL, file TEXT NOT NULL, rows INTEGER NOT NULL,
    first_ts INTEGER NOT NULL, last_ts INTEGER NOT NULL, added INTEGER NOT NULL, removed INTEGER, source TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS days_by_key ON days (kind, symbol, day, removed);
CREATE TABLE IF NOT EXISTS definitions (name TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, document TEXT NOT NULL,
    facts TEXT NOT NULL, registered INTEGER NOT NULL, retired INTEGER, PRIMARY KEY (name, version));
CREATE TABLE IF NOT EXISTS derived (kind TEXT NOT NULL, symbol TEXT NOT NULL, day INTEGER NOT NULL, inputs TEXT NOT NULL,
    file TEXT NOT NULL, rows INTEGER NOT NULL, state BLOB NOT NULL, made INTEGER NOT NULL, source TEXT NOT NULL,
    PRIMARY KEY (kind, symbol, day, inputs));
CREATE TABLE IF NOT EXISTS fence (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
INSERT OR IGNORE INTO fence VALUES (1, 0);
"""
_FIELDS = "kind, symbol, day, file, rows, first_ts, last_ts, source"


@dataclass(frozen=True)
class Day:
    """Manifest of one stored day: its key, the SHA-256 that names its file, rows, first and last ts (UTC ns), where it came from."""

    table: str
    symbol: str
    trading_day: int
    file: str
    rows: int
    first_ts: int
    last_ts: int
    source: str


class Ledger:
    """SQLite in WAL mode with full synchronisation; every failure is a StoreError naming the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._failures():
            self._connection = apsw.Connection(str(path))
            self._connection.set_busy_timeout(30_000)
            self._connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
            if not list(self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'derived'")):
                with self._transaction():
                    self._connection.execute(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def take_fence(self) -> int:
        """A number larger than every writer's before; a writer that finds another one at its commit has been overtaken."""
        with self._failures(), self._transaction():
            return int(next(iter(self._connection.execute("UPDATE fence SET number = number + 1 RETURNING number")))[0])

    def version(self, as_of: int | str | None = None) -> tuple[int, str]:
        """Number and hash of the latest version, of the one named by a hash, or of the latest committed at or before a time (UTC ns)."""
        where: str = ""
        values: tuple[int | str, ...] = ()
        if isinstance(as_of, str):
            where, values = "WHERE hash = ?", (as_of,)
        elif as_of is not None:
            where, values = "WHERE committed <= ?", (as_of,)
        with self._failures():
            found = list(self._connection.execute(f"SELECT id, hash FROM versions {where} ORDER BY id DESC LIMIT 1", values))
        if not found and isinstance(as_of, str) and as_of != "0" * 64:
            raise StoreError(f"no version {as_of}", file=self.path, hint="name a version that Store.version() gave")
        return (int(found[0][0]), str(found[0][1])) if found else (0, "0" * 64)

    def days(self, table: str | None, symbols: Sequence[str] | None, version: int) -> list[Day]:
        """Manifests visible at a version, ordered by symbol and day."""
        text = f"SELECT {_FIELDS} FROM days WHERE added <= ? AND (removed IS NULL OR removed > ?)"
        values: list[int | str] = [version, version]
        if table is not None:
            text, values = text + " AND kind = ?", [*values, table]
        with self._failures():
            found = [Day(*row) for row in self._connection.execute(text + " ORDER BY kind, symbol, day", values)]
        return found if symbols is None else [day for day in found if day.symbol in set(symbols)]

    def files(self) -> set[str]:
        """Every file any version needs."""
        with self._failures():
            return {str(row[0]) for row in self._connection.execute("SELECT file FROM days UNION SELECT file FROM derived")}

    def query(self, text: str, values: tuple[int | str, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows that a SELECT answers."""
        with self._failures():
            return list(self._connection.execute(text, values))

    @contextmanager
    def change(self) -> Iterator[Callable[[str, tuple[Any, ...]], Iterable[tuple[Any, ...]]]]:
        """One transaction: it is given a function that runs one statement, and commits unless something is raised."""
        with self._failures(), self._transaction():
            yield self._connection.execute

    def commit(self, days: Sequence[Day], *, version: str, committed: int, source: str, fence: int) -> None:
        """Make new days visible, each in place of the one with its key. This transaction is the commit; nothing else is."""
        with self._failures(), self._transaction():
            held = int(next(iter(self._connection.execute("SELECT number FROM fence")))[0])
            if held != fence:
                raise StoreError(f"another writer took over (fence {held}, ours {fence})", file=self.path, hint="write again")
            number = self.version()[0] + 1
            self._connection.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?)", (number, version, committed, source, fence))
            self._connection.executemany(
                "UPDATE days SET removed = ? WHERE kind = ? AND symbol = ? AND day = ? AND removed IS NULL",
                [(number, day.table, day.symbol, day.trading_day) for day in days],
            )
            self._connection.executemany(
                "INSERT INTO days VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
                [(d.table, d.symbol, d.trading_day, d.file, d.rows, d.first_ts, d.last_ts, number, d.source) for d in days],
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise StoreError(f"ledger: {error}", file=self.path, hint="free space or restore the ledger from a backup") from error
