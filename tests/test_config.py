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
        ("source: simulated", "source: sim", ("data.source", "'sim' is not known", "simulated")),
        ("source: simulated", "source: databentp", ("Did you mean 'databento'?",)),
        ("source: simulated, ", "", ("data.source: is missing", "Write a line source: with its value")),
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
    [
        "a: &x [1]\nb: *x",
        "a: !!python/object/apply:os.system ['true']",
        "a: [1",
        "- 1",
        "a: 1\na: 2",
        "? [1, 2]\n: 3",
        "\x00",
        "a: 2021-02-31",
    ],
)
def test_hostile_yaml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        read_yaml(write(tmp_path, text))


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "a: " + "{a: " * 3000 + "1" + "}" * 3000])
def test_deep_nesting_is_refused_before_it_exhausts_the_stack(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="nested deeper") as caught:
        read_yaml(write(tmp_path, text))
    assert caught.value.row == 1


@pytest.mark.parametrize("name", ["../../elsewhere", "/tmp/elsewhere", ".", "..", "a/b", "'<b>'", "' '"])
def test_a_forecaster_is_called_by_a_name_that_stays_inside_its_run(tmp_path: Path, name: str) -> None:
    """The name becomes a folder that a run empties when its settings changed."""
    with pytest.raises(ConfigError, match="forecasters"):
        Experiment.load(write(tmp_path, GOOD.replace("  har: {kind", f"  {name}: {{kind")))


@pytest.mark.parametrize("change", ["seed=-1", "seed=true", "seed=99999999999999999999", "data.tick=.inf", 'data.symbol="a\\0b"'])
def test_values_that_would_fail_later_are_refused_at_once(tmp_path: Path, change: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Experiment.load(write(tmp_path, GOOD), [change])
    assert change.partition("=")[0] in str(caught.value)


def test_exponents_are_numbers(tmp_path: Path) -> None:
    assert read_yaml(write(tmp_path, "a: 1e-3\nb: 2.5e4"))["a"] == 0.001


def test_environment_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = GOOD.replace("symbol: SIM", "symbol: SIM, files: '${WHERE:-here}/x'")
    assert Experiment.load(write(tmp_path, text)).data.files == "here/x"
    monkeypatch.setenv("WHERE", "there")
    assert Experiment.load(write(tmp_path, text)).data.files == "there/x"


@pytest.mark.parametrize(
    "change", ["seed", "=3", "a..b=1", "seed.x.y=1", "data.files=[", "data.files=*.csv", "seed=!!python/name:os.system", "seed=\x01"]
)
def test_a_bad_change_is_refused(tmp_path: Path, change: str) -> None:
    with pytest.raises(ConfigError):
        Experiment.load(write(tmp_path, GOOD), [change])
