"""`tickcast doctor`: what this machine and this installation can do."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from tickcast import __version__
from tickcast.cli.arguments import StoreAddress
from tickcast.cli.terminal import Terminal
from tickcast.errors import TickcastError

__all__ = ["Finding", "doctor", "examine"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: its name, whether it is well, what was found and what that means."""

    name: str
    ok: bool
    found: str
    meaning: str


def _engine() -> Finding:
    there = importlib.util.find_spec("tickcast._engine") is not None
    meaning = "features and forecasts run" if there else "nothing can be computed: run `make setup`, or install the wheel again"
    return Finding("engine", there, "compiled core present" if there else "absent", meaning)


def _runtime() -> Finding:
    spec = importlib.util.find_spec("onnxruntime")
    folder = Path(spec.origin).parent / "capi" if spec and spec.origin else None
    libraries = sorted(folder.glob("libonnxruntime.*")) if folder else []
    if not libraries:
        return Finding("onnxruntime", False, "library absent", "networks cannot be served: pip install onnxruntime")
    return Finding("onnxruntime", True, libraries[-1].name, "networks can be served")


def _training() -> Finding:
    names = ("torch", "lightgbm", "onnx", "onnxscript", "safetensors")
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    if absent:
        return Finding("training", True, f"absent: {', '.join(absent)}", "bundles can be served; to train: pip install 'tickcast[train]'")
    return Finding("training", True, "torch, lightgbm, onnx present", "every forecaster can be trained")


def _calendars() -> Finding:
    from tickcast.calendars import calendar

    sessions = calendar("CME_Equity").sessions(1_577_836_800_000_000_000, 1_578_700_800_000_000_000)
    return Finding(
        "calendars", True, f"CME_Equity knows {len(set(sessions.session_id.tolist()))} sessions of a test fortnight", "offline, no account"
    )


def _threads() -> Finding:
    wanted = os.environ.get("OMP_NUM_THREADS")
    found = f"OMP_NUM_THREADS={wanted or 'unset'} on {os.cpu_count()} cores"
    meaning = "one thread is the fastest for small models" if wanted == "1" else "set OMP_NUM_THREADS=1: more threads slow small models"
    return Finding("threads", True, found, meaning)


def _disk(folder: Path) -> Finding:
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free / 1e9
    writable = os.access(place, os.W_OK)
    meaning = "the store can be written" if writable else f"{place} cannot be written: choose another --store"
    return Finding("disk", writable and free > 1, f"{free:.1f} GB free at the store", meaning if free > 1 else "free some space first")


def _server(where: str) -> Finding:
    from tickcast.store import Store

    try:
        with Store.open(where) as kept:
            return Finding("server", True, f"version {kept.version()[:12]}", "the server answers and holds a store")
    except TickcastError as error:
        return Finding("server", False, error.message, error.hint or "choose another --store")


def examine(store: str) -> tuple[Finding, ...]:
    """Everything looked at, in order."""
    version = platform.python_version()
    python = Finding("python", sys.version_info >= (3, 11), version, f"tickcast {__version__} needs 3.11 or newer")
    place = _server(store) if "://" in store else _disk(Path(store))
    return (python, _engine(), _runtime(), _training(), _calendars(), _threads(), place)


def doctor(*, store: StoreAddress = "data/store", json: bool = False) -> int:
    """Look at Python, the compiled core, the inference library, calendars, threads and disk; exit code 1 when something is broken.

    For example:

    tickcast doctor

    tickcast doctor --json

    Parameters
    ----------
    json
        Write the findings as JSON.
    """
    findings = examine(store)
    table = Table("", "what", "found", "meaning", box=None)
    for each in findings:
        table.add_row(*(escape(cell) for cell in ("ok" if each.ok else "BROKEN", each.name, each.found, each.meaning)))
    Terminal(as_json=json).answer([asdict(each) for each in findings], table)
    return 0 if all(each.ok for each in findings) else 1
