"""Bits that flip at rest: `verify` finds every one that could change an answer, and no damage ends the process."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from durability.deeds import DEEDS, told
from tickcast.errors import TickcastError
from tickcast.store import Store


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lived") / "store"
    for deed in DEEDS:
        with Store.open(folder) as store:
            deed(store)
    return folder


def flipped(lived: Path, folder: Path, file: Path, bit: int) -> tuple[bool, bool]:
    """Whether a store with this bit flipped is found damaged, and whether it still tells the same."""
    shutil.copytree(lived, folder)
    with (folder / file).open("r+b") as stream:
        stream.seek(bit // 8)
        byte = stream.read(1)[0]
        stream.seek(bit // 8)
        stream.write(bytes([byte ^ 1 << bit % 8]))
    try:
        with Store.open(folder) as store:
            store.verify(full=True)
            return False, told(store) == _told(lived)
    except TickcastError:
        return True, False
    finally:
        shutil.rmtree(folder)


def _told(lived: Path) -> str:
    with Store.open(lived) as store:
        return told(store)


def flips(lived: Path, folder: Path, count: int, seed: int) -> tuple[int, int]:
    """Flip one bit at a time in the files by their size. Gives flips that were found and flips without effect; no other kind may be."""
    random = np.random.default_rng(seed)
    files = sorted(path.relative_to(lived) for path in lived.rglob("*") if path.is_file() and path.stat().st_size)
    files = [file for file in files if file.suffix != ".lock" and not file.name.endswith("-shm")]
    found = same = 0
    for number in range(count):
        file = files[number % len(files)]
        detected, equal = flipped(lived, folder / "copy", file, int(random.integers(8 * (lived / file).stat().st_size)))
        assert detected or equal, file
        found, same = found + detected, same + equal
    return found, same


def test_some_flips(lived: Path, tmp_path: Path) -> None:
    found, same = flips(lived, tmp_path, 40, 1)
    assert found + same == 40
    assert found >= 20


def test_every_bit_of_a_day_file_counts(lived: Path, tmp_path: Path) -> None:
    file = sorted(lived.rglob("*.parquet"))[0].relative_to(lived)
    for bit in np.random.default_rng(2).integers(8 * (lived / file).stat().st_size, size=15).tolist():
        assert flipped(lived, tmp_path / "copy", file, bit) == (True, False)


@pytest.mark.soak
def test_two_thousand_flips(lived: Path, tmp_path: Path) -> None:
    found, same = flips(lived, tmp_path, 2_000, 3)
    assert found + same == 2_000
