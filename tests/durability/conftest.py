"""The process under faults, and what a store answers after each deed when nothing fails."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from durability.deeds import COUNT, DEEDS, told
from tickcast.store import Store

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Ended:
    """How a life ended: exit code (-9 killed, -14 by the clock), deeds acknowledged, calls counted, seconds from healing to a deed."""

    code: int
    deeds: int
    calls: int
    healed: float


class Faults:
    """Lives under faults, one at a time."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder, self._count = process, folder, 0

    def live(
        self, mode: int, call: int = -1, code: int = errno.ENOSPC, folder: Path | None = None, after: float | None = None
    ) -> tuple[Path, Ended]:
        """A new store's life, or the next life of the store in `folder`; it is killed `after` seconds where they are given."""
        self._count += 1
        where = folder or self._folder / f"s{self._count}"
        log = self._folder / f"log{self._count}"
        assert self._process.stdin is not None and self._process.stdout is not None
        asked = {"folder": str(where), "log": str(log), "mode": mode, "call": call, "errno": code, "after": after}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        ended = int(self._process.stdout.readline())
        lines = log.read_text().splitlines() if log.exists() else []
        deeds = [line.split() for line in lines if not line.startswith("calls")]
        calls = [int(line.split()[1]) for line in lines if line.startswith("calls")]
        healing = [float(seconds) for _, seconds in deeds if float(seconds) > 0]
        log.unlink(missing_ok=True)
        return where, Ended(ended, len(deeds), calls[0] if calls else 0, healing[0] if healing else 0.0)


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("faults of the disk need Linux and a C compiler")
    folder = tmp_path_factory.mktemp("faults")
    shim = folder / "fault.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", shim, HERE / "fault.c", "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": os.pathsep.join([str(HERE.parent), *filter(None, sys.path)])}
    command = [sys.executable, str(HERE / "deeds.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        yield Faults(process, folder)
        process.kill()


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """What a store tells before the first deed and after each."""
    folder, out = tmp_path_factory.mktemp("answers") / "store", []
    for deed in (lambda store: None, *DEEDS):
        with Store.open(folder) as store:
            deed(store)
            out.append(told(store))
    return tuple(out)


@pytest.fixture(scope="session")
def calls(faults: Faults) -> int:
    """Calls that change files in one life when nothing fails."""
    _, ended = faults.live(COUNT)
    assert ended.code == 0 and ended.deeds == len(DEEDS)
    return ended.calls
