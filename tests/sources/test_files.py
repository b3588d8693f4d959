"""Bytes of files: packed in any way they are the same, cut or flipped they are refused, and a bomb stays small."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard

from tickcast.errors import SourceError
from tickcast.sources.files import blocks, list_files, member_names, read_bytes


def _zip(content: bytes, path: Path, method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        archive.writestr("a.csv", content)


def _zstd(content: bytes, path: Path) -> None:
    packed = zstandard.ZstdCompressor(write_checksum=True)  # two frames, as streams written in pieces have
    half = len(content) // 2
    path.write_bytes(packed.compress(content[:half]) + packed.compress(content[half:]))


PACKERS: dict[str, Callable[[bytes, Path], object]] = {
    "csv": lambda content, path: path.write_bytes(content),
    "csv.gz": lambda content, path: path.write_bytes(gzip.compress(content, 1)),
    "csv.xz": lambda content, path: path.write_bytes(lzma.compress(content, preset=0)),
    "csv.zst": _zstd,
    "zip": _zip,
}
CONTENT = np.random.default_rng(3).integers(48, 58, 5_000_000, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("ending", sorted(PACKERS))
def test_packing_changes_no_byte_and_blocks_are_small(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    PACKERS[ending](CONTENT, path)
    assert read_bytes(path) == CONTENT
    assert max(map(len, blocks(path))) <= 4 << 20


@pytest.mark.parametrize("ending", sorted(set(PACKERS) - {"csv"}))
def test_every_cut_and_every_flipped_bit_of_a_packed_file_is_noticed(tmp_path: Path, ending: str) -> None:
    path, content = tmp_path / f"a.{ending}", CONTENT[:3000]
    PACKERS[ending](content, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError, match="cannot be read|holds no member"):
            read_bytes(path)
    for bit in range(3, 8 * len(whole), 97):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            found = read_bytes(path)
        except SourceError:
            continue
        assert found == content  # a bit that means nothing: a stamp, a name, a mark of the operating system


BOMB = """
import sys
from pathlib import Path
from peak_memory import peak
from tickcast.errors import SourceError
from tickcast.sources.files import read_bytes
before = peak()
try:
    read_bytes(Path(sys.argv[1]))
except SourceError as error:
    sys.exit(0 if "unfolds to more than" in str(error) and peak() - before < 512 << 10 else 3)
"""


@pytest.mark.parametrize("ending", ["csv.zst", "zip"])
def test_a_bomb_is_refused_in_bounded_memory(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"bomb.{ending}"
    PACKERS[ending](bytes(400 << 20), path)
    assert path.stat().st_size < 4 << 20
    assert subprocess.run([sys.executable, "-c", BOMB, str(path)], check=False).returncode == 0


def test_what_is_named_and_what_is_absent(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text("x")
    assert [path.name for path in list_files(tmp_path, "*.csv")] == ["a.csv", "b.csv"]
    assert [path.name for path in list_files([tmp_path / "c.txt", tmp_path / "a.csv"], "*")] == ["c.txt", "a.csv"]
    with pytest.raises(SourceError, match="no such file"):
        list_files(tmp_path / "d.csv", "*")
    with pytest.raises(SourceError, match="cannot be read"):
        read_bytes(tmp_path / "d.csv")
    (tmp_path / "a.zip").write_bytes(bz2.compress(b"x"))
    with pytest.raises(SourceError, match="cannot be read"):
        read_bytes(tmp_path / "a.zip")


@pytest.mark.parametrize("version", [20, 46, 64, 255])
def test_an_archive_of_another_version_or_with_broken_names_is_refused(tmp_path: Path, version: int) -> None:
    path = tmp_path / "a.zip"
    _zip(b"1,2", path)
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")
    content[at + 6] = version
    content[at + 9] |= 8  # the name is UTF-8
    content[at + 46 : at + 48] = b"\xff\xfe"
    path.write_bytes(content)
    for read in (read_bytes, member_names):
        with pytest.raises(SourceError, match=r"a\.zip: cannot be read"):
            read(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_can_be_unfolded_only_as_a_whole_is_refused(tmp_path: Path, method: int) -> None:
    _zip(bytes(1000), tmp_path / "a.zip", method)
    with pytest.raises(SourceError, match="bounded memory"):
        read_bytes(tmp_path / "a.zip")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceError, match="no regular file"):
        read_bytes(tmp_path / "pipe.csv")
