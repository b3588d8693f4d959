"""Chains from a file through the store to features, as an experiment names them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from options.feeds import COLUMNS, feed
from tickcast.calendars import Cboe, Nyse
from tickcast.config import Experiment
from tickcast.features import FeatureSet
from tickcast.lifecycle.ingest import ingest
from tickcast.lifecycle.market import market
from tickcast.lifecycle.progress import Progress
from tickcast.options import surface
from tickcast.store import Store


def test_an_experiment_sees_the_surface_of_its_chains(market_data: Path, tmp_path: Path) -> None:
    words = Path(__file__).resolve().parents[2] / "configs" / "simulated.yaml"
    layout = {"calendar": "NYSE", "delay": "15m"}
    changes = {
        "source": "table",
        "files": str(market_data / "options" / "spxw_2018-01_02.csv.xz"),
        "table": "options",
        "symbol": "SPXW",
        "calendar": "CBOE",
        "options": {"columns": dict(COLUMNS["spxw_2018-01_02"]), "format": "%m/%d/%Y", "layout": layout},
    }
    experiment = Experiment.load(words)
    experiment = experiment.model_copy(update={"data": type(experiment.data)(**changes), "bars": None, "rolls": None})
    with Store.open(tmp_path / "store") as store:
        arrived = ingest(experiment.data, store, tmp_path / "receipts", Progress(lambda *_: None))
        found = market(experiment, store, arrived)
    assert (arrived.rows, arrived.outside, dict(arrived.quarantined)) == (13_688, 0, {"expired": 750})
    straight = surface(feed(market_data, "spxw_2018-01_02").frame)
    rows = found.rows
    assert rows["ts"].to_list() == straight["ts"].to_list() == rows["session_id"].to_list(), "known when the session closes, at 16:15"
    a, b = (FeatureSet.load("options").compute(each).values for each in (rows, straight))
    np.testing.assert_array_equal(a, b)


def test_options_trade_a_quarter_of_an_hour_longer_than_shares() -> None:
    start = int(datetime(2016, 11, 21, tzinfo=UTC).timestamp() * 1e9)
    week = [each.sessions(start, start + 7 * 86_400 * 10**9) for each in (Cboe(), Nyse())]
    assert len(week[0]) == 4 and (week[0].open == week[1].open).all()
    assert ((week[0].close - week[1].close) == 15 * 60 * 10**9).all(), "on the half day after Thanksgiving too"
