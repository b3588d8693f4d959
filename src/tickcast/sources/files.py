"""Files of a source: which ones are meant, and their bytes, decompressed in bounded memory with every truncation noticed."""

from __future__ import annotations

import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, BinaryIO

import zstandard

from tickcast.errors import SourceError

__all__ = ["FETCH_AGAIN", "Paths", "blocks", "list_files", "member_names", "most_unpacked", "read_bytes"]

Paths = str | Path | Sequence[str | Path]
FETCH_AGAIN = "fetch the file again, it is damaged"
"""What to do about a file whose content cannot be right."""
_ARCHIVES = (".zip", ".whl")
_BLOCK = 4 << 20
_SLICE = 4 << 10  # a few bytes of zstd may stand for 128 KiB: a slice unfolds to 128 MiB at the very most
_BROKEN = (OSError, EOFError, RuntimeError, ValueError, struct.error, lzma.LZMAError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError)
_WHOLE = 256 << 20  # bytes that any file may unfold to when it is read as a whole
_RATIO = 24  # and as often its own size on top; market data packs ten to one, bombs a thousand to one


def list_files(paths: Paths, pattern: str) -> tuple[Path, ...]:
    """The files meant by a path, a folder (its files matching `pattern`), a glob or a list of these; sorted inside each folder or glob.

    A path inside an archive is written `file.whl!member`. Raises SourceError where nothing is found.
    """
    if not isinstance(paths, str | Path):
        return tuple(file for path in paths for file in list_files(path, pattern))
    path = Path(paths)
    if "!" in path.name or "!" in str(path):
        return (path,)
    if path.is_file():
        return (path,)
    found = sorted(path.glob(pattern)) if path.is_dir() else sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
    found = [file for file in found if file.is_file()]
    if not found:
        raise SourceError("no such file", file=path, hint=f"name a file, a folder holding {pattern} or a glob that matches")
    return tuple(found)


def read_bytes(path: Path, member: str | None = None) -> bytes:
    """The file's bytes, decompressed as by `blocks`. Raises SourceError also where a packed file unfolds beyond all measure."""
    outer = Path(str(path).partition("!")[0])
    parts: list[bytes] = []
    total, most = 0, 0
    for block in blocks(path, member):
        most = most or most_unpacked(outer.stat().st_size)
        total += len(block)
        if total > most:
            hint = "unpack it first if it is meant to be so large"
            raise SourceError(f"unfolds to more than {most >> 20} MiB from {outer.stat().st_size:,} bytes", file=path, hint=hint)
        parts.append(block)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def most_unpacked(size: int) -> int:
    """Bytes that a packed file of `size` bytes may unfold to at the most when it is read as a whole."""
    return _WHOLE + _RATIO * size


def blocks(path: Path, member: str | None = None) -> Iterator[bytes]:
    """The file's bytes in order, some MiB at a time; .xz, .gz, .zst, .zip and .whl are decompressed.

    Raises SourceError where the file is absent, truncated or altered; what came before is not to be trusted then.
    """
    outer, _, inner = str(path).partition("!")
    archive = Path(outer)
    try:
        if archive.suffix in _ARCHIVES:
            yield from _member_blocks(archive, member or inner or None)
            return
        if archive.exists() and not archive.is_file():
            raise OSError("is no regular file")  # a pipe would be waited for
        with archive.open("rb") as stream:
            unpack = _PACKED.get(archive.suffix)
            if unpack is not None and archive.stat().st_size == 0:
                raise EOFError("is empty, which no packed file is")
            yield from _slices(stream, _BLOCK) if unpack is None else unpack(stream)
    except _BROKEN as error:
        raise _damaged(archive, error) from error


def member_names(archive: Path) -> list[str]:
    """The names of the files in a zip. Raises SourceError where it is absent or damaged."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return [name for name in opened.namelist() if not name.endswith("/")]
    except _BROKEN as error:
        raise _damaged(archive, error) from error


def _damaged(path: Path, error: Exception) -> SourceError:
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return SourceError(f"cannot be read: {reason}", file=path, hint="fetch the file again, it is absent or damaged")


def _slices(stream: IO[bytes], size: int) -> Iterator[bytes]:
    return iter(lambda: stream.read(size), b"")


def _member_blocks(archive: Path, member: str | None) -> Iterator[bytes]:
    with zipfile.ZipFile(archive) as opened:
        names = [name for name in opened.namelist() if not name.endswith("/")]
        if member is None and len(names) == 1:
            member = names[0]
        if member not in names:
            raise SourceError(f"holds no member {member!r}", file=archive, hint=f"name one of {', '.join(names[:5])}")
        if opened.getinfo(member).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            hint = "unpack it, or pack it by deflate, as zip does by default"  # zipfile unfolds what it reads of bzip2 and LZMA at once
            raise SourceError(f"member {member} is packed by a method that cannot be read in bounded memory", file=archive, hint=hint)
        try:
            with opened.open(member) as stream:  # checks the member's CRC at its end
                yield from _slices(stream, _BLOCK)
        except RuntimeError as error:  # encrypted, or packed by a method that zipfile does not know
            raise SourceError(f"member {member} cannot be read: {error}", file=archive, hint="fetch the file again") from error


def _gzip(stream: BinaryIO) -> Iterator[bytes]:
    with gzip.open(stream) as unpacked:
        yield from iter(lambda: unpacked.read(_BLOCK), b"")


def _xz(stream: BinaryIO) -> Iterator[bytes]:
    with lzma.open(stream) as unpacked:
        yield from iter(lambda: unpacked.read(_BLOCK), b"")


def _zstd(stream: BinaryIO) -> Iterator[bytes]:
    """All frames one after another; a frame that does not reach its end is a truncated file."""
    decoder, read = zstandard.ZstdDecompressor().decompressobj(), 0
    for packed in _slices(stream, _SLICE):
        read += len(packed)
        rest = packed
        while rest:
            if decoder.eof:
                decoder = zstandard.ZstdDecompressor().decompressobj()
            block = decoder.decompress(rest)
            if block:
                yield block
            rest = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise zstandard.ZstdError(f"zstd frame ends early after {read} bytes")


_PACKED: Mapping[str, Callable[[BinaryIO], Iterator[bytes]]] = {".xz": _xz, ".gz": _gzip, ".zst": _zstd}
