from __future__ import annotations

from pathlib import Path

import pytest

from tickcast.config import Experiment, read_yaml
from tickcast.errors import ConfigError

GOOD = """
name: small
data: {source: simulated, symbol: SIM, calendar: 24/7}
features: [har]
target: {horizons: [15m]}
forecasters:
  climatology: {kind: climatology}
  har: {kind: residual, scale: {kind: log_linear, features: [har]}}
baselines: [climatology]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    return path


def test_loads_and_is_frozen(tmp_path: Path) -> None:
    experiment = Experiment.load(write(tmp_path, GOOD))
    assert experiment.target.horizons == ("15m",)
    with pytest.raises(Exception, match="frozen"):
        experiment.seed = 8  # type: ignore[misc]


def test_changes_are_typed_and_change_the_hash(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    changed = Experiment.load(path, ["split.embargo=600s", "seed=1"])
    assert changed.split.embargo == "600s"
    assert changed.seed == 1
    assert changed.hash() != Experiment.load(path).hash()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("horizons", "horizon", ("target.horizon", "Did you mean 'horizons'")),
        ("calendar", "calender", ("data.calender", "Did you mean 'calendar'")),
        ("baselines", "baseline", ("baseline", "Did you mean 'baselines'")),
        ("{kind: climatology}", "{kind: climatology, scal: 3}", ("forecasters.climatology.scal", "Did you mean 'scale'")),
        ("baselines: [climatology]", "baselines: [garch]", ("garch", "climatology, har")),
        ("[15m]", "[]", ("target.horizons",)),
        ("name: small", "name: Bad Name", ("name",)),
        ("source: simulated", "source: sim", ("data.source", "simulated")),
    ],
)
def test_a_mistake_is_named_with_the_way_out(tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        Experiment.load(write(tmp_path, GOOD.replace(old, new)))
    assert "\n" not in str(caught.value)
    assert "x.yaml" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["a: &x [1]\nb: *x", "a: !!python/object/apply:os.system ['true']", "a: [1", "- 1", "a: 1\na: 2", "? [1, 2]\n: 3", "\x00"],
)
def test_hostile_yaml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        read_yaml(write(tmp_path, text))


def test_exponents_are_numbers(tmp_path: Path) -> None:
    assert read_yaml(write(tmp_path, "a: 1e-3\nb: 2.5e4"))["a"] == 0.001


def test_environment_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = GOOD.replace("symbol: SIM", "symbol: SIM, files: '${WHERE:-here}/x'")
    assert Experiment.load(write(tmp_path, text)).data.files == "here/x"
    monkeypatch.setenv("WHERE", "there")
    assert Experiment.load(write(tmp_path, text)).data.files == "there/x"


@pytest.mark.parametrize("change", ["seed", "=3", "a..b=1", "seed.x.y=1"])
def test_a_bad_change_is_refused(tmp_path: Path, change: str) -> None:
    with pytest.raises(ConfigError):
        Experiment.load(write(tmp_path, GOOD), [change])
