"""Each rule is proved on a planted violation, and stays quiet on the clean counterpart."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath

import pytest

from house import import_rules, python_rules, rust_rules
from house.python_rules import Rule

HERE = "src/tickcast/metrics/crps.py"
LONG = "def f():\n" + "    a = 1\n" * 60
HELP = 'def f():\n    """' + "Teaches.\n" * 60 + '    """\n    return 1\n'
PLANTED = [
    (python_rules.file_length, HERE, "a = 1\n" * 400, "a = 1\n" * 399),
    (python_rules.function_length, HERE, LONG, LONG.replace("    a = 1\n", "", 3)),
    (python_rules.function_length, HERE, HELP, LONG.replace("    a = 1\n", "", 3)),
    (python_rules.function_length, "src/tickcast/cli/run.py", LONG, HELP),
    (python_rules.path_names, "src/tickcast/utils/crps.py", "", None),
    (python_rules.path_names, "src/tickcast/metrics/base_score.py", "", None),
    (python_rules.class_names, HERE, "class OrderManager: ...", "class Order: ..."),
    (python_rules.all_sorted, HERE, "__all__ = ['b', 'a']", "__all__ = ['A_B', 'Crps', 'a', 'b']"),
    (python_rules.all_complete, HERE, "__all__ = ['a']\ndef a(): ...\ndef b(): ...", "__all__ = ['a']\ndef a(): ...\ndef _b(): ..."),
    (python_rules.all_complete, HERE, "class Crps: ...", "__all__ = ['Crps']\nclass Crps: ..."),
    (
        python_rules.constructor_kwargs,
        HERE,
        "class A:\n def __init__(self, **kwargs): self.a = kwargs",
        "class A:\n def __init__(self, a): self.a = a",
    ),
    (python_rules.module_state, HERE, "CACHE = {}", "CACHE: Mapping[str, int] = {}"),
    (python_rules.module_state, HERE, "SEEN = set()", "SEEN = frozenset()"),
    (python_rules.module_state, HERE, "def f():\n global a\n a = 1", "def f():\n a = 1"),
    (python_rules.printing, HERE, "print('x')", "console.print('x')"),
    (python_rules.broad_excepts, HERE, "try:\n a\nexcept:\n b", "try:\n a\nexcept KeyError:\n b"),
    (python_rules.broad_excepts, HERE, "try:\n a\nexcept (KeyError, Exception):\n b", None),
    (python_rules.clocks_and_dice, HERE, "time.time()", "clock()"),
    (python_rules.clocks_and_dice, HERE, "datetime.datetime.now()", None),
    (python_rules.clocks_and_dice, HERE, "np.random.normal()", "rng.normal()"),
    (python_rules.clocks_and_dice, HERE, "np.random.default_rng()", "np.random.default_rng(7)"),
    (python_rules.clocks_and_dice, HERE, "import random", None),
    (python_rules.placeholders, HERE, "def f():\n pass", "def f():\n return 1"),
    (python_rules.placeholders, HERE, "def f():\n '''Says.'''", "class A(Protocol):\n def f(self):\n  '''Says.'''"),
    (python_rules.placeholders, HERE, "a = 1  # TO" + "DO", "a = 1  # done"),
    (python_rules.unsafe_parsing, HERE, "import pickle", "import json"),
    (python_rules.unsafe_parsing, HERE, "eval('1')", "literal_eval('1')"),
    (python_rules.unsafe_parsing, HERE, "yaml.load(text)", "yaml.safe_load(text)"),
    (python_rules.unsafe_parsing, HERE, "np.load(f, allow_pickle=True)", "np.load(f)"),
    (python_rules.tests_can_fail, "tests/a.py", "def test_a():\n run()", "def test_a():\n assert run()"),
    (
        python_rules.tests_can_fail,
        "tests/a.py",
        "def _go():\n run()\ndef test_a():\n _go()",
        "def _is():\n assert 1\ndef test_a():\n _is()",
    ),
    (import_rules.one_way, HERE, "from tickcast.serve import server", "from tickcast.forecast import Forecast"),
    (import_rules.one_way, HERE, "def f():\n import tickcast.cli", "import tickcast._engine"),
    (import_rules.one_way, HERE, "from ..serve import server", "from . import pinball"),
    (import_rules.one_way, HERE, "from tickcast import cli", "from tickcast import errors"),
    (import_rules.one_way, "src/tickcast/attic/x.py", "", None),
]
RUST = "crates/engine/src/window.rs"
PLANTED_RUST = [
    (rust_rules.file_length, RUST, "// a\n" * 400, "// a\n" * 399),
    (rust_rules.function_length, RUST, "pub fn f() {\n" + "    a();\n" * 60 + "}\n", "pub fn f() {\n    a();\n}\n" + "// b\n" * 60 + "}\n"),
    (rust_rules.path_names, "crates/engine/src/utils.rs", "", ""),
    (rust_rules.panics, RUST, "let a = b.unwrap();", "#[cfg(test)]\nmod tests {\n let a = b.unwrap();\n}"),
    (rust_rules.panics, RUST, "unreachable!()", "// unreachable!() would be wrong"),
    (rust_rules.lint_exemptions, RUST, "#![allow(clippy::unwrap_used)]", "#[cfg(test)]\n#[allow(clippy::unwrap_used)]\nmod tests {}"),
]


@pytest.mark.parametrize(("rule", "path", "bad", "good"), PLANTED)
def test_python_rule_fires(rule: Rule, path: str, bad: str, good: str | None) -> None:
    assert rule(PurePosixPath(path), bad, ast.parse(bad))
    if good is not None:
        assert not rule(PurePosixPath(path), good, ast.parse(good))


@pytest.mark.parametrize(("rule", "path", "bad", "good"), PLANTED_RUST)
def test_rust_rule_fires(rule: rust_rules.Rule, path: str, bad: str, good: str) -> None:
    assert rule(PurePosixPath(path), bad)
    assert not rule(PurePosixPath(RUST), good)


def test_no_rule_goes_unproved() -> None:
    rules = {*python_rules.EVERYWHERE, *python_rules.IN_PACKAGE, *python_rules.IN_TESTS, import_rules.one_way}
    assert {rule for rule, *_ in PLANTED} == rules
    assert {rule for rule, *_ in PLANTED_RUST} == set(rust_rules.RULES)
