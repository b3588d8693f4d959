"""`tickcast data`: what the store holds, what it lacks, and whether it is sound."""

from __future__ import annotations

from cyclopts import App

from tickcast.cli.data_audit import audit
from tickcast.cli.data_columns import columns
from tickcast.cli.data_copy import copy
from tickcast.cli.data_cost import cost
from tickcast.cli.data_coverage import coverage
from tickcast.cli.data_fill import fill, update
from tickcast.cli.data_list import list_datasets
from tickcast.cli.data_profile import profile
from tickcast.cli.data_quarantine import quarantine
from tickcast.cli.data_record import record
from tickcast.cli.data_rolls import rolls
from tickcast.cli.data_sql import sql
from tickcast.cli.data_sweep import collect, compact
from tickcast.cli.data_verify import verify

__all__ = ["data"]

data = App(name="data", help="List, draw, check and complete what the store holds.")

data.command(list_datasets, name="list")
data.command(columns, name="columns")
data.command(coverage, name="coverage")
data.command(verify, name="verify")
data.command(cost, name="cost")
data.command(fill, name="fill")
data.command(update, name="update")
data.command(audit, name="audit")
data.command(compact, name="compact")
data.command(collect, name="collect")
data.command(record, name="record")
data.command(sql, name="sql")
data.command(profile, name="profile")
data.command(copy, name="copy")
data.command(rolls)
data.command(quarantine, name="quarantine")
