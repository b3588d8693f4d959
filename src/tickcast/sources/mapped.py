"""CSV and Parquet files read through a declared mapping of columns, with the zone in which they tell time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal

import polars as pl

from tickcast.cleaning import Cleaned
from tickcast.schema import SIGNALS
from tickcast.sources.base import PortionSource
from tickcast.sources.files import Paths, list_files, read_bytes
from tickcast.sources.mapping import DeclaredColumns
from tickcast.sources.portions import Portion, portions_of, read_portion, refuse_long_stamp, without_margins
from tickcast.sources.stamps import Stamps
from tickcast.sources.tabular import read_csv, read_parquet

__all__ = ["MappedTable"]


class MappedTable(PortionSource):
    """Files with a declared mapping, one chunk per file, several where it is large.

    Parameters
    ----------
    files: .csv (also .csv.xz, .csv.gz, .csv.zst, or inside .zip and .whl with `member`) or .parquet; a file, folder, glob or list.
    table: any table of `schema`, as trades, bars or book.
    columns: schema column → column of the file. `symbol`: the symbol (of options: the underlying) of all rows where no column gives one.
    zone, unit, format: how the file tells time, see `Stamps`.
    interval, bar_stamp: bars only; their length, and whether the file stamps a bar with its `open` or its `close`. There is no default:
    a bar stamped with its start and taken for its close would be known before it happened.
    layout: what bare files do not tell of themselves, see `Layout`: {header, day, divisor, carry, calendar, delay, revisions}.
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
        stamps = Stamps(zone, unit, format)
        self.declared = DeclaredColumns.declared(table, columns, symbol, stamps, layout=layout, interval=interval, bar_stamp=bar_stamp)
        self.table, self.member = self.declared.table, member
        self.files = list_files(files, "*")

    def contracts(self) -> pl.DataFrame:
        """The files' own rows where they are mapped to table `contracts`; otherwise nothing is known."""
        return self.declared.contracts(self.history())

    @property
    def portions(self) -> tuple[Portion, ...]:
        """Large CSV and Parquet files in portions; what needs the rows before, as quotes of one side do, in one piece."""
        whole = self.declared.layout.carry or self.table is SIGNALS or self.member is not None
        return tuple(Portion(file) for file in self.files) if whole else self._portions

    @cached_property
    def _portions(self) -> tuple[Portion, ...]:
        return tuple(portion for file in self.files for portion in portions_of(file, self.declared.layout.header))

    def _read(self, portion: Portion) -> Cleaned:
        path, header = portion.file, self.declared.layout.header
        if portion.first is not None:
            rows = read_portion(portion, header, self.declared.columns.values())
            cleaned = self.declared.cleaned(rows.frame, path, first=rows.first)
            refuse_long_stamp(cleaned, portion)
            return without_margins(cleaned, portion)
        content = read_bytes(path, self.member)
        raw = read_parquet(content, path) if content[:4] == b"PAR1" else read_csv(content, path, header, self.declared.columns.values())
        return self.declared.cleaned(raw, path)
