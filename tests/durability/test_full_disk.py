"""A real disk that is full: nothing is acknowledged, nothing is half there, and it heals when there is space."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from durability.deeds import trades
from tickcast.errors import StoreError
from tickcast.store import Store


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_refuses_keeps_and_heals(small_disk: Path) -> None:
    with Store.open(small_disk / "store") as store:
        store.write("trades", trades("A", 1, 0, 300), source="first")
        filler = small_disk / "filler"
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError, match="No space"):
            while True:
                os.write(descriptor, bytes(4096))
        os.close(descriptor)
        before, version = store.scan("trades"), store.version()
        late = trades("A", 2, 0, 3_000, price=50.0)
        for _ in range(3):
            with pytest.raises(StoreError, match="No space|full"):
                store.write("trades", late, source="late")
        assert store.version() == version
        assert store.scan("trades").equals(before)
        filler.unlink()
        assert store.write("trades", late, source="late").added == 3_000
        store.verify(full=True)
    with Store.open(small_disk / "store") as again:
        assert len(again.scan("trades")) == 3_300
