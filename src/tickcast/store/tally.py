"""A running sum over every row of a ledger, kept by triggers: whatever alters a row behind SQLite's back, the sum no longer fits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import apsw

__all__ = ["add_row_check", "faults", "triggers"]

_MODULUS = 2**62  # two of them still fit SQLite's integers
_COLUMNS: Mapping[str, str] = {
    "versions": "id, hash, committed, source, fence",
    "days": "kind, symbol, day, content, rows, first_ts, last_ts, low, high, total, levels, parts, source, added, removed",
    "parts": "name, kind, symbol, day, rows, first_ts, last_ts, added, removed",
    "definitions": "name, version, hash, document, facts, registered, retired",
    "derived": "kind, symbol, day, inputs, part, rows, content, state, made, source",
    "empties": "kind, symbol, day, word, source, first, last, answers, settled",
    "fence": "one, number",
}


def triggers() -> str:
    """SQL that makes the sums and keeps them."""
    out = ["CREATE TABLE tally (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, total INTEGER NOT NULL) WITHOUT ROWID;"]
    for table, columns in _COLUMNS.items():
        new, old = (", ".join(f"{row}.{name}" for name in columns.split(", ")) for row in ("NEW", "OLD"))
        more = f"(total + row_check('{table}', {new})) % {_MODULUS}"
        less = f"(total + {_MODULUS} - row_check('{table}', {old})) % {_MODULUS}"
        both = more.replace("(total +", f"({less} +", 1)
        out.append(f"INSERT INTO tally VALUES ('{table}', 0, 0);")
        for name, event, rows, total in (("more", "INSERT", "rows + 1", more), ("less", "DELETE", "rows - 1", less)):
            change = f"UPDATE tally SET rows = {rows}, total = {total} WHERE name = '{table}'"
            out.append(f"CREATE TRIGGER {table}_{name} AFTER {event} ON {table} BEGIN {change}; END;")
        change = f"UPDATE tally SET total = {both} WHERE name = '{table}'"
        out.append(f"CREATE TRIGGER {table}_other AFTER UPDATE ON {table} BEGIN {change}; END;")
    return "\n".join(out)


def add_row_check(database: apsw.Connection) -> None:
    """Give a connection the function that the triggers call; without it nobody can change the ledger."""
    database.create_scalar_function("row_check", _row_check, -1, deterministic=True)


def faults(database: apsw.Connection, schema: str) -> list[str]:
    """What is wrong with a ledger that was made by `schema`, one line each; nothing where it is as it was written."""
    try:
        found = [f"SQLite: {row[0]}" for row in database.execute("PRAGMA integrity_check") if row[0] != "ok"]
        fresh = apsw.Connection(":memory:")
        add_row_check(fresh)
        fresh.execute(schema)
        objects = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
        if list(database.execute(objects)) != list(fresh.execute(objects)):
            found.append("its tables are not those of this release")
        known = {row[0]: row[1:] for row in database.execute("SELECT name, rows, total FROM tally")}
        for table, columns in _COLUMNS.items():
            checks = [row[0] for row in database.execute(f"SELECT row_check('{table}', {columns}) FROM {table} NOT INDEXED")]
            if known.get(table) != (len(checks), sum(checks) % _MODULUS):
                found.append(f"the rows of {table} do not add up to their sum")
        if len(known) != len(_COLUMNS):
            found.append("the rows of tally are not those of the tables")
    except (apsw.Error, UnicodeDecodeError, ValueError, TypeError) as error:
        return [f"cannot be read: {error}"]
    return found


def _row_check(*values: Any) -> int:
    digest = hashlib.blake2b(digest_size=8)
    for value in values:
        content = value if isinstance(value, bytes) else str(value).encode()
        digest.update(f"{type(value).__name__} {len(content)} ".encode() + content)
    return int.from_bytes(digest.digest(), "little") % _MODULUS
