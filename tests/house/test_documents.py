"""The README's example is the one in examples/, its imports exist, and the quick examples run."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys

import pytest
import yaml

from house import checkout

LONG = ("simulated_market.py",)  # whole runs: tests/flow goes the same way on a smaller market


def test_readme_and_example_say_the_same() -> None:
    found = re.search(r"```python\n(.*?)```", (checkout.ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert (checkout.ROOT / "examples" / "simulated_market.py").read_text(encoding="utf-8").endswith(found[1])


@pytest.mark.parametrize("path", checkout.python("examples"), ids=str)
def test_what_an_example_imports_exists(path: checkout.PurePosixPath) -> None:
    for node in ast.walk(checkout.tree(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tickcast"):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


@pytest.mark.parametrize("path", [path for path in checkout.python("examples") if path.name not in LONG], ids=str)
def test_a_quick_example_runs(path: checkout.PurePosixPath) -> None:
    done = subprocess.run([sys.executable, str(path)], cwd=checkout.ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_readme_counts_the_feature_sets() -> None:
    sets = [yaml.safe_load(checkout.text(path)) for path in checkout.files() if str(path).startswith("src/tickcast/features/sets/")]
    claim = f"{len(sets)} feature sets of the package ({sum(len(one['features']) for one in sets)} features"
    assert claim in (checkout.ROOT / "README.md").read_text(encoding="utf-8"), f"the README should say: {claim}"


def test_the_licence_is_there() -> None:
    assert "Apache License" in (checkout.ROOT / "LICENSE").read_text(encoding="utf-8")[:200]
