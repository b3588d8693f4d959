"""DBN as it arrives, the files kept of it, and the definitions in them: whole or refused, however it is cut."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import made_dbn
from sources.gateway import KEY
from sources.test_databento_history import definitions, market
from tickcast.clock import DAY, MINUTE
from tickcast.errors import ConfigError, DataError, ProviderUnavailable, SourceError
from tickcast.sources.databento_cache import Cache
from tickcast.sources.databento_definitions import read_definitions
from tickcast.sources.databento_request import Piece, Request, pieces
from tickcast.sources.databento_service import Service
from tickcast.sources.databento_stream import Arrival, Seen

MONDAY = 18_267
START, END = MONDAY * DAY, (MONDAY + 1) * DAY
BARS = made_dbn.bars(START + np.arange(40) * MINUTE)
PLAIN = made_dbn.file("ohlcv-1m", BARS, {"MGCG0": 1})
ONE = zstandard.ZstdCompressor(write_checksum=True).compress(PLAIN)
TWO = zstandard.compress(PLAIN[:700]) + zstandard.compress(PLAIN[700:])


def arrived(content: bytes, cuts: list[int], most: int = 1000) -> Seen:
    arrival = Arrival("GLBX.MDP3", "ohlcv-1m", START, END, most)
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    for low, high in zip(edges, edges[1:], strict=False):
        arrival.take(content[low:high])
    return arrival.end()


@settings(deadline=None)
@given(st.sampled_from([ONE, TWO]), st.lists(st.integers(0, 4000), max_size=8))
def test_cut_in_whatever_pieces_it_is_the_same(content: bytes, cuts: list[int]) -> None:
    assert arrived(content, cuts) == Seen(40, 40, len(PLAIN))


@settings(deadline=None)
@given(st.sampled_from([ONE, TWO]), st.integers(0, 4000))
def test_no_beginning_of_it_is_taken_for_the_whole(content: bytes, cut: int) -> None:
    with pytest.raises(ProviderUnavailable):
        arrived(content[: cut % len(content)], [])


@settings(deadline=None)
@given(st.integers(0, 4000), st.integers(0, 7))
def test_a_flipped_bit_never_changes_what_is_counted(at: int, bit: int) -> None:
    at %= len(ONE)
    spoiled = ONE[:at] + bytes([ONE[at] ^ (1 << bit)]) + ONE[at + 1 :]
    try:
        seen = arrived(spoiled, [])
    except DataError:
        seen = Seen(40, 40, len(PLAIN))  # refused
    assert seen == Seen(40, 40, len(PLAIN)), "a bit that zstd has no use for"


def test_what_is_no_dbn_of_the_kind_is_told() -> None:
    other = bytearray(PLAIN)
    other[len(PLAIN) - 55] = 7
    for content, told in (
        (b"<html>", "not compressed DBN"),
        (zstandard.compress(b"no DBN at all"), "no DBN of version 1 to 3"),
        (zstandard.compress(bytes(other)), "record 40 of the answer is of another kind"),
        (zstandard.compress(PLAIN[: -40 * 56] + bytes(56)), "length of 0 bytes"),
    ):
        with pytest.raises(ProviderUnavailable, match=told):
            arrived(content, [])
    with pytest.raises(ProviderUnavailable, match="goes on after 30 records"):
        arrived(ONE, [], most=30)


def test_a_long_download_takes_no_more_memory_than_a_short_one() -> None:
    """200 MB of records go through; the process grows by less than 40 MB."""
    code = """
import sys
import numpy as np, zstandard
import made_dbn
from pathlib import Path
from peak_memory import peak
from tickcast.sources.databento_cache import Cache
from tickcast.sources.databento_request import Piece, Request

class Gateway:
    def ask(self, method, words): return 60 * 65_536
    def stream(self, words, taken): return taken(self.pieces())
    def pieces(self):
        rows = made_dbn.bars([START] * 65_536)
        yield zstandard.compress(made_dbn.file("ohlcv-1m", rows[:0], {"MGCG0": 1}, span=(START, START + 1)))
        for _ in range(60):
            yield zstandard.compress(rows.tobytes())

