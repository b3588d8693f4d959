"""What each change does to the tables of a ledger, and when it is refused."""

from __future__ import annotations

import json
import zlib
from typing import Any

import apsw

from tickcast.clock import HOUR
from tickcast.errors import StoreError
from tickcast.store.manifest import NO_VERSION
from tickcast.store.records import Collect, Commit, Define, Derive, NoteEmpty, Record, Reopen, Retire
from tickcast.store.tally import triggers

__all__ = ["SCHEMA", "SETTLES", "applied"]

_TABLES = """
CREATE TABLE versions (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, committed INTEGER NOT NULL, source TEXT NOT NULL,
    fence INTEGER NOT NULL);
CREATE TABLE days (kind TEXT NOT NULL, symbol TEXT NOT NULL, day INTEGER NOT NULL, content TEXT NOT NULL, rows INTEGER NOT NULL,
    first_ts INTEGER NOT NULL, last_ts INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, total INTEGER NOT NULL,
    levels INTEGER NOT NULL, parts INTEGER NOT NULL, source TEXT NOT NULL, added INTEGER NOT NULL, removed INTEGER);
CREATE INDEX days_by_key ON days (kind, symbol, day, added);
CREATE INDEX days_by_content ON days (content);
CREATE TABLE parts (name TEXT PRIMARY KEY, kind TEXT NOT NULL, symbol TEXT NOT NULL, day INTEGER NOT NULL, rows INTEGER NOT NULL,
    first_ts INTEGER NOT NULL, last_ts INTEGER NOT NULL, added INTEGER NOT NULL, removed INTEGER) WITHOUT ROWID;
CREATE INDEX parts_by_key ON parts (kind, symbol, first_ts);
CREATE TABLE definitions (name TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, document TEXT NOT NULL,
    facts TEXT NOT NULL, registered INTEGER NOT NULL, retired INTEGER, PRIMARY KEY (name, version));
CREATE TABLE derived (kind TEXT NOT NULL, symbol TEXT NOT NULL, day INTEGER NOT NULL, inputs TEXT NOT NULL, part TEXT NOT NULL,
    rows INTEGER NOT NULL, content TEXT NOT NULL, state BLOB NOT NULL, made INTEGER NOT NULL, source TEXT NOT NULL,
    PRIMARY KEY (kind, symbol, day, inputs));
CREATE TABLE empties (kind TEXT NOT NULL, symbol TEXT NOT NULL, day INTEGER NOT NULL, word TEXT NOT NULL, source TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, answers INTEGER NOT NULL, settled INTEGER NOT NULL, PRIMARY KEY (kind, symbol, day));
CREATE TABLE fence (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
"""
SCHEMA = f"{_TABLES}{triggers()}\nINSERT INTO fence VALUES (1, 0);"
SETTLES = HOUR
"""A second empty answer settles a day when it comes at least this long (ns) after the first."""


def applied(change: Record, database: apsw.Connection, place: str) -> None:
    """Apply a change inside an open transaction. Raises StoreError where it is refused; the caller then rolls back."""
    if isinstance(change, Commit | Derive | Collect):
        held = _one(database, "SELECT number FROM fence")
        if held != change.fence - 1:
            found = f"another writer took over (fence {held}, ours {change.fence})"
            raise StoreError(found, file=place, hint="write again")
        database.execute("UPDATE fence SET number = ?", (change.fence,))
    match change:
        case Commit():
            _commit(change, database)
        case Derive():
            _derive(change, database, place)
        case Collect():
            _collect(change, database)
        case Define():
            _define(change, database, place)
        case Retire():
            text = "UPDATE definitions SET retired = coalesce(retired, ?) WHERE name = ? AND version = ?"
            database.execute(text, (change.at, change.name, change.version))
        case NoteEmpty():
            _note(change, database)
        case Reopen():
            keys = [(change.table, change.symbol, day) for day in change.days]
            database.executemany("DELETE FROM empties WHERE kind = ? AND symbol = ? AND day = ?", keys)


