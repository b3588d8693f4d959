"""The process in which a query runs: a database in memory behind two pipes, with its configuration locked.

It is given the statement, says which tables and columns it needs, is given these as Arrow streams and answers with one, behind which
a line of JSON says whether it is whole. It opens no file but its own spill space, starts no thread beyond its limit, and ends with its
parent. Run as `python -m tickcast.query.worker`.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa

from tickcast.query.kinds import holdable
from tickcast.query.statement import Refused, admitted

__all__ = ["main"]

_HEADROOM = 1536  # MiB of address space beyond the database's own limit: the interpreter, its libraries and buffers


def main(source: BinaryIO, sink: BinaryIO) -> int:
    """One query. Returns the exit code: 0 answered, 2 refused or failed (a line of JSON says why)."""
    asked = json.loads(source.readline())
    connection = _locked_out(asked)
    try:
        wanted = admitted(connection, asked["sql"], asked["tables"])
        columns = {table: None if names is None else sorted(names) for table, names in wanted.columns.items()}
        _tell(sink, {"wanted": columns})
        for table in sorted(columns):
            connection.register("arriving", pa.ipc.open_stream(source))
            connection.execute(f'CREATE TABLE "{table}" AS SELECT * FROM arriving')
            connection.unregister("arriving")
        connection.execute("CREATE MACRO utc(ts) AS make_timestamp_ns(ts)")
        connection.execute("SET enable_external_access = false; SET lock_configuration = true")
        rows = holdable(connection.sql(asked["sql"]).limit(asked["rows"] + 1))  # one more says that there are more
        reader: pa.RecordBatchReader = rows.to_arrow_reader(65_536)
        with pa.ipc.new_stream(sink, reader.schema) as out:
            for batch in reader:
                out.write_batch(batch)
        _tell(sink, {"done": True})
    except Refused as error:
        _tell(sink, {"refused": str(error)})
        return 2
    except (duckdb.Error, pa.ArrowException, OSError, MemoryError) as error:  # OSError: of the database, while its answer is read
        full = isinstance(error, duckdb.OutOfMemoryException | MemoryError) or str(error).startswith("Out of Memory")
        _tell(sink, {"failed": f"needs more than {asked['memory']} MiB" if full else _reason(str(error))})
        return 2
    return 0


def _locked_out(asked: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """A database in memory within its limits, from which nothing can be reached."""
    most = (asked["memory"] + _HEADROOM) << 20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (int(asked["seconds"] * asked["threads"]) + 2,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": asked["threads"],
            "memory_limit": f"{asked['memory']}MiB",
            "temp_directory": asked["spill"],
            "max_temp_directory_size": f"{8 * asked['memory']}MiB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
        },
    )
    connection.execute("SET python_enable_replacements = false")
    return connection


def _reason(text: str) -> str:
    """What the database says, without the statement, and without candidates among the few columns that were sent.

    >>> _reason('Catalog Error: no function foo!\\nDid you mean "floor"?\\n\\nLINE 1: SELECT foo(x)')
    'Catalog Error: no function foo; did you mean "floor"'
    """
    lines = [line.strip().rstrip("!.?") for line in text.partition("\n\n")[0].splitlines() if line.strip()]
    return "; ".join([lines[0], *(line[:1].lower() + line[1:] for line in lines[1:] if not line.startswith("Candidate"))])


def _tell(sink: BinaryIO, message: Mapping[str, Any]) -> None:
    sink.write(json.dumps(message).encode() + b"\n")
    sink.flush()


if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer, sys.stdout.buffer))
