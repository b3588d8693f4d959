"""Blocks of rows in a QuestDB server: rows of a table that carry their block and place, made visible before they are named."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, final

import polars as pl
import pyarrow as pa

from tickcast.errors import StoreError
from tickcast.schema import CONTEXT, TABLES
from tickcast.store.base import Block
from tickcast.store.quest_log import QuestLog
from tickcast.store.quest_rows import (
    BLOB_COLUMNS,
    as_blob,
    as_rows,
    as_sent,
    digest,
    from_blob,
    from_rows,
    keepable,
    quoted,
    selection,
    table_columns,
)
from tickcast.store.quest_wire import QuestWire

__all__ = ["QuestBlocks"]

_ROWS_SENT, _BYTES_SENT, _CONNECTIONS = 300_000, 32_000_000, 2
_BY_DAY = ("trades", "book", "orders")
_BLOBS = "blobs"
_ROWS_MOVED, _BLOCKS_MOVED = 1_000_000, 500


@dataclass(frozen=True)
class _Header:
    """What must be known to read a block: its table, rows there, their first and last stamp, its columns, and those with values."""

    table: str
    rows: int
    first: int
    last: int
    columns: tuple[str, ...]
    filled: tuple[str, ...]


@final
class QuestBlocks:
    """The blocks of the dataset `name`; `token` names each list of blocks that is added."""

    def __init__(self, wire: QuestWire, name: str, token: Callable[[], str]) -> None:
        self._wire, self._name, self._token = wire, name, token
        self._index = QuestLog(wire, f"{name}_blocks")
        self._known: dict[str, _Header] = {}
        self._left: Counter[str] = Counter()  # rows of dropped blocks, by table
        self._turn: dict[str, int] = {}  # how often a kind's blocks were moved to a fresh table
        self._gone: set[str] = set()
        self._made: dict[str, set[str]] = {}

    def put(self, blocks: Iterable[Block], fence: int, tick: Callable[[], None] = lambda: None) -> list[str]:
        """Keep blocks and give their names; on return they are durable and can be read. `tick` is called as it goes on."""
        self._refresh()  # after the fencing number was read: who reads it after a renewal writes into the fresh table
        names: list[str] = []
        headers: dict[str, _Header] = {}
        sending = _Sending(self._wire)
        try:
            for block in blocks:
                name = f"{digest(block.rows)}-{fence:x}"
                headers[name], sent, symbols = self._prepared(block, name)
                names.append(name)
                sending.add(headers[name].table, sent, symbols)
                tick()
            sending.finish()
        finally:
            sending.close()
        self._wire.settle({header.table for header in headers.values()}, tick)
        if headers:
            self._note("put", {name: asdict(header) for name, header in headers.items()})
        return names

    def get(self, name: str) -> pl.DataFrame:
        """The rows of a block, all of them and unaltered, or StoreError."""
        while True:
            header = self._header(name)
            if header is None:
                raise self._wire.failure(f"block {name} is not there", hint="restore the server's folder from a backup")
            try:
                return self._got(name, header)
            except StoreError:
                if self._header(name) == header:
                    raise  # else it was moved to a fresh table while we read

    def _got(self, name: str, header: _Header) -> pl.DataFrame:
        try:
            rows = self._blob(name, header) if header.table in self._tables(_BLOBS) else self._rows(name, header)
        except (ValueError, pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
            raise self._damaged(name, header, f"cannot be read: {error}") from error
        if digest(rows) != name.partition("-")[0]:
            raise self._damaged(name, header, "was altered after it was written")
        return rows

    def holds(self, name: str) -> bool:
        """Whether the block was put and not dropped."""
        return self._header(name) is not None

    def names(self) -> Iterator[str]:
        """The blocks that were put and not dropped."""
        self._refresh()
        return iter(list(self._known))

    def drop(self, names: Iterable[str]) -> None:
        """Forget blocks. Their rows stay in the server's tables, which cannot delete rows, until `renew` frees them."""
        self._refresh()
        there = sorted(set(names) & set(self._known))
        if there:
            self._note("drop", dict.fromkeys(there))

    def renew(self, fenced: Callable[[], None], tick: Callable[[], None]) -> None:
        """Free the rows of forgotten blocks where they are more than a table's others: these move to a fresh table, the old one is dropped.

        First it is noted that the kind has a fresh table, then `fenced` is called: it takes a fencing number, so that whoever read an
        earlier one, and may be writing into the old table, is refused; then nothing can come to the old table that counts.
        A renewal that was cut off is taken up again.
        """
        self._refresh()
        live: Counter[str] = Counter()
        for header in self._known.values():
            live[header.table] += header.rows
        for kind in (*TABLES, _BLOBS):
            if self._left[self._table(kind)] > live[self._table(kind)]:
                self._note("turn", {kind: self._turn.get(kind, 0) + 1})
        old = {table: kind for kind in self._turn for table in self._tables(kind)[:-1] if table not in self._gone}
        if old:
            fenced()
            self._refresh()
        for table, kind in old.items():
            self._move(table, kind, tick)
            self._wire.execute(f"DROP TABLE IF EXISTS {table}")
            self._note("gone", {table: None})

    def _move(self, old: str, kind: str, tick: Callable[[], None]) -> None:
        """Copy what is left of a table into the kind's fresh one, some blocks at a time; each is noted when all its rows are there."""
        left = sorted((header.first, name) for name, header in self._known.items() if header.table == old)
        if not left:
            return
        listed = self._wire.rows(f"SELECT \"column\", type FROM table_columns('{old}')")
        fresh, by = self._table(kind), "DAY" if kind in _BY_DAY else "MONTH"
        self._make(fresh, {str(column): str(dtype) for column, dtype in listed}, by)
        columns = ", ".join(quoted(str(column)) for column, _ in listed)
        while left:
            some: dict[str, _Header] = {}
            while left and len(some) < _BLOCKS_MOVED and (not some or sum(each.rows for each in some.values()) < _ROWS_MOVED):
                name = left.pop(0)[1]
                some[name] = self._known[name]
            first, last = min(each.first for each in some.values()), max(each.last for each in some.values())
            parts = ", ".join(str(_part(name)) for name in some)
            span = f"ts BETWEEN {first}::TIMESTAMP_NS AND {last}::TIMESTAMP_NS AND part IN ({parts})"
            self._wire.execute(f"INSERT INTO {fresh} ({columns}) SELECT {columns} FROM {old} WHERE {span}")
            self._wire.settle([fresh], tick)
            found = {int(part): int(rows) for part, rows in self._wire.rows(f"SELECT part, count() FROM {fresh} WHERE {span}")}
            for name, header in some.items():
                if found.get(_part(name)) != header.rows:
                    raise self._damaged(name, header, f"has {found.get(_part(name), 0)} of {header.rows} rows")
            self._note("put", {name: asdict(replace(header, table=fresh)) for name, header in some.items()})
            tick()

    def _prepared(self, block: Block, name: str) -> tuple[_Header, pl.DataFrame, tuple[str, ...]]:
        """What is noted of a block and what is sent; its table is there afterwards."""
        part, rows = _part(name), block.rows
        if not keepable(block):
            sent, table = as_blob(block, part), self._table(_BLOBS)
            self._make(table, BLOB_COLUMNS, "MONTH")
            return _Header(table, len(sent), *_edges(sent["ts"].to_physical()), tuple(rows.columns), ()), sent, ()
        sent, table, columns = as_rows(block, part), self._table(block.kind), table_columns(TABLES[block.kind])
        self._make(table, {each: columns[each] for each in columns if each in sent.columns}, "DAY" if block.kind in _BY_DAY else "MONTH")
        filled = tuple(each for each in rows.columns if each in sent.columns)
        symbols = tuple(each for each in filled if columns[each] == "SYMBOL")
        return _Header(table, len(rows), *_edges(rows["ts"]), tuple(rows.columns), filled), sent, symbols

    def _make(self, table: str, columns: Mapping[str, str], by: str) -> None:
        """See that a table has these columns. One that no row fills is not made: a null takes eight bytes in every row."""
        if table not in self._made:
            listed = ", ".join(f"{quoted(each)} {kind}" for each, kind in columns.items())
            keys = "DEDUP UPSERT KEYS(ts, part, place)"
            self._wire.execute(f"CREATE TABLE IF NOT EXISTS {table} ({listed}) TIMESTAMP(ts) PARTITION BY {by} WAL {keys}")
            self._made[table] = {str(row[0]) for row in self._wire.rows(f"SELECT \"column\" FROM table_columns('{table}')")}
        for column in [each for each in columns if each not in self._made[table]]:
            self._wire.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {quoted(column)} {columns[column]}")
            self._made[table].add(column)
            self._wire.forget_columns()

    def _rows(self, name: str, header: _Header) -> pl.DataFrame:
        table = next(table for kind, table in TABLES.items() if header.table in self._tables(kind))
        types = {column.name: column.dtype for column in (*table.columns, *CONTEXT)}
        schema = {each: types[each] for each in header.columns}
        pages = list(self._wire.pages(self._asking(name, header, selection(header.filled))))
        found = sum(map(len, pages))
        if found != header.rows:
            raise self._damaged(name, header, f"has {found} of {header.rows} rows")
        return from_rows(pages, header.filled, schema)

    def _blob(self, name: str, header: _Header) -> pl.DataFrame:
        pieces = sorted(self._wire.rows(self._asking(name, header, "place, content")))
        if len(pieces) != header.rows:
            raise self._damaged(name, header, f"has {len(pieces)} of {header.rows} pieces")
        return from_blob("".join(str(piece[1]) for piece in pieces))

    def _asking(self, name: str, header: _Header, columns: str) -> str:
        span = f"ts BETWEEN {header.first}::TIMESTAMP_NS AND {header.last}::TIMESTAMP_NS"
        return f"SELECT {columns} FROM {header.table} WHERE {span} AND part = {_part(name)}"

    def _damaged(self, name: str, header: _Header, found: str) -> StoreError:
        stopped = self._wire.suspended(header.table)
        hint = f"run: ALTER TABLE {header.table} RESUME WAL" if stopped else "restore the server's folder from a backup"
        return self._wire.failure(f"block {name} in {header.table} {found}" + (f"; {stopped}" if stopped else ""), hint=hint)

    def _header(self, name: str) -> _Header | None:
        self._refresh()  # another client may have dropped it: its rows are still there, but nobody answers for them
        return self._known.get(name)

    def _refresh(self) -> None:
        for entry in self._index.fresh():
            said: dict[str, dict[str, Any]] = json.loads(entry.document)
            for name, header in said.get("put", {}).items():
                self._known[name] = _Header(**header | {each: tuple(header[each]) for each in ("columns", "filled")})
            for name in said.get("drop", ()):
                known = self._known.pop(name, None)
                if known is not None:
                    self._left[known.table] += known.rows
            self._turn |= said.get("turn", {})
            self._gone |= set(said.get("gone", ()))

    def _note(self, what: str, said: Mapping[str, object]) -> None:
        self._index.append(0, self._token(), json.dumps({what: said}, sort_keys=True, separators=(",", ":")))
        self._refresh()

    def _table(self, kind: str) -> str:
        return self._tables(kind)[-1]

    def _tables(self, kind: str) -> list[str]:
        """The tables that a kind has had, the present one last."""
        first = f"{self._name}_{kind}"
        return [first, *(f"{first}_{turn + 1}" for turn in range(1, self._turn.get(kind, 0) + 1))]


