"""Ingest and market: what cannot be read is named; what was read is remembered, and a damaged memory costs only time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tickcast.config import DataConfig, Experiment
from tickcast.errors import ConfigError, DataError, SourceError
from tickcast.lifecycle.describe import Described
from tickcast.lifecycle.ingest import Ingested, ingest
from tickcast.lifecycle.market import Market, market
from tickcast.lifecycle.progress import Progress
from tickcast.sources import SimulatedMarket
from tickcast.store import Store


@pytest.fixture
def read(tmp_path: Path, experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Ingested, int]]:
    """Ingest into one store; gives what was committed and how often the source was read so far."""
    times = [0]
    honest = SimulatedMarket.history

    def counted(self: SimulatedMarket, **options: object) -> object:
        times[0] += 1
        return honest(self, **options)

    monkeypatch.setattr(SimulatedMarket, "history", counted)

    def go() -> tuple[Ingested, int]:
        data = experiment.data.model_copy(update={"options": {"days": 2, "interval": "5m"}})
        with Store.open(tmp_path / "store") as store:
            return ingest(data, store, tmp_path / "receipts", Progress()), times[0]

    return go


def test_files_that_are_not_there(tmp_path: Path) -> None:
    columns = {"ts": "t", "price": "p", "size": "s"}
    data = DataConfig(source="table", symbol="X", table="trades", options={"columns": columns, "unit": "ns"})
    (tmp_path / "empty").mkdir()
    with Store.open(tmp_path / "store") as store:
        for files in (None, str(tmp_path / "no*.csv"), str(tmp_path / "empty")):
            with pytest.raises(SourceError, match="no files are named|no such file"):
                ingest(data.model_copy(update={"files": files}), store, tmp_path / "receipts", Progress())


def test_a_folder_is_read_by_the_pattern_of_its_source(tmp_path: Path) -> None:
    """What a vendor lays beside its files is not read as one of them."""
    (tmp_path / "metadata.json").write_text("{}")
    data = DataConfig(source="databento", symbol="MGC", files=str(tmp_path))
    with Store.open(tmp_path / "store") as store, pytest.raises(SourceError, match=r"\.dbn"):
        ingest(data, store, tmp_path / "receipts", Progress())


def test_an_option_that_the_source_does_not_know(tmp_path: Path, experiment: Experiment) -> None:
    data = experiment.data.model_copy(update={"options": {"dayz": 2}})
    with Store.open(tmp_path / "store") as store, pytest.raises(ConfigError, match=r"data\.options\.dayz.*Did you mean 'days'"):
        ingest(data, store, tmp_path / "receipts", Progress())
    assert not (tmp_path / "receipts").exists()


def test_the_same_data_is_read_once(read: Callable[[], tuple[Ingested, int]]) -> None:
    (first, once), (second, twice) = read(), read()
    assert (once, twice) == (1, 1)
    assert first == second and first.rows == 2 * 288 and len(first.version) == 64


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": "x"}', '{"version": "0", "rows": "many", "outside": 0, "quarantined": {}}'])
def test_a_damaged_receipt_is_read_over(text: str, read: Callable[[], tuple[Ingested, int]], tmp_path: Path) -> None:
    first, _ = read()
    (receipt,) = (tmp_path / "receipts").iterdir()
    whole = receipt.read_text()
    receipt.write_text(text)
    again, times = read()
    assert times == 2
    assert again == first, "the same rows again are the same version"
    assert receipt.read_text() == whole


def test_a_receipt_of_a_version_that_is_gone(read: Callable[[], tuple[Ingested, int]], tmp_path: Path) -> None:
    first, _ = read()
    (tmp_path / "store").rename(tmp_path / "lost")
    again, times = read()
    assert (again.version, times) == (first.version, 2)


def test_a_market_without_rows_is_named(tmp_path: Path, experiment: Experiment) -> None:
    data = experiment.data.model_copy(update={"options": {"days": 1, "interval": "5m"}})
    with Store.open(tmp_path / "store") as store:
        arrived = ingest(data, store, tmp_path / "receipts", Progress())
        other = experiment.model_copy(update={"data": data.model_copy(update={"symbol": "OTHER"})})
        with pytest.raises(DataError, match="no bars of OTHER"):
            market(other, store, arrived)
        longer = experiment.model_copy(update={"data": data, "bars": None})
        assert len(market(longer, store, arrived).rows) == 288


def test_bars_are_built_and_sessions_reach_beyond_the_data(prepared: tuple[Market, Described]) -> None:
    found, _ = prepared
    ts = found.rows["ts"]
    assert ts.is_sorted() and found.schedule is None
    assert int(found.sessions.close[-1]) > int(ts[-1]) + 300 * 86_400 * 10**9
    assert (found.rows["session_id"] >= ts).all() and found.rows["ts"].dtype == pl.Int64


def test_progress_passes_messages_on_and_may_have_no_listener() -> None:
    heard: list[tuple[str, str, float]] = []
    told = Progress(lambda *words: heard.append(words))
    told.tell("fit", "har", 0.5)
    told.within("read")("a.csv", 1.0)
    Progress().tell("fit", "nobody hears", 0.0)
    assert heard == [("fit", "har", 0.5), ("read", "a.csv", 1.0)]
