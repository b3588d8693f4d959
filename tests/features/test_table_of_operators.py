"""The language is a closed list: every entry is documented and can be called, and size is bounded."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from house import checkout
from tickcast.clock import MINUTE
from tickcast.errors import FeatureError
from tickcast.features import FeatureSet
from tickcast.features.definition import Definition, compile_graph, read_definition
from tickcast.features.graph import MAX_NODES
from tickcast.features.language import MACROS, OPERATORS
from tickcast.features.parse import MAX_DEPTH, MAX_LENGTH, MAX_ROWS

# words inside code spans of the page: what stands in prose alone does not document an operator
PAGE = re.sub("```.*?```", "", (checkout.ROOT / "docs" / "features.md").read_text(encoding="utf-8"), flags=re.DOTALL)
DOCUMENTED = frozenset(word for span in re.findall(r"`([^`]+)`", PAGE) for word in re.findall(r"\w+", span))
WORDS: dict[str, object] = {
    "name": "one",
    "stream": "bars",
    "streams": {"trades": {}},
    "clock": {"on": "bars", "step": "5m"},
    "price": "close",
}
BOOK: dict[str, object] = {"name": "one", "stream": "book", "clock": {"on": "book"}, "price": "mid()"}
CALLS = {
    "minimum": "minimum(close, open)",
    "maximum": "maximum(close, open)",
    "where": "where(close > open, close, open)",
    "cov": "cov(close, open, 5)",
    "corr": "corr(close, open, 5)",
    "beta": "beta(close, open, 5)",
    "frac_diff": "frac_diff(close, 0.4, 10)",
    "wavelet": "wavelet(close, 'db2', 2)",
    "wavelet_smooth": "wavelet_smooth(close, 'db4', 3)",
    "quantile": "quantile(close, 5, 0.5)",
    "ewm_mean": "ewm_mean(close, span=5)",
    "ewm_std": "ewm_std(close, span=5)",
    "fitted": 'fitted("rms_by_slot", close, slots=24, smooth=3, zone="UTC")',
    "mid": "mid()",
    "spread": "spread()",
    "micro": "micro()",
    "imbalance": "imbalance(2)",
    "ofi": "ofi(10)",
    "fill": "fill(close, 0)",
    "age": "age(trades.price)",
}
FORGETFUL = {"since": "since(close == 0)", "seconds_since": "seconds_since(close == 0)", "cum_first": "cum_first(open)"}
OF_THE_BOOK = ("mid", "spread", "micro", "imbalance", "ofi")


def of(expression: str, words: dict[str, object] = WORDS) -> FeatureSet:
    return FeatureSet.from_dict({**words, "features": {"f": expression}})


def call_of(name: str) -> str:
    """A call of an operator or a macro."""
    series = OPERATORS[name].series if name in OPERATORS else 1
    rows = any(key in ("window", "rows") for key, _ in getattr(OPERATORS.get(name), "constants", ()))
    plain = f"{name}(close, 5)" if rows else f"{name}(close)" if series else f"{name}()"
    if name in MACROS:
        given = {"x": "close", "r": "close", "window": "5", "n": "5"}
        plain = f"{name}({', '.join(given.get(key, key) for key, default in MACROS[name].parameters if default is None)})"
        plain = plain.replace("clip(close, low, high)", "clip(close, 0, 1)")
    if name.startswith(("time_of_day", "day_of_")):
        return f'{name}("UTC")'
    return CALLS.get(name, plain)


@pytest.mark.parametrize("name", sorted({*OPERATORS, *MACROS}))
def test_every_operator_can_be_called_and_is_documented(name: str) -> None:
    assert of(call_of(name), BOOK if name in OF_THE_BOOK else WORDS).names == ("f",)
    assert name in DOCUMENTED


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - {"age", "fitted", "sample"}))
def test_what_an_operator_remembers_is_as_it_says(name: str) -> None:
    rng, n = np.random.default_rng(6), 90
    ts = np.arange(1, n + 1) * 5 * MINUTE
    frame = pl.DataFrame({"ts": ts, "close": rng.normal(0, 1, n).round(1) * (np.arange(n) > 8), "open": rng.normal(0, 1, n)})
    frame = frame.with_columns(session_id=pl.lit(10**6 * MINUTE))
    features = of(FORGETFUL.get(name, call_of(name)))
    warm = features.warmup["f"]
    whole = features.compute(frame).column("f")
    same = [
        (whole[start + warm :].tobytes() == features.compute(frame[start:]).column("f")[warm:].tobytes()) for start in (11, 12, 13, 20, 37)
    ]
    assert all(same) == (OPERATORS[name].memory == "window")


def test_an_operator_is_no_macro() -> None:
    assert not set(OPERATORS) & set(MACROS)


@pytest.mark.parametrize(
    "expression",
    [
        "close" + " " * MAX_LENGTH + "+ 1",
        "-" * (MAX_DEPTH + 1) + "close",
        f"sum(close, {MAX_ROWS + 1})",
        " + ".join(["close"] * (MAX_NODES + 1)),
    ],
    ids=["length", "depth", "rows", "nodes"],
)
def test_what_is_too_large_is_refused(expression: str) -> None:
    with pytest.raises(FeatureError):
        of(expression)


def test_a_definition_survives_its_words() -> None:
    made = read_definition("har")
    assert Definition.from_words(made.words()) == made
    assert compile_graph([made]) == compile_graph([Definition.from_words(made.words())])
    with pytest.raises(FeatureError):
        read_definition("no-such-set")
