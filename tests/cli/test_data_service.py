"""From a configuration to the store through a provider: what it costs, what is filled, what is asked again and what never is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sources.gateway import KEY, StandIn
from sources.test_databento_history import MONDAY, asking, market, rows
from tickcast.cli import execute
from tickcast.clock import DAY, HOUR, day_text
from tickcast.config import DataConfig
from tickcast.sources.configured import configured
from tickcast.store import Store
from tickcast.upkeep import family, fill

WEEK = ["--from", day_text(MONDAY), "--until", day_text(MONDAY + 4)]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    with StandIn(market()).running() as running:
        yield running


@pytest.fixture
def config(service: StandIn, tmp_path: Path) -> str:
    path = tmp_path / "data.yaml"
    access = f"{{url: '{service.url}', cache: {tmp_path / 'cache'}, first: 0.01, longest: 0.05, tries: 2, read: 0.5}}"
    options = f"{{dataset: GLBX.MDP3, schema: ohlcv-1m, access: {access}}}"
    path.write_text(f"data: {{source: databento-history, symbol: MGC.FUT, table: bars, calendar: 24/7, options: {options}}}\n")
    return str(path)


def answer(words: list[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Any:
    assert execute(["data", *words, "--json"]) == code, capsys.readouterr().err
    told = capsys.readouterr()
    assert KEY not in told.out + told.err
    return json.loads(told.out) if code == 0 else told.err


def test_a_week_is_priced_bought_and_stored(service: StandIn, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    service.dollars, store = 0.01, ["--store", str(tmp_path / "store")]
    price = answer(["cost", config, *WEEK, *store], capsys)
    assert (price["days"], price["downloads"], price["bytes"], price["dollars"], price["budget"]) == (5, 6, 4 * 72 * 56, 2.88, 0.0)
    refused = answer(["fill", config, *WEEK, *store], capsys, code=1)
    assert "6 downloads would cost 2.88 US dollars, 0.00 are allowed" in refused and service.fetched() == []
    buy = ["--set", "data.options.budget=2.88"]
    done = answer(["fill", config, *WEEK, *buy, *store], capsys)
    assert (done["asked"], done["stored"], done["empty"], done["rows"], done["unanswered"]) == (5, 4, 1, 192, [])
    with Store.open(tmp_path / "store") as kept:
        held = kept.scan("bars").sort("symbol", "ts")
        own = rows(asking(service, tmp_path / "cache")).sort("symbol", "ts")
        assert held.select("symbol", "ts", "close", "volume", "underlying_contract").equals(
            own.select("symbol", "ts", "close", "volume", "underlying_contract")
        )
        assert kept.empty.days("bars")["trading_day"].to_list() == [MONDAY + 2]
    count = len(service.asked)
    again = answer(["fill", config, *WEEK, *buy, *store], capsys)
    assert (again["asked"], again["waiting"]) == (0, 1) and len(service.asked) == count, "an hour has to pass before the day is asked again"
    assert answer(["cost", config, *WEEK, *store], capsys)["dollars"] == 0.0
    assert execute(["data", "verify", config, *WEEK, *store]) == 1, "one day has been answered with nothing, once"


def test_an_empty_day_is_settled_by_a_second_answer_of_the_provider(service: StandIn, config: str, tmp_path: Path) -> None:
    data = DataConfig.load(config)
    for hours, settled in ((0, False), (2, True)):
        now = (MONDAY + 900) * DAY + hours * HOUR
        with Store.open(tmp_path / "store", clock=lambda at=now: at) as store:
            service.asked.clear()
            fill(data, configured(data), family(data, store), store, MONDAY, MONDAY + 4, clock=lambda at=now: at)
            found = store.empty.days("bars").row(0, named=True)
            assert (found["trading_day"], found["settled"]) == (MONDAY + 2, settled)
    asked = [method for method, _ in service.asked]
    assert "metadata.get_record_count" in asked and "timeseries.get_range" not in asked, "asked afresh, and not from the cache"


def test_a_fill_that_broke_off_goes_on_and_buys_nothing_twice(service: StandIn, config: str, tmp_path: Path, capsys: Any) -> None:
    store = ["--store", str(tmp_path / "store")]
    service.fail("timeseries.get_range", "", "", "", "503", "reset")
    told = answer(["fill", config, *WEEK, *store], capsys, code=1)
    assert "2 attempts" in told and "Try again later" in told
    with Store.open(tmp_path / "store") as kept:
        assert kept.coverage("bars")["trading_day"].unique().to_list() == [MONDAY, MONDAY + 1]
    done = answer(["fill", config, *WEEK, *store], capsys)
    assert done["stored"] == 2
    failed = ((MONDAY + 2) * DAY, (MONDAY + 3) * DAY)
    bars = service.fetched("ohlcv-1m")
    assert all(bars.count(span) == 1 for span in bars if span != failed) and bars.count(failed) == 3
    assert len(service.fetched("definition")) == 1, "what it tells of contracts is asked once"


def test_only_what_sells_its_data_has_a_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "data.yaml"
    path.write_text("data: {source: simulated, symbol: SIM, calendar: 24/7}\n")
    assert execute(["data", "cost", str(path)]) == 2
    assert "what simulated gives costs nothing" in capsys.readouterr().err
