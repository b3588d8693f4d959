"""YAML → frozen, typed configuration. Files are parsed once, here; an unknown key is an error that names the nearest one."""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tickcast.clock import parse_duration
from tickcast.errors import ConfigError

__all__ = [
    "BarsConfig",
    "CleaningConfig",
    "DataConfig",
    "Experiment",
    "ForecasterConfig",
    "RollsConfig",
    "ScaleConfig",
    "Settings",
    "SplitConfig",
    "TargetConfig",
    "read_yaml",
]

_LIMIT = 1 << 20  # bytes of a configuration file; aliases make YAML grow without bound when parsed
_DEPTH = 32  # levels of nesting; the parser would exhaust the stack at some hundreds
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$")]  # becomes a folder's name and stands in the report


class Settings(BaseModel):
    """A frozen group of settings; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CleaningConfig(Settings):
    """What the market allows, where it is not the usual, see `cleaning.Rules`; `off_tick` is about prices between two ticks."""

    crossed: Literal["keep", "quarantine"] = "quarantine"
    locked: Literal["keep", "quarantine"] = "keep"
    off_tick: Literal["keep", "quarantine"] = "keep"
    stale: str | None = "1m"
    far: float | None = Field(default=2.0, gt=1, allow_inf_nan=False)

    @field_validator("stale")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value


class DataConfig(Settings):
    """Where events come from.

    `options` are the source's own constructor arguments; `files` may hold `${NAME:-default}`; `tick` is the smallest price change. `start`
    and `end` are the first and last trading day wanted, both included; a provider needs `start`, of files they leave out the other days.
    `cleaning` says what the market allows.
    """

    source: Literal["databento", "databento-history", "fi2010", "lean", "lobster", "sgx", "simulated", "sql", "table", "taq", "tqsdk"]
    files: str | None = None
    symbol: str = Field(min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$")
    table: Literal["trades", "bars", "book", "orders", "options", "signals", "contracts"] = "bars"
    calendar: str = "CME_Equity"
    tick: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    start: dt.date | None = None
    end: dt.date | None = None
    options: Mapping[str, Any] = {}
    cleaning: CleaningConfig = CleaningConfig()

    @model_validator(mode="after")
    def _tick_is_told(self) -> Self:
        if self.cleaning.off_tick == "quarantine" and self.tick is None:
            raise ValueError("cleaning.off_tick needs the tick")
        return self

    @classmethod
    def load(cls, path: Path | str, changes: Sequence[str] = ()) -> DataConfig:
        """The `data` section of a YAML file, an experiment's or one that holds nothing else, with `changes` as "data.symbol=NQ" applied.

        Raises ConfigError as `Experiment.load` does.
        """
        tree = read_yaml(path)
        for change in changes:
            _apply(tree, change)
        if "data" not in tree:
            raise ConfigError("has no section data", file=path, hint="write data: with source, symbol and table under it")
        try:
            return cls.model_validate(_expand(tree["data"]))
        except ValidationError as error:
            raise _explained(error, path, under=("data",)) from None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start and self.end and self.end < self.start:
            raise ValueError(f"the last day wanted, {self.end}, lies before the first, {self.start}")
        return self


class RollsConfig(Settings):
    """One series of a product's outright contracts.

    `by` decides when the contract changes, after a trading day; another one must have `threshold` times the volume (by default 1) or open
    interest (1.1). A `continuous` series is adjusted forward, a `spliced` one holds prices as traded, as books need. By open interest
    the series starts after the first day whose book has `levels` levels.
    """

    product: str
    by: Literal["volume", "open_interest", "instrument"] = "volume"
    threshold: float | None = Field(default=None, ge=1, le=10, allow_inf_nan=False)
    levels: int = Field(default=0, ge=0, le=10)
    series: Literal["continuous", "spliced"] = "continuous"


class BarsConfig(Settings):
    """Bars to build before features are computed: of time (`interval`), or from trades of activity.

    ticks, volume and dollars need `size`: what fills a bar. imbalance needs `expected_ticks`, trades of the first bar, and signs what `of`
    names; `bars`, `window`, `least` and `most` are spans and bounds of what is expected later (docs/bars.md).
    """

    kind: Literal["time", "ticks", "volume", "dollars", "imbalance"] = "time"
    interval: str = "5m"
    size: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    of: Literal["ticks", "volume", "dollars"] = "ticks"
    expected_ticks: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    bars: int = Field(default=3, ge=1)
    window: int = Field(default=10_000, ge=1, le=10_000_000)
    least: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    most: float = Field(default=1e12, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind in ("ticks", "volume", "dollars") and self.size is None:
            raise ValueError(f"bars of {self.kind} need size, what fills one")
        if self.kind == "imbalance" and self.expected_ticks is None:
            raise ValueError("bars of imbalance need expected_ticks, the trades expected in the first one")
        return self

    @field_validator("interval")
    @classmethod
    def _duration(cls, value: str) -> str:
        parse_duration(value)
        return value


class TargetConfig(Settings):
    """Forward log-returns at these horizons, inside a session or a segment."""

    horizons: tuple[str, ...] = Field(min_length=1)
    within: Literal["session", "segment"] = "session"


class SplitConfig(Settings):
    """Chronological split, by share of rows or by the last date of each part (inclusive, UTC)."""

    by: Literal["share", "date"] = "share"
    train: float = 0.70
    valid: float = 0.15
    test: float = 0.15
    train_until: str | None = None
    valid_until: str | None = None
    test_until: str | None = None
    embargo: str = "0s"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.by == "date" and not (self.train_until and self.valid_until):
            raise ValueError("a split by date needs train_until and valid_until")
        if self.by == "share" and not 0 < self.train + self.valid + self.test <= 1 + 1e-9:
            raise ValueError("the shares of train, valid and test must sum to one at most")
        return self


class ScaleConfig(Settings):
    """How large returns are about to be: kind of scale and the features it reads; set names stand for all their features."""

    kind: Literal["unit", "ticks", "ewma", "log_linear", "trees"]
    features: tuple[str, ...] = ()
    options: Mapping[str, Any] = {}


class ForecasterConfig(Settings):
    """One forecaster: its kind, the features it reads (set names stand for all their features), its scale and its own options.

    `calibrators` stands in for the experiment's: those named here are applied whatever they bring, those of the experiment have to prove
    themselves on the validation rows. By default baselines get none and are judged as they are.
    """

    kind: str
    features: tuple[str, ...] = ()
    scale: ScaleConfig | None = None
    options: Mapping[str, Any] = {}
    calibrators: tuple[str, ...] | None = None


class Experiment(Settings):
    """Everything one run needs; `tickcast run` turns it into a report and a bundle."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    seed: int = Field(default=7, ge=0, lt=1 << 63, strict=True)
    data: DataConfig
    rolls: RollsConfig | None = None
    bars: BarsConfig | None = None
    features: tuple[str, ...] = Field(min_length=1)
    target: TargetConfig
    split: SplitConfig = SplitConfig()
    forecasters: Mapping[_Name, ForecasterConfig] = Field(min_length=1)
    baselines: tuple[str, ...] = ()
    calibrators: tuple[str, ...] = ("temperature", "pit")
    resamples: int = Field(default=500, ge=50, le=10_000)
    bundle: str | None = None

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        for name in (*self.baselines, *((self.bundle,) if self.bundle else ())):
            if name not in self.forecasters:
                raise ValueError(f"no forecaster is called {name!r}; there are {', '.join(self.forecasters)}")
        return self

    def canonical(self) -> str:
        """The same text for the same settings, whatever file they came from."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def hash(self) -> str:
        """SHA-256 of `canonical()`, hexadecimal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    @classmethod
    def load(cls, path: Path | str, changes: Sequence[str] = ()) -> Experiment:
        """The experiment in a YAML file, with `changes` such as "split.embargo=600s" applied.

        Raises ConfigError naming the file, the key, what was found and the nearest known key.
        """
        tree = read_yaml(path)
        for change in changes:
            _apply(tree, change)
        try:
            return cls.model_validate(_expand(tree))
        except ValidationError as error:
            raise _explained(error, path) from None


