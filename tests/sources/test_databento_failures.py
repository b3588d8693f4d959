"""Every way in which Databento's service may fail: a typed error or a recovery, never a wrong file, never the key in a text."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sources.gateway import KEY, StandIn
from sources.test_databento_history import SPAN, asking, market, rows
from tickcast.clock import DAY
from tickcast.errors import ConfigError, ProviderRefused, ProviderUnavailable, SourceError
from tickcast.sources import DatabentoHistory
from tickcast.sources.databento_gateway import Gateway, Patience
from tickcast.sources.databento_key import Key

DAY_SPAN = (SPAN[0] + 60 * 10**9, SPAN[0] + DAY)
DATA, COUNT = "timeseries.get_range", "metadata.get_record_count"
PASSING = (
    *("silent", "hang up", "stall", "reset", "short", "unframed", "half a frame", "half a record", "flip", "fewer", "html", "html as dbn"),
    *("429", "429 0", "429 0.01", "500", "502", "503", "504", "endless", "bomb"),
)
"""Faults of a moment: asking again helps."""
REFUSED = (("402", "no payment"), ("403", "may not do this"), ("404", "404"), ("422", "data_schema_not_supported"), ("redirect", "302"))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    with StandIn(market()).running() as running:
        yield running


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[bytes]]:
    """Rows and files of a download that nothing disturbed."""
    folder = tmp_path_factory.mktemp("clean")
    with pytest.MonkeyPatch.context() as patch, StandIn(market()).running() as running:
        patch.setenv("DATABENTO_API_KEY", KEY)
        return rows(asking(running, folder), *DAY_SPAN), [path.read_bytes() for path in sorted(folder.rglob("*.zst"))]


def files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*.zst"))]


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_waited_out_and_leaves_no_trace(
    fault: str, service: StandIn, tmp_path: Path, clean: tuple[Any, list[bytes]]
) -> None:
    service.fail(DATA, fault)
    assert rows(asking(service, tmp_path), *DAY_SPAN).equals(clean[0])
    assert files(tmp_path) == clean[1] and len(service.fetched()) == 2
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("fault", PASSING)
def test_what_does_not_pass_is_unavailable_and_nothing_is_kept(fault: str, service: StandIn, tmp_path: Path) -> None:
    service.fail(DATA, fault, fault, fault)
    with pytest.raises(ProviderUnavailable, match="3 attempts") as told:
        rows(asking(service, tmp_path), *DAY_SPAN)
    assert files(tmp_path) == [] and not list(tmp_path.rglob("*.part")) and KEY not in str(told.value)
    assert len(rows(asking(service, tmp_path), *DAY_SPAN)) == 48, "the next call goes on"


@pytest.mark.parametrize("fault", ["silent", "hang up", "reset", "html", "429", "500", "504"])
@pytest.mark.parametrize("method", [COUNT, "symbology.resolve", "metadata.get_dataset_range", "metadata.get_cost"])
def test_questions_are_asked_again_too(method: str, fault: str, service: StandIn, tmp_path: Path) -> None:
    service.fail(method, fault)
    assert len(rows(asking(service, tmp_path), *DAY_SPAN)) == 48


@pytest.mark.parametrize(("fault", "told"), REFUSED)
def test_a_refusal_is_told_at_once(fault: str, told: str, service: StandIn, tmp_path: Path) -> None:
    service.fail(DATA, fault)
    with pytest.raises(ProviderRefused, match=told) as raised:
        rows(asking(service, tmp_path), *DAY_SPAN)
    assert len(service.fetched()) == 1 and KEY not in str(raised.value)


def test_an_answer_of_another_schema_is_refused(service: StandIn, tmp_path: Path) -> None:
    service.fail(DATA, "another schema")
    with pytest.raises(ProviderRefused, match=r"asked for GLBX.MDP3 ohlcv-1m, the answer is GLBX.MDP3 trades"):
        rows(asking(service, tmp_path), *DAY_SPAN)
    assert len(service.fetched()) == 1 and files(tmp_path) == []


def test_records_of_the_next_piece_are_set_aside_and_come_once(service: StandIn, tmp_path: Path) -> None:
    service.fail(DATA, "border", "border")
    chunks = list(asking(service, tmp_path).history(start=SPAN[0], end=SPAN[0] + 2 * DAY))
    assert [len(chunk.frame) for chunk in chunks] == [48, 48]
    assert sum(chunk.counts.get("outside_request", 0) for chunk in chunks) == 2


def test_records_of_another_time_are_no_answer(service: StandIn, tmp_path: Path) -> None:
    service.fail(DATA, "skew", "skew", "skew")
    with pytest.raises(ProviderUnavailable, match="72 records came, 0 of them inside"):
        rows(asking(service, tmp_path), *DAY_SPAN)
    assert files(tmp_path) == []


def test_a_body_that_trickles_is_given_up(service: StandIn, tmp_path: Path) -> None:
    service.fail(DATA, "trickle", "trickle", "trickle")
    with pytest.raises(ProviderUnavailable, match="bytes a second"):
        rows(asking(service, tmp_path, access={"grace": 0.3, "slowest": 10_000.0}), *DAY_SPAN)


def test_a_wait_that_was_asked_for_is_kept_and_one_too_long_is_told() -> None:
    waited: list[float] = []
    patience = Patience(read=30.0, tries=3, first=0.5, longest=20.0)
    with StandIn(market()).running() as service:
        gateway = Gateway(lambda: Key(KEY), url=service.url, patience=patience, sleep=waited.append)
        service.fail("metadata.get_dataset_range", "429 7", "503")
        gateway.ask("metadata.get_dataset_range", {"dataset": "GLBX.MDP3"}, get=True)
        assert waited[0] == 7.0 and 0.5 <= waited[1] <= 1.0, "as asked, then half to all of the doubled wait"
        service.fail("metadata.get_dataset_range", "429 3600")
        with pytest.raises(ProviderUnavailable, match="429; 1 attempt"):
            gateway.ask("metadata.get_dataset_range", {"dataset": "GLBX.MDP3"}, get=True)
        assert len(waited) == 2


def test_a_service_that_is_not_there_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    with StandIn(market()).running() as gone:
        source = asking(gone, tmp_path)
    with pytest.raises(ProviderUnavailable, match="breaks off"):
        rows(source)


def test_a_kept_file_that_changed_is_downloaded_again(service: StandIn, tmp_path: Path) -> None:
    first = rows(asking(service, tmp_path), *DAY_SPAN)
    (place,) = tmp_path.rglob("*.zst")
    content = place.read_bytes()
    for spoiled in (content[:-9], content[:40] + bytes([content[40] ^ 1]) + content[41:], b""):
        place.write_bytes(spoiled)
        with pytest.raises(ProviderUnavailable, match="bytes have changed"):
            rows(asking(service, tmp_path, access={"offline": True}), *DAY_SPAN)
        assert rows(asking(service, tmp_path), *DAY_SPAN).equals(first)
        assert place.read_bytes() == content
    Path(f"{place}.sha256").unlink()
    assert rows(asking(service, tmp_path), *DAY_SPAN).equals(first)


def test_a_full_disk_is_told_and_nothing_half_is_kept(service: StandIn, tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400)); import signal; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from tickcast.errors import SourceError\n"
        "from sources.test_databento_failures import *\n"
        "class There: url = sys.argv[1]\n"
        "try: rows(asking(There, Path(sys.argv[2])), *DAY_SPAN)\n"
        "except SourceError as error: sys.stdout.write(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, service.url, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "cannot be written: File too large. Make room" in done.stdout, done.stderr
    assert files(tmp_path) == [] and not list(tmp_path.rglob("*.part"))
    assert len(rows(asking(service, tmp_path), *DAY_SPAN)) == 48, "with room again it goes on"


def test_two_at_once_download_once(service: StandIn, tmp_path: Path) -> None:
    service.pause = 0.02
    code = (
        "import sys\nfrom sources.test_databento_failures import *\nclass There: url = sys.argv[1]\n"
        "sys.stdout.write(str(len(rows(asking(There, Path(sys.argv[2]))))))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, service.url, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate()[0] for process in both] == ["192", "192"]
    assert len(service.fetched()) == len(set(service.fetched())) == 6


def test_the_key_is_told_to_nobody(service: StandIn, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    caplog.set_level(logging.DEBUG)
    told = [repr(Key(KEY)), str(Key(KEY))]
    service.fail(DATA, "422")
    service.fail(COUNT, "500", "reset")
    for _ in range(2):
        try:
            rows(asking(service, tmp_path))
        except SourceError as error:
            told += [str(error), repr(error), repr(error.__cause__)]
    monkeypatch.setenv("DATABENTO_API_KEY", "db-anotherAnotherAnotherAnother1")
    with pytest.raises(ProviderRefused, match="the key is not known"):
        rows(asking(service, tmp_path / "other"))
    packed = Key(KEY).hidden("Basic " + __import__("base64").b64encode(f"{KEY}:".encode()).decode())
    assert packed == "Basic ***"
    told += [caplog.text, *(path.read_text("latin-1") for path in tmp_path.rglob("*") if path.is_file())]
    assert len(told) > 10 and not any(KEY in text or "c3RhbmRpbl" in text for text in told)


def test_a_key_comes_from_a_private_file_that_git_ignores(tmp_path: Path) -> None:
    place = tmp_path / "databento.key"
    with pytest.raises(ProviderRefused, match="there is no Databento key"):
        Key.find(place, {})
    place.write_text(KEY + "\n")
    place.chmod(0o644)
    with pytest.raises(ProviderRefused, match=r"others may read.*[Cc]hmod 600"):
        Key.find(place, {})
    place.chmod(0o600)
    assert Key.find(place, {}).text == KEY
    assert Key.find(place, {"DATABENTO_API_KEY": "db-others"}).text == KEY, "the file that is named comes first"
    assert Key.find(None, {"DATABENTO_API_KEY": " db-others "}).text == "db-others"
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    with pytest.raises(ProviderRefused, match="git does not ignore this key"):
        Key.find(place, {})
    (tmp_path / ".gitignore").write_text("*.key\n")
    assert Key.find(place, {}).text == KEY
    for wrong in ("", "two words", "käse-käse", "x" * 500):
        place.write_text(wrong)
        with pytest.raises(ProviderRefused):
            Key.find(place, {})


@pytest.mark.parametrize("seed", [3, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(10, 20))])
def test_killed_in_the_middle_it_goes_on_where_it_stopped(seed: int, service: StandIn, tmp_path: Path) -> None:
    """Downloads killed at random moments, then one that is not: the same files, and nothing complete was asked for twice."""
    code = "import sys\nfrom sources.test_databento_failures import *\nclass There: url = sys.argv[1]\n"
    code, rng = code + "rows(asking(There, Path(sys.argv[2])))", np.random.default_rng(seed)
    rounds = 3 if seed == 3 else 6
    whole = rows(asking(service, tmp_path / "whole"))
    expected, cache = files(tmp_path / "whole"), tmp_path / "killed"
    service.asked.clear()
    service.pause, kills = 0.05, 0
    complete: set[str] = set()
    for _ in range(rounds):
        process = subprocess.Popen([sys.executable, "-c", code, service.url, str(cache)], stderr=subprocess.DEVNULL)
        aim = len(service.fetched()) + 1 + int(rng.integers(0, 2))
        while process.poll() is None and len(service.fetched()) < aim:
            service.hold.wait(0.005)
        service.hold.wait(float(rng.random()) * 0.06)
        process.kill()
        kills += process.wait() == -9
        now = {str(path.relative_to(cache)) for path in cache.rglob("*.zst")}
        assert complete <= now
        complete = now
    service.pause = 0.0
    assert kills >= min(rounds, 2)
    assert rows(asking(service, cache)).equals(whole) and files(cache) == expected
    assert not list(cache.rglob("*.part"))
    again = [span for span in set(service.fetched()) if service.fetched().count(span) > 1]
    assert len(service.fetched()) <= 6 + kills, f"only what a kill broke off is fetched twice: {again}"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_faults_ends_in_the_same_files(seed: int, service: StandIn, tmp_path: Path, clean: Any) -> None:
    chance = np.random.default_rng(seed)
    for method in (DATA, COUNT, "symbology.resolve", "metadata.get_dataset_range", "metadata.get_cost"):
        quick = [fault for fault in PASSING if fault not in ("silent", "stall")]
        service.fail(method, *chance.choice(quick, 5).tolist())
    for _ in range(20):
        try:
            assert rows(asking(service, tmp_path), *DAY_SPAN).equals(clean[0])
            break
        except ProviderUnavailable:
            assert files(tmp_path) in ([], clean[1])
    assert files(tmp_path) == clean[1]


def test_without_httpx_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABENTO_API_KEY", KEY)
    monkeypatch.setitem(sys.modules, "httpx", None)
    source = DatabentoHistory("MGC.FUT", dataset="GLBX.MDP3", schema="ohlcv-1m", access={"cache": str(tmp_path)})
    with pytest.raises(ConfigError, match=r"pip install 'tickcast\[databento\]'"):
        rows(source)
    code = "import sys; import tickcast.sources, tickcast.cli; sys.stdout.write(str('httpx' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False", "whoever does not ask Databento does not load it"
