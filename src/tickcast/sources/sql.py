"""Tables and queries of a database, read through a declared mapping of columns; SQLAlchemy knows the dialects."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import polars as pl

from tickcast.cleaning import Cleaned
from tickcast.errors import ConfigError, SourceError
from tickcast.sources.base import Progress, Source
from tickcast.sources.mapping import DeclaredColumns
from tickcast.sources.stamps import Stamps

if TYPE_CHECKING:
    import sqlalchemy

__all__ = ["SqlTable"]

_BATCH = 500_000


class SqlTable(Source):
    """Rows of one table, view or query, in chunks of about half a million; memory stays that of a chunk.

    Parameters
    ----------
    url: of the database as SQLAlchemy writes it, as `sqlite:///ticks.db` or `postgresql+psycopg://reader@db.local/market`; the driver
        must be installed. A password in it is refused: configurations are kept beside results.
    password_env: name of the environment variable that holds the password.
    relation: name of the table or view, `schema.table` where it has a schema; or else `query`: one SELECT.
    table, columns, symbol, zone, unit, format, interval, bar_stamp, layout: as for files, see `MappedTable`.

    The database sorts the rows by time and then by the other mapped columns, so the same call gives the same chunks; `row` in quarantine
    counts them in that order. Nothing is written.
    """

    name: ClassVar[str] = "sql"

    def __init__(
        self,
        url: str,
        *,
        table: str,
        columns: Mapping[str, str],
        relation: str | None = None,
        query: str | None = None,
        symbol: str | None = None,
        zone: str | None = None,
        unit: str | None = None,
        format: str | None = None,
        interval: str | None = None,
        bar_stamp: Literal["open", "close"] | None = None,
        layout: Mapping[str, Any] | None = None,
        password_env: str | None = None,
        batch: int = _BATCH,
    ) -> None:
        if (relation is None) == (query is None):
            raise ConfigError("a database is asked for a relation or by a query", field="relation", hint="give one of the two")
        if query is not None and (re.match(r"\s*(select|with)\b", query, re.IGNORECASE) is None or ";" in query.rstrip("; \n\t")):
            raise ConfigError("the query is not one SELECT", field="query", hint="write SELECT … FROM …")
        stamps = Stamps(zone, unit, format)
        self.declared = DeclaredColumns.declared(table, columns, symbol, stamps, layout=layout, interval=interval, bar_stamp=bar_stamp)
        self.table = self.declared.table
        self.relation, self.query, self._batch = relation, query.rstrip("; \n\t") if query else None, batch
        self._engine = _engine(url, password_env)
        self.place = self._engine.url.render_as_string(hide_password=True)

    def history(self, *, start: int | None = None, end: int | None = None, progress: Progress | None = None) -> Iterator[Cleaned]:
        """Chunks in time order; rows of one stamp stay together. See `Source.history`."""
        origin = Path(f"{self._engine.url.database or 'database'}#{self.relation or 'query'}")
        rows = 0
        for raw in self._stamps_together():
            yield self.declared.cleaned(raw, origin, first=rows + 1).within(start, end)
            rows += len(raw)
            if progress is not None:
                progress(f"{rows:,} rows read", 0.0)
        if progress is not None:
            progress("read", 1.0)

    def contracts(self) -> pl.DataFrame:
        """The rows themselves where they are mapped to table `contracts`; otherwise nothing is known."""
        return self.declared.contracts(self.history())

    def _stamps_together(self) -> Iterator[pl.DataFrame]:
        """The batches of the answer, cut between two stamps."""
        held: pl.DataFrame | None = None
        column = self.declared.time
        for batch in self._batches():
            rows = batch if held is None else pl.concat([held, batch], how="vertical_relaxed")
            last = rows[column].eq_missing(rows[column][-1])
            yield rows.filter(~last)
            held = rows.filter(last)
        if held is not None:
            yield held

    def _batches(self) -> Iterator[pl.DataFrame]:
        import sqlalchemy

        try:
            with self._engine.connect().execution_options(stream_results=True) as connection:
                asked = self._statement()
                for batch in pl.read_database(asked, connection, iter_batches=True, batch_size=self._batch, infer_schema_length=None):
                    if len(batch):
                        yield batch
        except sqlalchemy.exc.SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise SourceError(f"refused the query: {reason}", file=self.place, hint="check url, relation, columns and rights") from error
        except pl.exceptions.PolarsError as error:
            raise SourceError(
                f"gave rows of mixed types: {str(error).splitlines()[0]}", file=self.place, hint="cast them in the query"
            ) from error

    def _statement(self) -> sqlalchemy.Select[Any]:
        """The mapped columns, sorted by time and then by all others."""
        import sqlalchemy as sql

        names = dict.fromkeys((self.declared.time, *self.declared.columns.values()))
        columns: list[sql.ColumnClause[Any]] = [sql.column(name) for name in names]
        if self.query is not None:
            return sql.select(*columns).select_from(sql.text(f"({self.query}) AS tickcast_rows")).order_by(*columns)
        schema, _, name = str(self.relation).rpartition(".")
        return sql.select(*columns).select_from(sql.table(name, schema=schema or None)).order_by(*columns)


def _engine(url: str, password_env: str | None) -> sqlalchemy.Engine:
    """The database's engine. Raises ConfigError; no message holds the password."""
    try:
        import sqlalchemy
    except ModuleNotFoundError:
        raise ConfigError("SQLAlchemy is not installed and source sql needs it", hint="run pip install 'tickcast[sql]'") from None
    example = "write it as sqlite:///ticks.db or postgresql+psycopg://reader@db.local/market"
    try:
        place = sqlalchemy.make_url(url)
        if place.password is not None:
            hint = "take it out and name an environment variable in password_env"
            raise ConfigError("a password stands in the url", field="url", hint=hint)
        if password_env is not None:
            if not os.environ.get(password_env):
                raise ConfigError(f"the environment has no {password_env}", field="password_env", hint="set it, then run again")
            place = place.set(password=os.environ[password_env])
        return sqlalchemy.create_engine(place)
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise ConfigError(f"{error.args[0]}", field="url", hint=example) from None
    except sqlalchemy.exc.ArgumentError:
        raise ConfigError("the url of the database cannot be read", field="url", hint=example) from None
    except ModuleNotFoundError as error:
        raise ConfigError(f"the driver {error.name} is not installed", field="url", hint=f"run pip install {error.name}") from None
