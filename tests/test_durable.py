"""Files are whole under their names or absent; a lock falls with its process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tickcast.durable import exclusive, settle, spill
from tickcast.errors import StoreError


def test_a_place_that_cannot_be_written_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    (tmp_path / "days").write_text("a file where a folder belongs")

    def spilled(content: bytes) -> Path:
        temporary = tmp_path / "scratch" / str(len(content))
        spill(temporary, content, tmp_path)
        return temporary

    with pytest.raises(StoreError, match="cannot be written"):
        settle([(spilled(b"x"), tmp_path / "days" / "a")])
    settle([(spilled(b"x"), tmp_path / "kept" / "a"), (spilled(b""), tmp_path / "kept" / "b")])
    assert (tmp_path / "kept" / "a").read_bytes() == b"x" and (tmp_path / "kept" / "b").read_bytes() == b""
    assert not list((tmp_path / "scratch").iterdir())


def test_the_lock_holds_others_out_and_falls_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import fcntl, os, sys\n"
        f"handle = os.open({str(lock)!r}, os.O_RDWR | os.O_CREAT)\n"
        "try: fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError: sys.exit(7)\n"
    )
    with exclusive(lock):
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    holder = (
        f"import os\nfrom pathlib import Path\nfrom tickcast.durable import exclusive\nwith exclusive(Path({str(lock)!r})): os._exit(3)"
    )
    assert subprocess.run([sys.executable, "-c", holder], check=False, env=os.environ).returncode == 3
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