@final
class _Sending:
    """Rows on their way: gathered by table, sent over two connections while the next ones are prepared."""

    def __init__(self, wire: QuestWire) -> None:
        self._wire, self._threads = wire, ThreadPoolExecutor(_CONNECTIONS)
        self._table, self._rows = "", 0
        self._symbols: set[str] = set()
        self._frames: list[pl.DataFrame] = []
        self._under_way: deque[Future[None]] = deque()

    def add(self, table: str, rows: pl.DataFrame, symbols: tuple[str, ...]) -> None:
        if table != self._table or self._rows + len(rows) > _ROWS_SENT:
            self._flush()
        self._table = table
        self._symbols |= set(symbols)
        self._frames.append(rows)
        self._rows += len(rows)

    def finish(self) -> None:
        self._flush()
        while self._under_way:
            self._under_way.popleft().result()

    def close(self) -> None:
        self._threads.shutdown(wait=True)

    def _flush(self) -> None:
        rows = as_sent(pl.concat(self._frames, how="diagonal")) if self._frames else pl.DataFrame()
        names = sum(len(each) + 8 for each in rows.columns)
        step = max(1, _BYTES_SENT // (int(rows.estimated_size()) // max(1, len(rows)) + names + 1))
        for at in range(0, len(rows), step):
            while len(self._under_way) >= _CONNECTIONS:
                self._under_way.popleft().result()
            self._under_way.append(self._threads.submit(self._wire.send, self._table, rows[at : at + step], sorted(self._symbols)))
        self._symbols, self._frames, self._rows = set(), [], 0


def _part(name: str) -> int:
    """The number under which a block's rows are found: 63 bits of the SHA-256 of its name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") >> 1


def _edges(stamps: pl.Series) -> tuple[int, int]:
    return int(stamps.min()), int(stamps.max())  # type: ignore[arg-type]
