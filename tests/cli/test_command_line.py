"""The command line: exit codes, one line per error, answers that a program can read."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from cyclopts import App

from tickcast import __version__
from tickcast.cli import COMMANDS, arguments, execute
from tickcast.cli.doctor import examine
from tickcast.cli.report import latest
from tickcast.cli.terminal import Terminal
from tickcast.errors import ConfigError

CONFIG = """
name: tiny
data: {source: simulated, symbol: SIM}
features: [nq24]
target: {horizons: [5m]}
forecasters: {flat: {kind: climatology}}
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rnu"], 'Did you mean "run"'),
        (["run"], "config"),
        (["run", "absent.yaml"], "absent.yaml: cannot be read"),
        (["ingest", "absent.yaml"], "absent.yaml: cannot be read"),
        (["features", "explain", "no-such-set"], "no feature set is called 'no-such-set'"),
        (["report", "--runs", "nowhere"], "holds no finished run"),
        (["doctor", "--no-such-flag"], "no-such-flag"),
    ],
)
def test_a_request_that_cannot_be_understood(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(lines(err)) == 1
    assert told in err
    assert "Traceback" not in err


def test_a_mistyped_key_offers_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "typo.yaml"
    path.write_text(CONFIG.replace("target:", "targget:"))
    assert execute(["run", str(path)]) == 2
    err = capsys.readouterr().err
    assert "'target'" in err
    assert len(lines(err)) == 1
    assert list(tmp_path.iterdir()) == [path], "nothing is half written"


def test_a_setting_that_is_no_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    assert execute(["run", str(path), "--set", "seed"]) == 2
    assert "--set split.embargo=600s" in capsys.readouterr().err


def leaves(group: App, words: list[str]) -> list[list[str]]:
    """The words of every command in a group and in the groups inside it."""
    parts = [each for each in group if not each.startswith("-")]
    return [leaf for part in parts for leaf in leaves(group[part], [*words, part])] if parts else [words]


def test_every_command_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        name = command.name[0] if hasattr(command, "name") else command.__name__
        assert execute([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert "Usage: tickcast" in text
        if not hasattr(command, "name"):
            assert "For example" in text, name
        for words in leaves(command, [name]) if hasattr(command, "name") else []:
            assert execute([*words, "--help"]) == 0
            assert "For example" in capsys.readouterr().out, " ".join(words)


def test_the_help_of_an_argument_that_commands_share_is_written_once() -> None:
    """In `tickcast.cli.arguments`."""
    shared = [get_args(getattr(arguments, name))[1].help for name in arguments.__all__]
    room = Path(arguments.__file__).parent
    texts = {path.name: " ".join(path.read_text(encoding="utf-8").split()) for path in room.glob("*.py") if path.name != "arguments.py"}
    assert len(set(shared)) == len(shared) > 5
    assert [(name, told) for name, text in texts.items() for told in shared if f" {told} " in text] == []
    assert [name for name, text in texts.items() if 'name="--set"' in text] == []


def test_doctor_answers_in_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert execute(["doctor", "--json", "--store", str(tmp_path)]) == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert set(found) == {"python", "engine", "onnxruntime", "training", "calendars", "threads", "disk"}
    assert all(each["meaning"] for each in found.values())


def test_doctor_prints_square_brackets_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    honest = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None if name == "torch" else honest(name, package))
    execute(["doctor", "--store", str(tmp_path)])
    assert "tickcast[train]" in "".join(capsys.readouterr().out.split())


def test_doctor_sees_a_folder_it_cannot_write() -> None:
    disk = next(each for each in examine("/proc/store") if each.name == "disk")
    assert not disk.ok


def test_latest_report_is_the_newest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        latest(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text("{}")

    os.utime(tmp_path / "b" / "report.json", (1, 1))
    assert latest(tmp_path) == tmp_path / "a"


def test_a_damaged_report_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_text("{")
    assert execute(["report", str(tmp_path)]) == 2
    assert "report.json: is not JSON" in capsys.readouterr().err


def test_progress_falls_back_to_lines_and_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal().progress() as listener:
        for share in (0.0, 0.2, 0.4, 1.0):
            listener("fit", "gru", share)
    assert lines(capsys.readouterr().err) == ["fit: gru 0%", "fit: gru 100%"]
    with Terminal(quiet=True).progress() as listener:
        listener("fit", "gru", 0.0)
    assert capsys.readouterr().err == ""


def test_an_interrupt_ends_cleanly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(store: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["tickcast.cli.doctor"], "examine", interrupted)
    assert execute(["doctor"]) == 130
    assert lines(capsys.readouterr().err) == ["tickcast: interrupted; run the same command again to resume"]


def test_a_missing_training_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def absent(store: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(sys.modules["tickcast.cli.doctor"], "examine", absent)
    assert execute(["doctor"]) == 2
    assert "tickcast[train]" in capsys.readouterr().err


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "tickcast.__main__", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, __version__)


def test_a_file_where_a_folder_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, file = tmp_path / "tiny.yaml", tmp_path / "file"
    config.write_text(CONFIG)
    file.write_text("")
    assert execute(["run", str(config), "--runs", str(file), "--store", str(tmp_path / "store")]) == 1
    (told,) = lines(capsys.readouterr().err)
    assert str(file) in told and "Not a directory" in told