def read_yaml(path: Path | str) -> dict[str, Any]:
    """The mapping in a YAML file: plain data only, no tags, no aliases. Raises ConfigError with the line at fault."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from None
    if len(raw) > _LIMIT:
        raise ConfigError(f"{len(raw)} bytes are too many for a configuration", file=path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text", file=path, hint="convert it to UTF-8") from None
    tree = _plain(text, path)
    if not isinstance(tree, dict):
        raise ConfigError("holds no mapping at its top", file=path, hint="write key: value lines")
    return tree


def _plain(text: str, path: Path | str | None) -> Any:
    """The plain data that `text` writes in YAML. Raises ConfigError with the line at fault."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise ConfigError("YAML aliases are not allowed", file=path, hint="write the value out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEPTH:
                mark = event.start_mark
                row = mark.line + 1 if mark is not None else None
                raise ConfigError(f"is nested deeper than {_DEPTH} levels", file=path, row=row, hint="no setting lies so deep")
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        row = mark.line + 1 if mark is not None else None
        told = f"is not YAML: {getattr(error, 'problem', None) or error}"
        raise ConfigError(told, file=path, row=row, hint="quote a value that holds special characters") from None
    except ValueError as error:  # as 2021-02-31, which looks like a date
        raise ConfigError(f"holds an impossible value: {error}", file=path, hint="quote it if it is text") from None


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 1e-3 as a number and refuses a repeated key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int):
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is no name", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9][0-9_]*)(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _expand(value: Any) -> Any:
    """`value` with ${NAME:-default} in its texts replaced from the environment."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda m: os.environ.get(m[1]) or (m[2] or ""), value)
    if isinstance(value, dict):
        return {key: _expand(item) for key, item in value.items()}
    return [_expand(item) for item in value] if isinstance(value, list) else value


def _apply(tree: dict[str, Any], change: str) -> None:
    """Set one dotted key. Raises ConfigError for a change that is not key=value."""
    key, equals, text = change.partition("=")
    if not equals or not all(key.split(".")):
        raise ConfigError(f"{change!r} is not a change", hint="write --set split.embargo=600s")
    *parents, last = key.split(".")
    for name in parents:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{key!r} leads through {name!r}, which holds no keys", hint="give the path of one setting")
    tree[last] = _plain(text, f"--set {key}")


def _explained(error: ValidationError, path: Path | str, under: tuple[str, ...] = ()) -> ConfigError:
    """The first problem as one line, with the nearest known key where a key is unknown; `under` leads to what was validated."""
    problems = error.errors(include_url=False)
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    parts = (*under, *first["loc"])
    where = ".".join(str(part) for part in parts)
    if first["type"] == "missing":
        return ConfigError("is missing", file=path, field=where, hint=f"write a line {parts[-1]}: with its value")
    if first["type"] == "literal_error":
        return _not_among(first, path, where)
    if first["type"] != "extra_forbidden":
        return ConfigError(first["msg"].removeprefix("Value error, "), file=path, field=where or None)
    model: Any = Experiment
    for part in parts[:-1]:
        model = _field_model(model, str(part))
    known = list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
    near = difflib.get_close_matches(str(parts[-1]), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
    return ConfigError("unknown key", file=path, field=where, hint=hint)


def _not_among(problem: Mapping[str, Any], path: Path | str, where: str) -> ConfigError:
    """A value that is none of a few words."""
    known = str(problem["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
    near = difflib.get_close_matches(str(problem["input"]), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
    return ConfigError(f"{problem['input']!r} is not known", file=path, field=where, hint=hint)


def _field_model(model: Any, name: str) -> Any:
    """The settings class behind a key, or the same class for a key of a mapping."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)) or name not in model.model_fields:
        return model
    annotation: Any = model.model_fields[name].annotation
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), model)