START = 18_267 * 86_400 * 10**9
before = [list(Gateway().pieces()) and 0, peak()][1]
cache = Cache(Path(sys.argv[1]), Request("GLBX.MDP3", "ohlcv-1m", ("MGCG0",)))
cache.fetch(Piece(18_267, 18_268), Gateway())
sys.stdout.write(f"{cache.seen(Piece(18_267, 18_268)).size} {peak() - before}")
"""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
    size, grown = (int(text) for text in done.stdout.split())
    assert size > 200_000_000 and grown < 40_000, f"{grown} kB for {size} bytes; {done.stderr}"


def test_a_request_has_a_folder_and_words_of_its_own() -> None:
    request = Request("GLBX.MDP3", "ohlcv-1m", ("MGCJ0", "MGCG0", "MGCJ0"))
    assert request.symbols == ("MGCG0", "MGCJ0") and request.stype_in == "raw_symbol"
    assert request.folder == "GLBX.MDP3/ohlcv-1m/raw_symbol-MGCG0+MGCJ0"
    assert request.words(5, 9)["symbols"] == "MGCG0,MGCJ0"
    assert Request("GLBX.MDP3", "mbo", ("NQ.v.0",)).stype_in == "continuous"
    assert Request("GLBX.MDP3", "mbo", ("MGC.FUT",)).folder == "GLBX.MDP3/mbo/parent-MGC.FUT"
    strange = Request("GLBX.MDP3", "mbo", ("../a b", "UD:1V: x/2")).folder
    assert ".." not in strange.split("/") and strange.count("/") == 2
    many = [Request("GLBX.MDP3", "mbo", tuple(f"S{i}" for i in range(n))).folder for n in (200, 201)]
    assert many[0] != many[1] and all(len(folder) < 100 for folder in many)


@settings(deadline=None)
@given(st.integers(18_000, 18_400), st.integers(0, 90), st.booleans(), st.sets(st.integers(18_000, 18_490), max_size=5))
def test_pieces_cover_every_day_once_in_order(first: int, count: int, monthly: bool, kept: set[int]) -> None:
    days = list(range(first, first + count))
    plan = pieces(days, monthly, {Piece(day, day + 1).name for day in kept})
    covered = [day for piece in plan for day in range(piece.first, piece.last)]
    assert covered == days
    assert monthly or all(piece.last == piece.first + 1 for piece in plan)


def test_definitions_are_read_and_nothing_else_is(tmp_path: Path) -> None:
    place, rows = tmp_path / "d.dbn", definitions()
    content = made_dbn.file("definition", rows, {"MGCG0": 1, "MGCG0-MGCJ0": 3})
    read = read_definitions(content, place)
    assert read.frame["symbol"].to_list() == ["MGCG0", "MGCG0-MGCJ0", "MGCG0"] and len(read.quarantined) == 0
    assert read.frame["multiplier"].to_list() == [10.0, 10.0, 10.0], "a tick's worth over the tick, or a contract's quantity"
    rows["ts_recv"][0] = rows["expiration"][1] = 2**64 - 1
    spoiled = read_definitions(made_dbn.file("definition", rows, {"MGCG0": 1, "MGCG0-MGCJ0": 3}), place)
    assert dict(spoiled.counts) == {"ts_implausible": 1} and spoiled.frame["expiry"].to_list()[0] is None
    for wrong, told in ((content[:-3], "ends inside a record"), (PLAIN, "holds a OHLCVMsg"), (b"DBX" + content[3:], "d.dbn")):
        with pytest.raises(SourceError, match=told):
            read_definitions(wrong, place)


def test_a_cache_holds_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    cache, piece = Cache(tmp_path, Request("GLBX.MDP3", "ohlcv-1m", ("MGCG0",))), Piece(MONDAY, MONDAY + 1)
    assert not cache.sound(piece) and cache.names() == frozenset()
    assert cache.path(piece).name == "2020-01-06.dbn.zst"
    cache.folder.mkdir(parents=True)
    cache.path(piece).write_bytes(ONE)
    assert cache.names() == {"2020-01-06"} and not cache.sound(piece), "nobody vouches for it"


def test_a_desk_knows_its_words(tmp_path: Path) -> None:
    service = Service.from_dict({"cache": str(tmp_path), "offline": True})
    assert service.offline and service.cache(Request("GLBX.MDP3", "mbo", ("A",))).folder.is_relative_to(tmp_path)
    with pytest.raises(ProviderUnavailable, match="offline"):
        service.available(Request("GLBX.MDP3", "mbo", ("A",)))
    with pytest.raises(ConfigError, match="no 'key'"):
        Service.from_dict({"key": KEY})
    with pytest.raises(ConfigError, match="access"):
        Service.from_dict({"tries": "many"})
    assert Service.from_dict({"tries": 2}).gateway.patience.tries == 2


def test_the_official_client_is_satisfied_by_the_stand_in(tmp_path: Path) -> None:
    """Where Databento's own client is installed, it reads the stand-in as it reads the service, and reads the files kept here."""
    databento = pytest.importorskip("databento", reason="Databento's own client is not installed (pip install databento)")
    from databento.historical.api.metadata import MetadataHttpAPI
    from databento.historical.api.symbology import SymbologyHttpAPI
    from databento.historical.api.timeseries import TimeseriesHttpAPI

    from sources.gateway import StandIn
    from tickcast.sources import DatabentoHistory

    words = {"dataset": "GLBX.MDP3", "start": START, "end": END, "symbols": "MGC.FUT", "schema": "ohlcv-1m", "stype_in": "parent"}
    with StandIn(market()).running() as service:
        theirs = TimeseriesHttpAPI(KEY, service.url).get_range(**words).to_ndarray()
        asked = service.asked[-1]
        assert MetadataHttpAPI(KEY, service.url).get_record_count(**words) == len(theirs) == 72
        assert MetadataHttpAPI(KEY, service.url).get_cost(**words) == 0.0
        assert MetadataHttpAPI(KEY, service.url).get_dataset_range("GLBX.MDP3")["end"].startswith("2020-01-11")
        dates = {"start_date": "2020-01-06", "end_date": "2020-01-07"}
        found = SymbologyHttpAPI(KEY, service.url).resolve("GLBX.MDP3", ["MGCG0"], "raw_symbol", "instrument_id", **dates)
        assert found["result"]["MGCG0"] == [{"d0": "2020-01-06", "d1": "2020-01-07", "s": "1"}]
        access = {"url": service.url, "cache": str(tmp_path), "key_file": str(tmp_path / "k")}
        (tmp_path / "k").write_text(KEY)
        (tmp_path / "k").chmod(0o600)
        list(DatabentoHistory("MGC.FUT", dataset="GLBX.MDP3", schema="ohlcv-1m", access=access).history(start=START + MINUTE, end=END))
        assert service.asked[-1] == asked, "the same words are asked"
    (kept,) = tmp_path.rglob("*.zst")
    assert (databento.DBNStore.from_file(kept).to_ndarray() == theirs).all()