def _commit(change: Commit, database: apsw.Connection) -> None:
    number, total = _one(database, "SELECT coalesce(max(id), 0) + 1 FROM versions"), int(NO_VERSION, 16)
    for (before,) in database.execute("SELECT hash FROM versions WHERE id = ?", (number - 1,)):
        total = int(before, 16)
    for day in change.days:
        key, content = (day.table, day.symbol, day.trading_day), day.content
        where = "kind = ? AND symbol = ? AND day = ? AND removed IS NULL"
        for (before,) in list(database.execute(f"UPDATE days SET removed = ? WHERE {where} RETURNING content", (number, *key))):
            total -= int(before, 16) * day.versioned
        total += int(content, 16) * day.versioned
        hashes = tuple((value + 2**63) % 2**64 - 2**63 for value in (day.low, day.high, day.total))
        facts = (day.rows, day.first_ts, day.last_ts, *hashes, day.levels, day.parts, day.source, number)
        database.execute("INSERT INTO days VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", (*key, content, *facts))
        database.execute("DELETE FROM empties WHERE kind = ? AND symbol = ? AND day = ?", key)
    database.executemany("UPDATE parts SET removed = ? WHERE name = ?", [(number, name) for name in change.gone])
    rows = [(p.name, p.table, p.symbol, p.trading_day, p.rows, p.first_ts, p.last_ts, number) for p in change.parts]
    database.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", rows)
    # a clock that was set back must not put a version before one that was seen at that time
    after = _one(database, "SELECT coalesce(max(committed), ?) + 1 FROM versions", (-(2**63),))
    facts = (number, f"{total % 2**256:064x}", max(change.committed, after), change.source, change.fence)
    database.execute("INSERT INTO versions VALUES (?, ?, ?, ?, ?)", facts)


def _derive(change: Derive, database: apsw.Connection, place: str) -> None:
    day = change.day
    key, where = (day.kind, day.symbol, day.trading_day, day.inputs), "kind = ? AND symbol = ? AND day = ? AND inputs = ?"
    there = list(database.execute(f"SELECT content FROM derived WHERE {where}", key))
    if there and there[0][0] != day.content:
        found = f"{day.kind} for {day.symbol}, day {day.trading_day}: the same inputs gave other rows before"
        raise StoreError(found, file=place, hint="keep one release of tickcast per store")
    if there:
        database.execute(f"UPDATE derived SET part = ? WHERE {where}", (day.part, *key))
        return
    values = (*key, day.part, day.rows, day.content, zlib.compress(change.state, 1), day.made, day.source)
    database.execute("INSERT INTO derived VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def _collect(change: Collect, database: apsw.Connection) -> None:
    last = _one(database, "SELECT coalesce(max(id), 0) FROM versions")
    kept = json.dumps([*change.keep, last])
    database.execute("UPDATE versions SET hash = '' WHERE id NOT IN (SELECT value FROM json_each(?))", (kept,))
    # of versions forgotten one after another the first stays, nameless: from its time on nobody can say what was known
    before = "SELECT hash FROM versions AS other WHERE other.id < versions.id ORDER BY id DESC LIMIT 1"
    database.execute(f"DELETE FROM versions WHERE hash = '' AND ({before}) = ''")
    for table in ("days", "parts"):
        seen = "SELECT 1 FROM versions WHERE hash <> '' AND id >= added AND (removed IS NULL OR id < removed)"
        database.execute(f"DELETE FROM {table} WHERE NOT EXISTS ({seen})")
    where = "kind = ? AND symbol = ? AND day = ? AND inputs = ?"
    database.executemany(f"DELETE FROM derived WHERE {where}", change.derived)


def _define(change: Define, database: apsw.Connection, place: str) -> None:
    new = change.definition
    latest = _one(database, "SELECT coalesce(max(version), 0) FROM definitions WHERE name = ?", (new.name,))
    if new.version != latest + 1:
        found = f"{new.name} has {latest} version{'s' if latest != 1 else ''}, so the next one is not {new.version}"
        raise StoreError(found, file=place, hint="look at its versions and register again")
    values = (new.name, new.version, new.hash, new.document, new.facts, new.registered, new.retired)
    database.execute("INSERT INTO definitions VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def _note(change: NoteEmpty, database: apsw.Connection) -> None:
    """A day that holds rows is not empty, whoever says so."""
    sure = change.word == "calendar"
    for day in change.days:
        key = (change.table, change.symbol, day)
        text = """INSERT INTO empties SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?6, 1, ?7
            WHERE NOT EXISTS (SELECT 1 FROM days WHERE kind = ?1 AND symbol = ?2 AND day = ?3 AND removed IS NULL)
            ON CONFLICT DO UPDATE SET last = max(last, ?6), answers = answers + 1, settled = max(settled, ?7, ?6 - first >= ?8),
                word = CASE WHEN ?7 THEN ?4 ELSE word END, source = CASE WHEN ?7 OR word <> 'calendar' THEN ?5 ELSE source END"""
        database.execute(text, (*key, change.word, change.source, change.at, int(sure), SETTLES))


def _one(database: apsw.Connection, text: str, values: tuple[Any, ...] = ()) -> int:
    return int(next(iter(database.execute(text, values)))[0])
