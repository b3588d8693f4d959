"""The models behind `fitted("<model>_<output>", …)`: what each takes, gives and how it is learned."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tickcast.errors import FeatureError
from tickcast.features.autoencoder import encoder
from tickcast.features.bocpd import run_prior
from tickcast.features.fitted import rms_ahead, rms_by_slot
from tickcast.features.garch import garch
from tickcast.features.hmm import hidden_markov
from tickcast.features.language import Memory
from tickcast.features.pca import principal_components
from tickcast.features.table import FeatureTable
from tickcast.features.training import Training

__all__ = ["LEARNERS", "Learner", "Output", "examples", "learn", "numbered", "output"]

_Options = Mapping[str, tuple[int, int, int]]  # default, least, most
_NONE: _Options = MappingProxyType({})


@dataclass(frozen=True)
class Learner:
    """A model: how many series it reads, the options of its fit, and the fit itself.

    Parameters
    ----------
    series: least and most series.
    least: training rows per series it needs at least (per state too, where it has states).
    fit: training rows and options to the numbers that the engine's model of this name reads.
    options: whole numbers with default, least and most.
    numbered: option that says how many outputs there are, "series" for one per series, "" where outputs have names.
    named: outputs by name, with the whole numbers each takes.
    memory: how the engine's model forgets, as of an operator.
    """

    series: tuple[int, int]
    least: int
    fit: Callable[..., list[float]]
    options: _Options = field(default_factory=lambda: _NONE)
    numbered: str = ""
    named: Mapping[str, _Options] = field(default_factory=lambda: MappingProxyType({}))
    memory: Memory = "window"


@dataclass(frozen=True)
class Output:
    """One output of one fit: the engine's operator, the number of the output, the fit's options and the rows it looks back on."""

    op: str
    part: int
    options: Mapping[str, int]
    steps: int | None


LEARNERS: Mapping[str, Learner] = MappingProxyType(
    {
        "pca": Learner((2, 64), 10, principal_components, numbered="series"),
        "autoencoder": Learner(
            (2, 64),
            20,
            encoder,
            MappingProxyType({"latent": (2, 1, 63), "hidden": (8, 1, 128), "steps": (1500, 1, 100_000), "seed": (0, 0, 2**31)}),
            "latent",
        ),
        "hmm": Learner((1, 16), 30, hidden_markov, MappingProxyType({"states": (2, 2, 8)}), "states", memory="anchored"),
        "bocpd": Learner(
            (1, 1),
            64,
            run_prior,
            MappingProxyType({"run": (250, 2, 1_000_000), "longest": (250, 2, 5000)}),
            named=MappingProxyType({"run": _NONE, "change": MappingProxyType({"within": (10, 1, 4999)})}),
            memory="anchored",
        ),
        "garch": Learner((1, 1), 100, garch, named=MappingProxyType({"vol": _NONE}), memory="anchored"),
    }
)


def output(text: str, series: int, given: Mapping[str, object]) -> Output:
    """What `fitted(text, <series of them>, **given)` means. Raises FeatureError with a hint where it means nothing."""
    op, _, word = text.rpartition("_")
    learner = LEARNERS[op]
    low, high = learner.series
    if not low <= series <= high:
        wanted = f"{low} series" if low == high else f"{low} to {high} series"
        raise FeatureError(f"{text} takes {wanted}, not {series}")
    own = learner.named.get(word, _NONE)
    known = {**learner.options, **own}
    for key in given:
        if key not in known:
            raise FeatureError(f"{text} has no {key}", hint=f"it takes {', '.join(known)}" if known else "it takes series only")
    values = {key: _whole(key, given.get(key, default), least, most) for key, (default, least, most) in known.items()}
    if learner.numbered:
        outputs = series if learner.numbered == "series" else values[learner.numbered]
        if not (word.isascii() and word.isdigit()) or not 1 <= int(word) <= outputs:
            raise FeatureError(f"{op} has no output {word!r} here", hint=f"write {op}_1 to {op}_{outputs}")
        part = int(word) - 1
    else:
        part = list(learner.named).index(word)
    if op == "autoencoder" and values["latent"] >= series:
        raise FeatureError(f"{values['latent']} latents of {series} series say nothing new", hint=f"use latent={series - 1} or fewer")
    if values.get("within", 0) >= values.get("longest", 1):
        raise FeatureError(f"within is {values['within']}, but runs are told apart up to {values['longest']} rows", hint="raise longest=")
    options = {key: values[key] for key in learner.options}
    return Output(op, part, options, values["within"] + 1 if "within" in values else None)


def examples() -> tuple[str, ...]:
    """What may be asked for: every output with a name, and the first of those with a number."""
    return tuple(f"{op}_{word}" for op, learner in LEARNERS.items() for word in learner.named or ("1",))


def numbered(text: str) -> bool:
    """Whether `text` names a model whose outputs have numbers."""
    op = text.rpartition("_")[0]
    return op in LEARNERS and bool(LEARNERS[op].numbered)


def _whole(key: str, value: object, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise FeatureError(f"{key} is {value!r}", hint=f"give a whole number from {least} to {most}")
    return value


def learn(graph: dict[str, Any], see: Callable[[Sequence[int]], FeatureTable]) -> None:
    """Fill the tables of a graph in their order, so that one may read features learned before it.

    see: training rows of these nodes, on the rows they are answered on, from the graph as filled so far. Raises FeatureError naming the
    feature whose rows teach nothing.
    """
    patterns: dict[str, NDArray[np.float64]] = {}
    for number, table in enumerate(graph["tables"]):
        recipe = table["recipe"]
        try:
            values = _model(graph, number, see) if recipe["kind"] in LEARNERS else _pattern(recipe, see, patterns)
        except FeatureError as error:
            raise FeatureError(error.message, field=error.field or table["name"], hint=error.hint) from error
        if not np.isfinite(values).all():
            raise FeatureError("what was learned is not finite", field=table["name"], hint="look for extreme values in the training rows")
        table["values"] = values


def _model(graph: dict[str, Any], number: int, see: Callable[[Sequence[int]], FeatureTable]) -> list[float]:
    recipe = graph["tables"][number]["recipe"]
    learner = LEARNERS[recipe["kind"]]
    seen = see(recipe["nodes"])
    stretch = np.concatenate([[0], np.cumsum(_begins(seen, graph["session"] == "reset"))])[: len(seen)]
    readers = [node for node in graph["nodes"] if node["op"] == recipe["kind"] and node["index"] == number]
    least = learner.least * max(1, len(recipe["nodes"])) * recipe["options"].get("states", 1)
    training = Training.of(seen.values, stretch, 1 + max(node["part"] for node in readers), least)
    fitted = learner.fit(training, **recipe["options"])
    return [*training.mean.tolist(), *training.scale.tolist(), *fitted]


def _begins(seen: FeatureTable, sessions: bool) -> NDArray[np.bool_]:
    """(n - 1,) whether the state is cleared between a row and the next."""
    begins: NDArray[np.bool_] = np.diff(seen.segment) != 0
    return begins | (np.diff(seen.session) != 0) if sessions else begins


def _pattern(recipe: dict[str, Any], see: Callable[[Sequence[int]], FeatureTable], patterns: dict[str, NDArray[np.float64]]) -> list[float]:
    key = json.dumps({**recipe, "kind": "rms_by_slot", "ahead": 0}, sort_keys=True)
    if key not in patterns:
        seen = see([recipe["node"], recipe["slot"]])
        patterns[key] = rms_by_slot(seen.values[:, 0], seen.values[:, 1], recipe["slots"], recipe["smooth"])
    pattern = patterns[key]
    values: list[float] = (rms_ahead(pattern, recipe["ahead"]) if recipe["kind"] == "rms_ahead" else pattern).tolist()
    return values
