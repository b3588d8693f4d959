"""Ask a store by SQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import polars as pl
import pyarrow as pa

from tickcast.errors import ConfigError, DataError, QueryError
from tickcast.query.limits import Limits
from tickcast.schema import CONTEXT, TABLES
from tickcast.store import Store

__all__ = ["Answer", "query"]

_COVERAGE = "coverage"
_HINT = "ask one SELECT over the store's tables; docs/query.md has examples"


@dataclass(frozen=True)
class Answer:
    """What a query gave: `frame`, and whether rows were `cut` at the limit."""

    frame: pl.DataFrame
    cut: bool


def query(
    store: Store,
    sql: str,
    *,
    symbols: Sequence[str] | None = None,
    start: int | None = None,
    end: int | None = None,
    as_of: int | str | None = None,
    limits: Limits | None = None,
) -> Answer:
    """The answer of one SELECT over the tables of `schema` and `coverage` (a row per table, symbol and day, from the ledger).

    Parameters
    ----------
    symbols, start, end, as_of: which rows the statement can see, as in `Store.scan`. Only columns that it names are sent, so a narrow
        question about long tables stays cheap. `ts` and its like are whole UTC ns; `utc(ts)` makes a timestamp of them.

    Raises QueryError for a statement that is refused, fails, or is stopped at a limit.
    """
    allowed = limits or Limits()
    shown = {name: [*table.names, *(column.name for column in CONTEXT)] for name, table in TABLES.items()}
    shown[_COVERAGE] = _coverage(store, as_of).columns

    def frames(table: str) -> Iterator[pl.DataFrame]:
        if table == _COVERAGE:
            return iter([_coverage(store, as_of)])
        return store.chunks(table, symbols, start, end, as_of=as_of)

    with tempfile.TemporaryDirectory(prefix="tickcast-query-") as spill, _worker(spill, allowed) as (process, stopped):
        ask = {"sql": sql, "tables": shown, "spill": spill, "rows": allowed.rows, "seconds": allowed.seconds}
        sent, received = _pipes(process)
        try:
            sent.write(json.dumps({**ask, "memory": allowed.memory, "threads": allowed.threads}).encode() + b"\n")
            sent.flush()
            for table, columns in sorted(_told(received.readline(), "wanted").items()):
                _send(sent, frames(table), table, columns)
            sent.close()
            frame = _received(received, allowed.memory)
        except (OSError, pa.ArrowException, ValueError) as error:  # it went away in the middle
            raise _ended(process, stopped, allowed) from error
    return Answer(frame.head(allowed.rows), len(frame) > allowed.rows)


@contextmanager
def _worker(spill: str, limits: Limits) -> Iterator[tuple[subprocess.Popen[bytes], threading.Event]]:
    """The process of a query with an environment of its own; it is killed when its time is over or nobody waits any more."""
    try:
        import duckdb  # noqa: F401
    except ModuleNotFoundError:
        raise ConfigError("DuckDB is not installed and SQL needs it", hint="run pip install 'tickcast[sql]'") from None
    where = os.pathsep.join(path for path in sys.path if path)
    environment = {"PYTHONPATH": where, "HOME": spill, "TMPDIR": spill, "PATH": "", "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tickcast.query.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=spill,
        env=environment,
    )
    stopped = threading.Event()

    def stop() -> None:
        stopped.set()
        process.kill()

    timer = threading.Timer(limits.seconds, stop)
    timer.start()
    try:
        yield process, stopped
    finally:
        timer.cancel()
        process.kill()
        for pipe in (process.stdin, process.stdout):
            _close(pipe)
        process.wait()


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe is not None:
            pipe.close()
    except BrokenPipeError:  # what was still to be written has no reader any more
        return


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise QueryError("the process of the query has no pipes", hint="run it again")
    return process.stdin, process.stdout


def _send(sink: IO[bytes], frames: Iterator[pl.DataFrame], table: str, columns: Sequence[str] | None) -> None:
    """A table's rows as one Arrow stream; at least the schema where there are none."""
    names = None if columns is None else [*columns] or ["ts"]
    kinds = _kinds(table)
    if names is not None:
        kinds = {name: kinds[name] for name in names if name in kinds} or kinds
    shape = pl.DataFrame(schema=kinds)
    with pa.ipc.new_stream(sink, shape.to_arrow().schema) as out:
        for frame in frames:
            missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in kinds.items() if name not in frame.columns]
            out.write_table(frame.with_columns(missing).select(*kinds).to_arrow().cast(shape.to_arrow().schema))


def _kinds(table: str) -> dict[str, Any]:
    if table == _COVERAGE:
        return dict(_coverage_shape())
    return {column.name: column.dtype for column in (*TABLES[table].columns, *CONTEXT)}


def _coverage_shape() -> Mapping[str, Any]:
    return {"table": pl.String, "symbol": pl.String, "trading_day": pl.Int64, "rows": pl.Int64, "first_ts": pl.Int64, "last_ts": pl.Int64}


def _coverage(store: Store, as_of: int | str | None) -> pl.DataFrame:
    """Every stored day of every table."""
    shape = _coverage_shape()
    days = [store.coverage(name, as_of=as_of).with_columns(pl.lit(name).alias("table")).select(*shape) for name in TABLES]
    return pl.concat([pl.DataFrame(schema=dict(shape)), *days], how="vertical_relaxed")


def _told(line: bytes, key: str) -> Mapping[str, Sequence[str] | None]:
    """The worker's first line. Raises QueryError where it refuses."""
    message = json.loads(line)
    if key not in message:
        raise QueryError(message.get("refused") or message.get("failed") or "the query gave no answer", field="sql", hint=_HINT)
    found: Mapping[str, Sequence[str] | None] = message[key]
    return found


def _received(source: IO[bytes], memory: int) -> pl.DataFrame:
    """The answer: an Arrow stream and a line that says that it is whole, or what failed."""
    content = source.read((memory << 20) + 1)
    if len(content) > memory << 20:
        raise QueryError(f"the answer is larger than {memory} MiB", field="sql", hint="ask for fewer columns or rows, or allow more memory")
    rows = pa.BufferReader(content)
    table = None if content[:1] == b"{" else pa.ipc.open_stream(rows).read_all()
    message = json.loads(rows.read())
    if table is None or "done" not in message:
        found = message.get("failed", "the query gave no answer")
        written = found.startswith(("Binder", "Catalog", "Parser"))
        hint = "mend it: tickcast data columns TABLE names what a table has" if written else "mend it, or narrow it by symbols and time"
        raise QueryError(found, field="sql", hint=hint)
    found = pl.from_arrow(table)
    if not isinstance(found, pl.DataFrame):
        raise DataError("the query gave no table")
    return found


def _ended(process: subprocess.Popen[bytes], stopped: threading.Event, limits: Limits) -> QueryError:
    """Why the worker went away before it answered."""
    code = process.wait()
    if stopped.is_set() or -code in (9, 24):  # killed by us, or by the operating system's limit of processor time
        return QueryError(f"stopped after {limits.seconds:g} s", field="sql", hint="narrow it by symbols and time, or allow more seconds")
    hint = f"narrow it by symbols and time, or allow more than {limits.memory} MiB"
    return QueryError(f"the database ended with code {code}", field="sql", hint=hint)
