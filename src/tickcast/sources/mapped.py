"""CSV and Parquet files read through a declared mapping of columns, with the zone in which they tell time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal

import polars as pl

from tickcast.clock import parse_duration
from tickcast.schema import CONTRACTS, SIGNALS
from tickcast.sources.base import FileSource, no_contracts
from tickcast.sources.cleaning import Cleaned
from tickcast.sources.files import Paths, list_files, read_bytes
from tickcast.sources.layout import Layout
from tickcast.sources.mapping import DeclaredColumns
from tickcast.sources.portions import Portion, own_rows, portions, read_portion
from tickcast.sources.stamps import Stamps
from tickcast.sources.tabular import read_csv, read_parquet

__all__ = ["MappedTable"]


class MappedTable(FileSource):
    """Files with a declared mapping, one chunk per file, several where it is large.

    Parameters
    ----------
    files: .csv (also .csv.xz, .csv.gz, .csv.zst, or inside .zip and .whl with `member`) or .parquet; a file, folder, glob or list.
    table: any table of `schema`, as trades, bars or book.
    columns: schema column → column of the file. `symbol`: the symbol (of options: the underlying) of all rows where no column gives one.
    zone, unit, format: how the file tells time, see `Stamps`.
    interval, bar_stamp: bars only; their length, and whether the file stamps a bar with its `open` or its `close`. There is no default:
    a bar stamped with its start and taken for its close would be known before it happened.
    layout: what bare files do not tell of themselves, see `Layout`: {header, day, divisor, carry, calendar, delay}.
    """

    name: ClassVar[str] = "table"

    def __init__(
        self,
        files: Paths,
        *,
        table: str,
        columns: Mapping[str, str],
        symbol: str | None = None,
        zone: str | None = None,
        unit: str | None = None,
        format: str | None = None,
        interval: str | None = None,
        bar_stamp: Literal["open", "close"] | None = None,
        member: str | None = None,
        layout: Mapping[str, Any] | None = None,
    ) -> None:
        self.table, self.member = DeclaredColumns.table_named(table), member
        told = Layout.from_dict(layout)
        length = parse_duration(interval) if interval else 0
        stamps = Stamps(zone, unit, format)
        self.declared = DeclaredColumns(self.table, dict(columns), symbol, stamps, told, length, bar_stamp, told.end_of_day(format))
        self.files = list_files(files, "*")

    def contracts(self) -> pl.DataFrame:
        """The files' own rows where they are mapped to table `contracts`; otherwise nothing is known."""
        if self.table is not CONTRACTS:
            return no_contracts()
        told = pl.concat([chunk.frame for chunk in self.history()]).sort("symbol", "ts", maintain_order=True)
        return told.unique(["symbol", "ts"], keep="last", maintain_order=True)

    @property
    def parts(self) -> tuple[Portion, ...]:
        """Large CSV and Parquet files in portions; what needs the rows before, as quotes of one side do, in one piece."""
        whole = self.declared.layout.carry or self.table is SIGNALS or self.member is not None
        return tuple(Portion(file) for file in self.files) if whole else self._portions

    @cached_property
    def _portions(self) -> tuple[Portion, ...]:
        return tuple(part for file in self.files for part in portions(file, self.declared.layout.header))

    def _read(self, part: Portion) -> Cleaned:
        path, header = part.file, self.declared.layout.header
        if part.first is not None:
            rows = read_portion(part, header, self.declared.columns.values())
            return own_rows(self.declared.cleaned(rows.frame, path, first=rows.first), part)
        content = read_bytes(path, self.member)
        raw = read_parquet(content, path) if content[:4] == b"PAR1" else read_csv(content, path, header, self.declared.columns.values())
        return self.declared.cleaned(raw, path)
