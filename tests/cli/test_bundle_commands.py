"""forecast, serve and bundle: damaged and senseless requests first, then the numbers of the process itself."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest

import small_market
from tickcast.cli import execute
from tickcast.cli.events import events_of, read_events
from tickcast.cli.terminal import Terminal
from tickcast.errors import ConfigError, SourceError
from tickcast.serve import Predictor


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error of a command that fails."""
    assert execute(words) in (1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1 and err.startswith("tickcast: ") and "Traceback" not in err
    return err


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("close\n1\n", "field ts: no such column. There are close"),
        ("ts,close\n2020-01-01 00:00:00,1\n", "field ts: holds String, which is no stamp"),
        ("ts,close\n1.5,1\n", "field ts: holds Float64"),
        ("ts,close\n2020-01-01T00:00:00Z,1\n2020-01-01 00:01,1\n", "field ts: holds String"),
        ("ts,close\n2020-01-01T00:00:00Z,1\n2020-01-32T00:00:00Z,1\n", "row 2, field ts: no stamp"),
        ("ts,close\n60000000000,1\n,2\n", "row 2, field ts: no stamp"),
        ("", "cannot be read"),
    ],
)
def test_events_that_have_no_stamps(table: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(table)
    with pytest.raises(SourceError) as raised:
        read_events(path)
    assert told in str(raised.value) and "events.csv" in str(raised.value)


def test_a_parquet_file_that_is_none_and_one_with_zoned_times(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(SourceError, match="cannot be read"):
        read_events(path)
    stamps = pl.from_epoch(pl.Series("ts", [60_000_000_000, 120_000_000_000]), time_unit="ns")
    pl.DataFrame({"ts": stamps.dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")}).write_parquet(path)
    assert read_events(path)["ts"].to_list() == [60_000_000_000, 120_000_000_000]
    pl.DataFrame({"ts": stamps}).write_parquet(path)
    with pytest.raises(SourceError, match="with its zone"):
        read_events(path)


@pytest.mark.parametrize("text", ["2020-01-01T00:00:00.5Z", "2020-01-01 00:00:00.500+00:00", "2019-12-31T19:00:00.500000-0500"])
def test_times_with_their_zone_in_a_csv_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(f"ts,close\n{text},1\n")
    assert read_events(path)["ts"].to_list() == [1_577_836_800_500_000_000]


def test_one_origin_of_events_is_asked_for(tmp_path: Path) -> None:
    for data, config, told in ((None, None, "no events are named"), (tmp_path / "a", tmp_path / "b", "exclude each other")):
        with pytest.raises(ConfigError, match=told):
            events_of(data, config, (), tmp_path, Terminal(quiet=True))


def test_forecast_refuses_what_it_cannot_use(
    bundle_folder: Path, events_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(events_file)]
    assert "nowhere/manifest.json: cannot be read" in refused(["forecast", "nowhere", *data], capsys)
    assert "no events are named" in refused(["forecast", str(bundle_folder)], capsys)
    assert "absent.csv: cannot be read" in refused(["forecast", str(bundle_folder), "--data", "absent.csv"], capsys)
    assert "--last" in refused(["forecast", str(bundle_folder), *data, "--last", "0"], capsys)
    short, other, late = tmp_path / "short.csv", tmp_path / "other.csv", tmp_path / "late.csv"
    small_market.bars(5).write_csv(short)
    assert "warming_up" in refused(["forecast", str(bundle_folder), "--data", str(short)], capsys)
    small_market.bars().rename({"close": "Close"}).write_csv(other)
    assert "field close" in refused(["forecast", str(bundle_folder), "--data", str(other)], capsys)
    small_market.bars().with_columns(close=pl.lit("x")).write_csv(other)
    assert "row 1, field close: bad_value: 'x'" in refused(["forecast", str(bundle_folder), "--data", str(other)], capsys)
    small_market.bars().reverse().write_csv(late)
    assert "event 2: out_of_order" in refused(["forecast", str(bundle_folder), "--data", str(late)], capsys)


def test_forecast_gives_the_predictors_numbers(bundle_folder: Path, events_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["forecast", str(bundle_folder), "--data", str(events_file), "--last", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    predictor = Predictor.load(bundle_folder)
    stamps, made = predictor.replay(small_market.bars())
    assert said["bundle"] == predictor.bundle.hash
    assert [one["ts"] for one in said["forecasts"]] == stamps[-3:].tolist()
    for name, values in made.outputs().items():
        np.testing.assert_allclose([one[name] for one in said["forecasts"]], np.asarray(values)[-3:], rtol=1e-9, atol=1e-15)
    assert execute(["forecast", str(bundle_folder), "--data", str(events_file)]) == 0
    text = capsys.readouterr().out
    assert "P(up)" in text and "1m" in text and "1970-01-01 02:00:00" in text


def test_forecast_reads_an_experiments_data(bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "market.yaml"
    source.write_text(
        "name: tiny\ndata: {source: simulated, symbol: SIM, table: bars, calendar: 24/7, options: {days: 1, interval: 5m}}\n"
        "features: [nq24]\ntarget: {horizons: [5m]}\nforecasters: {flat: {kind: climatology}}\n"
    )
    said = refused(["forecast", str(bundle_folder), "--config", str(source), "--store", str(tmp_path / "store"), "--quiet"], capsys)
    assert "session" in said, "the simulated market lies outside the bundle's sessions, and that is said"


def test_a_damaged_bundle_is_named_and_a_whole_one_is_shown(
    bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle_folder, copy)
    (copy / "model.json").write_bytes((copy / "model.json").read_bytes().replace(b"0.4", b"0.5"))
    for action in ("verify", "show"):
        assert "model.json: its SHA-256 is not the manifest's" in refused(["bundle", action, str(copy)], capsys)
        assert "manifest.json" in refused(["bundle", action, str(tmp_path / "nowhere")], capsys)
    assert execute(["bundle", "verify", str(bundle_folder), "--json"]) == 0
    verified = json.loads(capsys.readouterr().out)
    assert verified["ok"] and verified["hash"] == Predictor.load(bundle_folder).bundle.hash
    assert execute(["bundle", "show", str(bundle_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["horizons"] == list(small_market.HORIZONS)
    assert execute(["bundle", "show", str(bundle_folder)]) == 0
    shown = capsys.readouterr().out
    assert "close (quote currency)" in shown and "1m 1.250" in shown and "abc" in shown


def test_serve_refuses_a_bad_token_file_and_an_open_host(bundle_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token, serve = tmp_path / "token", ["serve", str(bundle_folder), "--port", "0"]
    assert "token: cannot be read" in refused([*serve, "--token-file", str(token)], capsys)
    token.write_text("\n")
    assert "is empty" in refused([*serve, "--token-file", str(token)], capsys)
    token.write_text("short\n")
    assert "16" in refused([*serve, "--token-file", str(token)], capsys)
    assert "can be reached from outside" in refused([*serve, "--host", "0.0.0.0"], capsys)
    assert "--port" in refused(["serve", str(bundle_folder), "--port", "70000"], capsys)


def test_serve_answers_until_it_is_ended(bundle_folder: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-length-20\n")
    words = ["serve", str(bundle_folder), "--port", "0", "--token-file", str(token), "--json"]
    child = subprocess.Popen([sys.executable, "-m", "tickcast", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stderr is not None
    try:
        said = ""
        while not said.rstrip().endswith("}"):
            line = child.stdout.readline()
            assert line, child.stderr.read()
            said += line
        answer = json.loads(said)
        assert "token" not in answer, "a token from a file is not shown"
        events = small_market.bars().select("ts", "close").to_dicts()
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
        assert httpx.post(f"{answer['url']}/v1/events", json=events, headers=headers).status_code == 200
        assert httpx.get(f"{answer['url']}/v1/forecast").json()["ts"] == events[-1]["ts"]
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    finally:
        child.kill()
        child.communicate()
