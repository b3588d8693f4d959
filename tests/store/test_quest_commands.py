"""Commands on a server store answer as on a folder, keep their receipts in one place and show no password."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import small_market
from tickcast.cli import execute
from tickcast.errors import StoreError
from tickcast.lifecycle.receipts import receipts_of
from tickcast.store import Store
from tickcast.store.quest_address import PASSWORD_VARIABLE
from tickcast.store.quest_server import QuestServer

EXPERIMENT: dict[str, Any] = {
    "name": "tiny",
    "data": {"source": "simulated", "symbol": "SIM", "calendar": "24/7", "options": {"days": 40, "interval": "5m"}},
    "features": ["nq24"],
    "target": {"horizons": ["15m"]},
    "forecasters": {"flat": {"kind": "climatology"}},
    "bundle": "flat",
    "resamples": 50,
}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small experiment in a folder of its own, which is the present one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sim.yaml").write_text(yaml.safe_dump(EXPERIMENT))
    return tmp_path / "sim.yaml"


def lived(config: Path, store: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the commands that fill a store and answer from it say on this one."""
    runs = Path("runs") / store.partition("://")[0]
    small = Path("small.yaml")
    words = {**small_market.WORDS, "clock": {"on": "bars", "step": "5m"}}
    small.write_text(yaml.safe_dump(words, sort_keys=False))
    given, out = ["--store", store, "--json", "--quiet"], {}

    def answer(*words: str) -> Any:
        assert execute([*words, *given]) == 0, capsys.readouterr().err
        told = capsys.readouterr()
        shown.append(told.out + told.err)
        return json.loads(told.out)

    shown: list[str] = []
    out["ingest"] = answer("ingest", str(config))
    out["again"] = answer("ingest", str(config))
    made = answer("run", str(config), "--runs", str(runs))
    out["run"], out["report"] = (json.loads((Path(made["folder"]) / name).read_text()) for name in ("run.json", "report.json"))
    out["run"].pop("fit_seconds")
    out["report"]["facts"]["forecasters"][0].pop("seconds")
    out["forecast"] = answer("forecast", made["bundle"], "--config", str(config))
    out["register"] = answer("features", "register", str(small), "--config", str(config), "--rows", "300")["registered"]
    out["materialise"] = answer("features", "materialise", "small", "--config", str(config))
    out["list"] = answer("features", "list", "--search", "registered")
    out["explain"] = len(answer("features", "explain", "small@1", "--no-cost"))
    out["stored"] = answer("data", "list")
    out["collect"] = answer("data", "collect")
    out["shown"] = shown
    return out


def test_a_server_store_answers_every_command_as_a_folder_does(
    config: Path, questdb: QuestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    address = questdb.address("commands")
    one, other = lived(config, "folder", capsys), lived(config, str(address), capsys)
    shown = other.pop("shown")
    one.pop("shown")
    assert one["ingest"] == one["again"] and one["ingest"]["rows"] > 5_000
    assert {key: one[key] == other[key] for key in one} == dict.fromkeys(one, True)
    receipts = {path.name: json.loads(path.read_text()) for path in (Path("folder") / "receipts").glob("*.json")}
    home = receipts_of(str(address))
    assert {path.name: json.loads(path.read_text()) for path in home.glob("*.json")} == receipts != {}
    assert home.parent == Path("data/receipts") and home.name.startswith("commands-")
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["data", "folder", "runs", "sim.yaml", "small.yaml"]
    left = [path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file()]
    assert not any(address.password in text for text in shown)
    assert not any(address.password.encode() in content for content in left)


def test_what_a_receipt_names_is_kept_in_a_server_too(config: Path, questdb: QuestServer, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(questdb.address("kept"))
    given = ["--store", where, "--quiet"]
    assert execute(["ingest", str(config), "--json", *given]) == 0
    first = json.loads(capsys.readouterr().out)["version"]
    assert execute(["ingest", str(config), "--set", "data.options.days=41", *given]) == 0
    assert execute(["data", "collect", *given]) == 0
    with Store.open(where) as store:
        assert store.version(first) == first
    assert execute(["data", "collect", "--forget-receipts", *given]) == 0
    with Store.open(where) as store, pytest.raises(StoreError, match="no version"):
        store.version(first)


def test_receipts_have_one_home_whoever_comes(questdb: QuestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = str(questdb.address("home"))
    plain, _, _ = where.partition("?")
    elsewhere = tmp_path / "secret"
    shutil.copy(questdb.secret, elsewhere)
    monkeypatch.setenv(PASSWORD_VARIABLE, "a password")
    assert len({receipts_of(each) for each in (where, plain, f"{plain}?user=other", f"{plain}?password={elsewhere}")}) == 1
    others = (str(questdb.address("other")), where.replace(f":{questdb.pg}/", ":9/"))
    assert len({receipts_of(each) for each in (where, *others)}) == 3
    assert receipts_of("data/store") == Path("data/store/receipts") == receipts_of(Path("data/store"))


def test_the_doctor_tells_whether_a_server_answers(questdb: QuestServer, capsys: pytest.CaptureFixture[str]) -> None:
    def server(where: str) -> Any:
        execute(["doctor", "--store", where, "--json"])
        return next(each for each in json.loads(capsys.readouterr().out) if each["name"] == "server")

    assert server(str(questdb.address("doctor")))["ok"]
    gone = str(questdb.address("doctor")).replace(f":{questdb.pg}/", ":9/")
    assert not server(gone)["ok"] and "no answer" in server(gone)["found"]
