"""The base install: without torch and the other training packages everything but training imports and runs."""

from __future__ import annotations

import subprocess
import sys

from house import checkout, import_rules

BLOCKED = ("torch", "lightgbm", "onnx", "onnxscript", "safetensors")
BLOCK = f"""
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked)", name=name.split(".")[0])
        return None

sys.meta_path.insert(0, Absent())
"""


def run(code: str) -> str:
    """Standard output of `code` in a fresh interpreter where the training packages cannot be imported."""
    done = subprocess.run([sys.executable, "-c", BLOCK + code], capture_output=True, text=True, check=False, cwd=checkout.ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rooms_of_the_base_install_import() -> None:
    bare = [room for room in import_rules.ROOM_ORDER if room not in ("heads", "losses", "train")]  # these three are torch modules
    rooms = [f"tickcast.{room}" for room in bare if (checkout.ROOT / "src" / "tickcast" / room / "__init__.py").is_file()]
    assert run(f"for name in {['tickcast', *rooms]!r}: importlib.import_module(name)\nprint('ok')").strip() == "ok"


def test_nothing_imports_training_packages_by_itself() -> None:
    code = f"import tickcast.cli, sys; print(sorted(name for name in {BLOCKED!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=checkout.ROOT)
    assert done.stdout.strip() == "[]"


def test_the_block_blocks() -> None:
    assert run("try:\n import torch\nexcept ModuleNotFoundError: print('absent')").strip() == "absent"
