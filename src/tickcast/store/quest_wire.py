"""Connections to a QuestDB server: statements over PostgreSQL's protocol, rows in over ILP, and the wait until they can be seen."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, final

import polars as pl
import psycopg
from questdb import QuestDBError, Sender

from tickcast.errors import StoreError
from tickcast.store.quest_address import QuestAddress

__all__ = ["QuestWire"]

_GONE = "start it (`make questdb` starts one of your own) and try again: nothing that was acknowledged is lost"
_PAUSE = 0.003
_FETCH = 20_000


@final
class QuestWire:
    """Statements and rows to one server. `clock` counts seconds; `patience` is how long (s) it waits without any progress.

    Every failure is a StoreError that names the address. Raises StoreError when the server does not answer, lets anyone in, or is older
    than nanosecond stamps.
    """

    def __init__(self, address: QuestAddress, *, clock: Callable[[], float] = time.monotonic, patience: float = 60.0) -> None:
        self.address, self._clock, self._patience = address, clock, patience
        self._connection = self._connect(address.user, address.password)
        self._senders: SimpleQueue[tuple[int, Sender]] = SimpleQueue()
        self._shape = 0
        self._refuse_open_doors()
        version = str(self.rows("SELECT build()")[0][0])
        found = [int(each) for each in version.partition("QuestDB ")[2].partition(",")[0].split(".")[:2] if each.isdigit()]
        if found and found < [9, 1]:
            raise self.failure(f"{version}: stamps would be cut to microseconds", hint="QuestDB 9.1 and later keep nanoseconds")

    def failure(self, found: str, *, hint: str) -> StoreError:
        """A StoreError that names the address."""
        return StoreError(found, file=str(self.address), hint=hint)

    def rows(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a SELECT answers."""
        return [row for page in self.pages(text, values) for row in page]

    def pages(self, text: str, values: Sequence[Any] = ()) -> Iterator[list[tuple[Any, ...]]]:
        """What a SELECT answers, some thousand rows at a time."""
        with self._asked(text, values) as cursor:
            while page := cursor.fetchmany(_FETCH):
                yield page

    def execute(self, text: str) -> None:
        """Run a statement that may meet another one like it: a table that is being made or is busy is waited for."""
        self._retried(lambda: self._connection.execute(text.encode(), prepare=False))

    def forget_columns(self) -> None:
        """A connection that takes rows remembers a table's columns as they were: after a change new ones are made."""
        self._shape += 1

    def insert(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows into a table without WAL, all or none; on return they are durable and seen by all."""

        def once() -> None:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                for row in rows:
                    cursor.execute(text.encode(), row, prepare=False)

        self._retried(once)

    def reconnect(self) -> None:
        """Connect anew, waiting for a server that is starting. Raises StoreError when it does not come back."""
        self.close()
        deadline = self._clock() + min(self._patience, 10.0)
        while True:
            try:
                self._connection = self._connect(self.address.user, self.address.password)
                return
            except StoreError:
                if self._clock() > deadline:
                    raise
            time.sleep(0.1)

    def send(self, table: str, rows: pl.DataFrame, symbols: Sequence[str]) -> None:
        """Send rows with their designated stamp in `ts` (datetime, ns); on return the server has them in its log. Threads may call it.

        Raises StoreError when it refuses them or goes away; rows that were taken twice are one by the table's keys.
        """
        sender, shape = self._idle(), self._shape
        try:
            if sender is None:
                sender = Sender.from_conf(self._ilp())
                sender.establish()  # type: ignore[no-untyped-call]
            sender.dataframe(rows.to_pandas(), table_name=table, symbols=list(symbols), at="ts")
            sender.flush()
        except QuestDBError as error:
            if sender is not None:
                sender.close(flush=False)
            told = " ".join(str(error).split())
            hint = "correct the rows" if "failed to parse" in told or "cast error" in told else _GONE
            raise self.failure(f"rows were not taken: {told[:300]}", hint=hint) from error
        self._senders.put((shape, sender))

    def settle(self, tables: Iterable[str], tick: Callable[[], None] = lambda: None) -> None:
        """Wait until all rows that were sent to these tables can be seen. `tick` is called as it goes on.

        Raises StoreError naming a table whose log is suspended, why, and the statement that resumes it.
        """
        names = sorted(set(tables))
        wanted: dict[str, int] = {}
        progress, deadline = -1, self._clock() + self._patience
        while names:
            found = {row[0]: row[1:] for row in self.rows(_WAL + " WHERE name IN (" + ", ".join(f"'{name}'" for name in names) + ")")}
            wanted = wanted or {name: int(found[name][2]) for name in names if name in found}
            for name in names:
                self._refuse_suspended(name, found)
            done = {name: int(found[name][1]) - int(found[name][3]) for name in names}
            if all(done[name] >= wanted[name] for name in names):
                return
            if sum(done.values()) > progress:
                progress, deadline = sum(done.values()), self._clock() + self._patience
                tick()
            if self._clock() > deadline:
                hint = "see the server's log; then write again"
                raise self.failure(f"rows in {', '.join(names)} cannot be seen after {self._patience:g} s", hint=hint)
            time.sleep(_PAUSE)

    def suspended(self, table: str) -> str | None:
        """Why a table's rows stop being applied, None where they do not."""
        found = {row[0]: row[1:] for row in self.rows(f"{_WAL} WHERE name = '{table}'")}
        return _reason(table, found[table]) if table in found and found[table][0] else None

    def close(self) -> None:
        """Let go of the connections."""
        self._connection.close()
        while not self._senders.empty():
            self._senders.get_nowait()[1].close(flush=False)

    def _idle(self) -> Sender | None:
        """A connection that knows the tables as they are; older ones are closed."""
        while True:
            try:
                shape, sender = self._senders.get_nowait()
            except Empty:
                return None
            if shape == self._shape:
                return sender
            sender.close(flush=False)

    def _refuse_suspended(self, name: str, found: dict[str, tuple[Any, ...]]) -> None:
        if name not in found:
            raise self.failure(f"{name} is no table with a log of its own", hint="write again; if it stays so, drop the dataset's tables")
        if found[name][0]:
            raise self.failure(_reason(name, found[name]), hint=f"mend that, then run: ALTER TABLE {name} RESUME WAL")

    def _retried(self, statement: Callable[[], object]) -> None:
        """Run it, again while another client holds the table; a lost connection is the caller's to mend."""
        deadline = self._clock() + self._patience
        while True:
            with self._failures():
                try:
                    statement()
                    return
                except psycopg.DatabaseError as error:
                    if not any(word in str(error) for word in ("table busy", "could not lock", "is reserved")) or self._clock() > deadline:
                        raise
            time.sleep(_PAUSE)

    @contextmanager
    def _asked(self, text: str, values: Sequence[Any]) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
        with self._failures():
            for attempt in (1, 2):
                try:
                    cursor = self._connection.cursor(binary=True)
                    cursor.execute(text.encode(), values, prepare=False)
                    break
                except psycopg.OperationalError:
                    if attempt == 2 or not self._connection.broken:
                        raise
                    self.reconnect()
            with cursor:
                yield cursor

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except psycopg.OperationalError as error:
            raise self.failure(f"no answer from the QuestDB server: {_line(error)}", hint=_GONE) from error
        except psycopg.Error as error:
            raise self.failure(f"the QuestDB server refuses: {_line(error)}", hint="see the server's log") from error

    def _connect(self, user: str, password: str) -> psycopg.Connection[tuple[Any, ...]]:
        with self._failures():
            a = self.address
            return psycopg.connect(
                host=a.host, port=a.pg, user=user, password=password, dbname="qdb", autocommit=True, connect_timeout=10, sslmode="disable"
            )

    def _refuse_open_doors(self) -> None:
        """A server that anyone on this machine may use is refused."""
        try:
            self._connect("admin", "quest").close()
            raise self.failure("the server takes QuestDB's default password", hint="set pg.user and pg.password in its conf/server.conf")
        except StoreError as error:
            if error.__cause__ is None:
                raise
        try:
            asked = http.client.HTTPConnection(self.address.host, self.address.http, timeout=10)
            asked.request("GET", "/exec?query=select%201")
            status = asked.getresponse().status
            asked.close()
        except (OSError, http.client.HTTPException) as error:
            found = f"no answer on the port that takes rows, {self.address.http}: {_line(error)}"
            raise self.failure(found, hint="give the server's http port as http=PORT") from error
        if status not in (401, 403):
            hint = "set http.user and http.password in its conf/server.conf"
            raise self.failure(f"the server takes statements over HTTP without a password (status {status})", hint=hint)

    def _ilp(self) -> str:
        a = self.address
        secret = a.password.replace(";", ";;")
        host = f"[{a.host}]" if ":" in a.host else a.host
        patience = f"retry_timeout={int(min(self._patience, 5.0) * 1000)};request_timeout={int(self._patience * 1000)};"
        return f"http::addr={host}:{a.http};username={a.user};password={secret};auto_flush=off;{patience}"


_WAL = "SELECT name, suspended, writerTxn, sequencerTxn, bufferedTxnSize, errorTag, errorMessage FROM wal_tables()"


def _reason(table: str, found: tuple[Any, ...]) -> str:
    why = " ".join(str(each) for each in found[4:6] if each)
    return f"table {table} is suspended at transaction {found[1]} of {found[2]}: {why or 'no reason given'}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
