"""An experiment is answered with the rows its own inputs gave, whatever else its store holds."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tickcast.clock import DAY, MINUTE
from tickcast.config import Experiment
from tickcast.errors import DataError
from tickcast.features import FeatureSet
from tickcast.lifecycle.ingest import ingest
from tickcast.lifecycle.input_days import experiment_days
from tickcast.lifecycle.market import market
from tickcast.lifecycle.progress import Progress
from tickcast.store import Store

FIRST = 19_783 * DAY  # 2024-03-01


def trades(path: Path, days: range, *, price: float, every: int = 60, size: float = 1.0) -> Path:
    """A file of trades so many minutes apart on these days."""
    ts = [FIRST + day * DAY + minute * MINUTE for day in days for minute in range(1, 1440, every)]
    pl.DataFrame({"t": ts, "p": [price + at % 7 for at in range(len(ts))], "q": size}).write_parquet(path)
    return path


def settings(experiment: Experiment, file: Path, **changes: object) -> Experiment:
    options = {"columns": {"ts": "t", "price": "p", "size": "q"}, "unit": "ns"}
    data = {"source": "table", "table": "trades", "symbol": "A", "calendar": "24/7", "files": str(file), "options": options, **changes}
    return Experiment.model_validate({**experiment.model_dump(mode="json"), "data": data})


def answered(experiment: Experiment, store: Store, receipts: Path) -> pl.DataFrame:
    return market(experiment, store, ingest(experiment.data, store, receipts, Progress())).rows


@pytest.mark.parametrize("reread", [False, True])
def test_two_experiments_share_a_store_and_a_symbol(experiment: Experiment, tmp_path: Path, reread: bool) -> None:
    """Days of one are no days of the other, whichever came first; where they gave the same days each is answered with its own."""
    one = settings(experiment, trades(tmp_path / "one.parquet", range(0, 4), price=100.0))
    two = settings(experiment, trades(tmp_path / "two.parquet", range(6, 9), price=200.0))
    alone = []
    for at, each in enumerate((one, two)):
        with Store.open(tmp_path / f"alone{at}") as store:
            alone.append(answered(each, store, tmp_path / f"receipts{at}"))
    with Store.open(tmp_path / "shared") as store:
        for each, expected in [(one, alone[0]), (two, alone[1]), (one, alone[0])]:
            assert answered(each, store, tmp_path / "receipts").equals(expected)
            if reread:
                for receipt in (tmp_path / "receipts").iterdir():
                    receipt.unlink()


def test_days_that_two_inputs_share_are_told_apart_by_their_hours(experiment: Experiment, tmp_path: Path) -> None:
    """Each gave half of a day: the other half is none of its rows."""
    whole = pl.read_parquet(trades(tmp_path / "whole.parquet", range(0, 3), price=100.0))
    noon = FIRST + DAY + 12 * 60 * MINUTE
    whole.filter(pl.col("t") < noon).write_parquet(tmp_path / "early.parquet")
    whole.filter(pl.col("t") >= noon).write_parquet(tmp_path / "late.parquet")
    with Store.open(tmp_path / "store") as store:
        parts = [answered(settings(experiment, tmp_path / f"{name}.parquet"), store, tmp_path / "r") for name in ("early", "late", "early")]
    assert parts[0]["ts"].to_list() == whole.filter(pl.col("t") < noon)["t"].to_list()
    assert parts[1]["ts"].to_list() == whole.filter(pl.col("t") >= noon)["t"].to_list()
    assert parts[2].equals(parts[0])


def test_rows_of_others_inside_the_same_hours_are_refused(experiment: Experiment, tmp_path: Path) -> None:
    one = settings(experiment, trades(tmp_path / "one.parquet", range(0, 2), price=100.0))
    two = settings(experiment, trades(tmp_path / "two.parquet", range(0, 2), price=300.0))
    with Store.open(tmp_path / "store") as store:
        first = answered(one, store, tmp_path / "receipts")
        with pytest.raises(DataError, match="trades of A on 2024-03-01: the store holds 48 rows where these inputs gave 24.*--store"):
            answered(two, store, tmp_path / "receipts")
        assert answered(one, store, tmp_path / "receipts").equals(first), "who came first is answered from the version of its receipt"


def test_bars_of_two_intervals_share_a_symbol(experiment: Experiment, tmp_path: Path) -> None:
    """Day files hold all intervals of a symbol; an experiment sees its own."""
    five = experiment.model_copy(update={"data": experiment.data.model_copy(update={"options": {"days": 2, "interval": "5m"}})})
    hour = experiment.model_copy(update={"data": experiment.data.model_copy(update={"options": {"days": 2, "interval": "60m"}})})
    with Store.open(tmp_path / "store") as store:
        assert [len(answered(each, store, tmp_path / "receipts")) for each in (five, hour, five)] == [576, 48, 576]


def test_files_that_overlap_are_one_experiments_rows(experiment: Experiment, tmp_path: Path) -> None:
    whole = pl.read_parquet(trades(tmp_path / "whole.parquet", range(0, 2), price=100.0))
    (tmp_path / "raw").mkdir()
    whole.head(30).write_parquet(tmp_path / "raw" / "a.parquet")
    whole.tail(30).write_parquet(tmp_path / "raw" / "b.parquet")
    with Store.open(tmp_path / "store") as store:
        assert len(answered(settings(experiment, tmp_path / "raw"), store, tmp_path / "receipts")) == len(whole) == 48


def test_materialised_days_are_those_of_the_own_rows(experiment: Experiment, tmp_path: Path) -> None:
    one = settings(experiment, trades(tmp_path / "one.parquet", range(0, 2), price=100.0))
    two = settings(experiment, trades(tmp_path / "two.parquet", range(1, 4), price=100.0, every=45))
    words = {"name": "grid", "stream": "trades", "clock": {"every": "1h"}, "session": "reset", "price": "price"}
    features = FeatureSet.from_dict({**words, "features": {"n": 'count("1h")'}})
    one, two = (each.model_copy(update={"bars": None}) for each in (one, two))
    with Store.open(tmp_path / "store") as store:
        ingest(two.data, store, tmp_path / "receipts", Progress())
        days = experiment_days(one, store, ingest(one.data, store, tmp_path / "receipts", Progress()), features)
        assert [day.day for day in days] == [FIRST // DAY, FIRST // DAY + 1]
        assert isinstance(first := days[0].rows(), pl.DataFrame) and len(first) == 24
        with pytest.raises(DataError, match="2024-03-02"):
            days[1].rows()
